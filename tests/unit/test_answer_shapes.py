"""Drafts, thoughts, several edits and code left out: what is made of each shape of answer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.edits.apply import apply
from agents.edits.outcome import Edited, Fault, Format, Problem
from agents.proposers.llm.answer import title_and_hypothesis
from tests.unit.answer_shapes import (
    DRAFTS,
    FINAL,
    FINALS,
    HONEST,
    LEFT_OUT,
    PARENT,
    RUNS,
    SMALL,
    TAGS_IN_CODE,
    THOUGHTS,
    Shape,
    block,
    changed,
    left_out,
)
from tests.unit.strange_answers import STRANGE

KINDS = (THOUGHTS, TAGS_IN_CODE, RUNS, LEFT_OUT, HONEST, STRANGE)
SHAPES = {name: shape for kind in KINDS for name, shape in kind.items()}


def test_no_two_shapes_have_one_name() -> None:
    assert len(SHAPES) == sum(map(len, KINDS)) >= 120


@pytest.mark.parametrize("name", SHAPES)
def test_an_answer_of_each_shape_gives_what_it_means_or_is_sent_back(name: str) -> None:
    expect(SHAPES[name])


LONG = 50_000
"""Letters of an answer that is made to take long: what is quadratic would take minutes."""
ENDLESS = {
    "tags": "<think>" * (LONG // 7),
    "a tag that does not end": "<think " + "a " * LONG,
    "blanks in a tag": "<" + " " * LONG,
    "signs of templates": "<|end|>" * (LONG // 7) + "x",
    "minus": "-" * LONG,
    "quotations": "> " * LONG,
    "fences": "```python\n" * (LONG // 10),
    "hunks": "@@\n-a\n+b\n" * (LONG // 9),
    "remarks": block("RATE = 0.1\n", "# keep other model code ...\n" * (LONG // 28)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_no_answer_takes_long(name: str) -> None:
    began = time.process_time()
    assert isinstance(apply(ENDLESS[name], PARENT), Problem)
    assert time.process_time() - began < 5


def expect(shape: Shape) -> None:
    answer, wanted, there, gone = shape
    result = apply(answer, PARENT)
    if isinstance(wanted, Format):
        assert isinstance(result, Edited), result
        assert result.format is wanted
        assert there in result.source
        assert not gone or gone not in result.source
    else:
        assert isinstance(result, Problem), result.source
        assert result.kind is wanted, result


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_nothing_that_is_sent_back_is_without_a_word_on_how_to_do_better(name: str, end: str) -> None:
    result = apply(SHAPES[name][0].replace("\n", end), PARENT)
    if isinstance(result, Problem):
        assert "\n" not in result.message
        assert result.hint or result.kind in (Fault.NO_OP, Fault.CONTRACT, Fault.OUTSIDE_SURFACE)


CLOSING = ["</think>\n", "</thinking>\n\n", "\n</reasoning>", "[/THINK]\n", "<|end_of_thought|>", "◁/think▷"]


@given(
    st.lists(st.sampled_from([*DRAFTS.values()]), min_size=1, max_size=4).map("\n".join),
    st.sampled_from(CLOSING),
    st.sampled_from([*FINALS.values()]),
    st.booleans(),
)
def test_no_draft_before_the_end_of_a_thought_changes_anything(
    draft: str, closing: str, final: str, opened: bool
) -> None:
    alone = apply(final, PARENT)
    assert isinstance(alone, Edited)
    assert alone.source == changed(SMALL)
    assert apply(f"{'<think>' if opened else ''}{draft}{closing}{final}", PARENT) == alone
    assert title_and_hypothesis(f"{draft}{closing}{final}") == title_and_hypothesis(final)


@given(
    st.lists(st.sampled_from([*DRAFTS.values()]), max_size=4).map("\n".join),
    st.sampled_from([*FINALS.values()]),
)
def test_what_is_only_thought_is_never_made(draft: str, final: str) -> None:
    for answer in (f"<think>\n{draft}\n{final}", f"{final}\n{draft}\n</think>\n"):
        assert isinstance(apply(answer, PARENT), Problem)


@given(st.sampled_from(["blocks", "a diff", "a whole file", "a title"]), st.sampled_from([*FINALS.values()]))
def test_of_edits_with_a_title_between_them_none_is_made(draft: str, final: str) -> None:
    result = apply(f"{DRAFTS[draft]}\n{final}", PARENT)
    assert isinstance(result, Problem)
    assert result.kind is Fault.AMBIGUOUS


def test_a_line_that_the_parent_has_is_no_placeholder_of_the_edit() -> None:
    parent = PARENT.replace("RATE = 0.1\n", "RATE = 0.1\n# ... rest of the constants ...\n")
    edited = apply(block("RATE = 0.1\n", "RATE = 0.2\n"), parent)
    assert isinstance(edited, Edited)
    assert "# ... rest of the constants ...\n" in edited.source


def test_a_placeholder_is_shown_with_its_line() -> None:
    problem = apply(left_out("        # ... rest of the loop"), PARENT)
    assert isinstance(problem, Problem)
    assert problem.message == "line 30 of the edited file leaves code out at '# ... rest of the loop'"
    assert problem.hint.startswith("Write out every line of what you change.")


def test_the_title_is_that_of_the_edit_and_not_of_a_thought() -> None:
    answer = f"<think>\nTITLE: deeper\n{DRAFTS['blocks']}</think>\n{FINAL}"
    assert title_and_hypothesis(answer) == ("smaller batch", "more steps in the same budget")


def test_the_last_title_before_the_edit_counts() -> None:
    assert title_and_hypothesis(f"TITLE: deeper\nToo slow.\n{FINAL}TITLE: again\n")[0] == "smaller batch"
