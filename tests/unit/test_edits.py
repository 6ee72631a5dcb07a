"""Answers put onto a surface: every way a model gets it nearly right, and what must happen. Nothing is ever
half-applied or guessed.
"""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.edits.apply import MAX_ANSWER, apply
from agents.edits.blocks import MAX_BLOCKS
from agents.edits.outcome import MAX_HINT, Edited, Fault, Format, Problem
from coordinator.variants.source import digest

PARENT = '''"""A small surface."""

import math

from prepare import TIME_BUDGET, evaluate_bpb

DEPTH = 8
LR = 0.1  # per step


class Model:
    def forward(self, x):
        if DEPTH > 4:
            x = x + 1
            x = x * 2
        return math.sqrt(x)

    def backward(self, x):
        if DEPTH > 4:
            x = x - 1
        return x


model = Model()
evaluate_bpb(model)
'''


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def changed(*pairs: tuple[str, str], parent: str = PARENT) -> str:
    """The parent with plain text replacements, each of which occurs exactly once."""
    for old, new in pairs:
        assert parent.count(old) == 1
        parent = parent.replace(old, new)
    return parent


DEPTH_10 = changed(("DEPTH = 8", "DEPTH = 10"))
BLOCK = block("DEPTH = 8\n", "DEPTH = 10\n")
DIFF = (
    "--- a/train.py\n+++ b/train.py\n@@ -5,4 +5,4 @@\n from prepare import TIME_BUDGET, evaluate_bpb\n \n"
    "-DEPTH = 8\n+DEPTH = 10\n LR = 0.1  # per step\n"
)
DEEPER = changed(("            x = x + 1\n", "            x = x + 3\n"))
TWICE = "            x = x + 1\n            x = x * 2\n"

APPLIED = {
    "exact": (BLOCK, DEPTH_10),
    "prose around": (f"TITLE: deeper\n\nI would go deeper:\n\n{BLOCK}\nThis should help.\n", DEPTH_10),
    "fences around": (f"```python\n{BLOCK}```\n", DEPTH_10),
    "fences around, with the file's name": (f"train.py\n```python\n{BLOCK}```\n", DEPTH_10),
    "fences inside": (block("```python\nDEPTH = 8\n```\n", "```python\nDEPTH = 10\n```\n"), DEPTH_10),
    "the file's name in the marker": (BLOCK.replace("SEARCH", "SEARCH ./train.py"), DEPTH_10),
    "trailing blanks": (block("DEPTH = 8   \nLR = 0.1  # per step\t\n",
    "DEPTH = 10  \nLR = 0.1  # per step\t\n"), DEPTH_10),
    "blank lines around": (block("\nDEPTH = 8\n\n", "\nDEPTH = 10\n\n"), DEPTH_10),
    "blanks behind the markers": (BLOCK.replace("SEARCH", "SEARCH  ").replace("=======", "=======  "),
    DEPTH_10),
    "carriage returns": (BLOCK.replace("\n", "\r\n"), DEPTH_10),
    "indentation lost": (block("x = x + 1\nx = x * 2\n", "x = x + 3\nif x:\n    x = x * 2\n"),
        changed((TWICE, "            x = x + 3\n            if x:\n                x = x * 2\n"))),
    "indentation lost on every level": (block("if DEPTH > 4:\nx = x + 1\n", "if DEPTH > 4:\nx = x + 3\n"),
    DEEPER),
    "indentation lost on the first line": (block("x = x + 1\n            x = x * 2\n",
    "x = x + 3\n            x = x * 2\n"), DEEPER),
    "indentation gained": (block("    DEPTH = 8\n", "    DEPTH = 10\n"), DEPTH_10),
    "tabs for blanks": (block("\t\tif DEPTH > 4:\n\t\t\tx = x + 1\n", "\t\tif DEPTH > 4:\n\t\t\tx = x + 3\n"),
    DEEPER),
    "empty REPLACE": (block("            x = x + 1\n", ""), changed(("            x = x + 1\n", ""))),
    "empty SEARCH, at the end": (block("", "print('done')\n"), PARENT + "print('done')\n"),
    "REPLACE with a row of equal signs": (block("DEPTH = 8\n",
    'NOTE = """\nTitle\n=======\n"""\nDEPTH = 10\n'),
                                          changed(("DEPTH = 8",
                                          'NOTE = """\nTitle\n=======\n"""\nDEPTH = 10'))),
    "indented markers": ("  <<<<<<< SEARCH\n  DEPTH = 8\n  =======\n  DEPTH = 10\n  >>>>>>> REPLACE\n",
    DEPTH_10),
    "indented markers, lines as they are":
        ("  <<<<<<< SEARCH\nDEPTH = 8\n  =======\nDEPTH = 10\n  >>>>>>> REPLACE\n", DEPTH_10),
    "the second block edits what the first one wrote": (block("DEPTH = 8\n",
    "DEPTH = 9\n") + block("DEPTH = 9\n", "DEPTH = 10\n"), DEPTH_10),
    "a block said twice": (block("DEPTH = 8\n", "DEPTH = 8\nWIDTH = 2\n") * 2, changed(("DEPTH = 8\n",
    "DEPTH = 8\nWIDTH = 2\n"))),
    "two blocks": (BLOCK + block("LR = 0.1  # per step\n", "LR = 0.2\n"), changed(("DEPTH = 8", "DEPTH = 10"),
    ("LR = 0.1  # per step", "LR = 0.2"))),
    "diff": (DIFF, DEPTH_10),
    "diff in a fence with prose": (f"Deeper:\n```diff\n{DIFF}```\n- it may be slower\n", DEPTH_10),
    "diff with prose behind": (f"{DIFF}\n- it may be slower\n- it may not\n", DEPTH_10),
    "diff with wrong counts": ("```diff\n" + DIFF.replace("-5,4 +5,4", "-50,9 +70,2") + "```\n", DEPTH_10),
    "diff without numbers": ("```diff\n" + DIFF.replace("@@ -5,4 +5,4 @@", "@@ constants @@") + "```\n",
    DEPTH_10),
    "diff without a hunk's line": ("```diff\n-DEPTH = 8\n+DEPTH = 10\n```\n", DEPTH_10),
    "diff with a blank lost before context": (
        "```diff\n@@ -13,2 +13,2 @@\n        if DEPTH > 4:\n-            x = x + 1\n"
        "+            x = x + 3\n```\n", DEEPER),
    "diff with a blank context line bare": (DIFF.replace("\n \n", "\n\n"), DEPTH_10),
    "diff from a tool": (f"diff --git a/train.py b/train.py\nindex 1..2 100644\n{DIFF}", DEPTH_10),
    "diff whose right number decides": ("@@ -19,1 +19,2 @@\n         if DEPTH > 4:\n+            x = 0\n",
                                        changed(("            x = x - 1\n",
                                        "            x = 0\n            x = x - 1\n"))),
    "whole file": (f"Here it is:\n```python\n{DEPTH_10}```\n", DEPTH_10),
    "whole file, bare": (DEPTH_10, DEPTH_10),
    "whole file beside a snippet": (f"```python\nDEPTH = 10\n```\nIn full:\n```python\n{DEPTH_10}```\n",
    DEPTH_10),
    "whole file with fences inside": (f'```python\n{DEPTH_10}NOTE = """\n```\nx\n```\n"""\n```\n',
    DEPTH_10 + 'NOTE = """\n```\nx\n```\n"""\n'),
    "a form feed is no line's end": (block("DEPTH = 8\n", "\fDEPTH = 10\n"), changed(("DEPTH = 8",
    "\fDEPTH = 10"))),
}  # fmt: skip


@pytest.mark.parametrize("name", APPLIED)
def test_an_answer_that_means_one_thing_is_applied(name: str) -> None:
    answer, expected = APPLIED[name]
    edited = apply(answer, PARENT)
    assert isinstance(edited, Edited), edited
    assert edited.source == expected


REFUSED = {
    "SEARCH not found": (block("DEPTH = 7\n", "DEPTH = 10\n"), Fault.NOT_FOUND),
    "of two blocks one matches": (BLOCK + block("WIDTH = 3\n", "WIDTH = 4\n"), Fault.NOT_FOUND),
    "SEARCH matches twice": (block("        if DEPTH > 4:\n", "        if DEPTH > 5:\n"), Fault.AMBIGUOUS),
    "SEARCH without indentation matches twice": (block("if DEPTH > 4:\n", "if DEPTH > 5:\n"),
    Fault.AMBIGUOUS),
    "empty SEARCH binds what is bound": (block("", "DEPTH = 10\n"), Fault.AMBIGUOUS),
    "empty SEARCH with a whole file": (block("", DEPTH_10), Fault.AMBIGUOUS),
    "empty SEARCH with an indented piece": (block("", "    def more(self):\n        return 1\n"),
    Fault.AMBIGUOUS),
    "empty SEARCH beside another block": (BLOCK + block("", "print(1)\n"), Fault.AMBIGUOUS),
    "both empty": (block("", ""), Fault.AMBIGUOUS),
    "no-op": (block("DEPTH = 8\n", "DEPTH = 8\n"), Fault.NO_OP),
    "no-op as a program": (block("DEPTH = 8\n", "DEPTH = 8  # deep\n"), Fault.NO_OP),
    "does not compile": (block("DEPTH = 8\n", "DEPTH = (8\n"), Fault.DOES_NOT_COMPILE),
    "a null byte": (block("DEPTH = 8\n", "DEPTH = '\0'\n"), Fault.DOES_NOT_COMPILE),
    "half a surrogate": (block("DEPTH = 8\n", "DEPTH = '\ud800'\n"), Fault.DOES_NOT_COMPILE),
    "return at module level": (block("DEPTH = 8\n", "return\n"), Fault.DOES_NOT_COMPILE),
    "nested too deep": (block("DEPTH = 8\n", "DEPTH = " + "(" * 500 + "8" + ")" * 500 + "\n"),
    Fault.DOES_NOT_COMPILE),
    "operators nested too deep": (block("DEPTH = 8\n", "DEPTH = " + "-" * 9000 + "8\n"),
    Fault.DOES_NOT_COMPILE),
    "another file by its name before": (f"prepare.py\n```python\n{BLOCK}```\n", Fault.OUTSIDE_SURFACE),
    "another file in bold": (f"**File: `prepare.py`**\n\n{BLOCK}", Fault.OUTSIDE_SURFACE),
    "another file behind the fence": (f"```python prepare.py\n{BLOCK}```\n", Fault.OUTSIDE_SURFACE),
    "another file in the marker": (BLOCK.replace("SEARCH", "SEARCH evaluator/judging/judge.py"),
    Fault.OUTSIDE_SURFACE),
    "another file among good ones": (f"train.py\n{BLOCK}\nrequirements.txt\n{block('torch', 'jax')}",
    Fault.OUTSIDE_SURFACE),
    "a diff of another file": (DIFF.replace("train.py", "prepare.py"), Fault.OUTSIDE_SURFACE),
    "a diff of two files": (DIFF + DIFF.replace("train.py", "prepare.py"), Fault.OUTSIDE_SURFACE),
    "a diff that makes a file": ("--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x = 1\n",
    Fault.OUTSIDE_SURFACE),
    "a diff that deletes the file": ("--- a/train.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-DEPTH = 8\n",
    Fault.OUTSIDE_SURFACE),
    "another whole file": (f"prepare.py:\n```python\n{DEPTH_10}```\n", Fault.OUTSIDE_SURFACE),
    "truncated in REPLACE": ("<<<<<<< SEARCH\nDEPTH = 8\n=======\nDEPTH = 1", Fault.TRUNCATED),
    "truncated in SEARCH": ("<<<<<<< SEARCH\nDEPTH = 8\n", Fault.TRUNCATED),
    "truncated in the second block": (BLOCK + "<<<<<<< SEARCH\nLR = 0", Fault.TRUNCATED),
    "truncated diff": (DIFF.removesuffix(" LR = 0.1  # per step\n"), Fault.TRUNCATED),
    "truncated diff in a fence": (f"```diff\n{DIFF}", Fault.TRUNCATED),
    "truncated whole file": (f"```python\n{DEPTH_10}", Fault.TRUNCATED),
    "a block that is not closed": ("<<<<<<< SEARCH\nDEPTH = 8\n=======\nDEPTH = 9\n" + BLOCK,
    Fault.MALFORMED),
    "a block without a divider": ("<<<<<<< SEARCH\nDEPTH = 8\nDEPTH = 9\n>>>>>>> REPLACE\n", Fault.MALFORMED),
    "REPLACE with a closing marker": (block("DEPTH = 8\n", "DEPTH = 9\n>>>>>>> REPLACE\nWIDTH = 2\n"),
    Fault.MALFORMED),
    "indentation that nobody can tell": (block("if DEPTH > 4:\nx = x + 1\n",
    "if DEPTH > 4:\nx = x + 1\nx = 7\n"), Fault.INDENTATION),
    "indentation lost on one side only": (block("x = x + 1\n", "            x = x + 3\n"), Fault.INDENTATION),
    "a snippet": ("```python\nDEPTH = 10\n```\n", Fault.SNIPPET),
    "a snippet that could run": ("```python\nfrom prepare import evaluate_bpb\nevaluate_bpb(None)\n```\n",
    Fault.SNIPPET),
    "a whole file with something left out":
        (f"```python\n{changed(('model = Model()', '# ... the model ...'))}```\n", Fault.SNIPPET),
    "a whole file with something left unchanged":
        (f"```python\n{changed(('import math', '# imports unchanged'))}```\n", Fault.SNIPPET),
    "a blank line that stands in many places": (block("\n", "x = 1\n"), Fault.AMBIGUOUS),
    "a whole file that no longer measures":
        (f"```python\n{changed(('evaluate_bpb(model)', 'print(model)'))}```\n", Fault.CONTRACT),
    "an edit that no longer measures": (block("evaluate_bpb(model)\n", "print(model)\n"), Fault.CONTRACT),
    "an edit that brings its own measure": (block("from prepare import TIME_BUDGET, evaluate_bpb\n",
    "evaluate_bpb = print\n"), Fault.CONTRACT),
    "a whole file that does not compile": (f"```python\n{DEPTH_10})\n```\n", Fault.DOES_NOT_COMPILE),
    "two different whole files": (f"```python\n{DEPTH_10}```\nor\n```python\n{DEEPER}```\n", Fault.AMBIGUOUS),
    "prose only": ("I would make the model deeper, because DEPTH = 8 is small.\n", Fault.NO_EDIT),
    "prose that is a program": ("pass\n", Fault.NO_EDIT),
    "nothing": ("", Fault.NO_EDIT),
    "a program in another language": ("```json\n{}\n```\n", Fault.NO_EDIT),
    "whole file as it was": (f"```python\n{PARENT}```\n", Fault.NO_OP),
    "blocks beside a whole file": (f"{BLOCK}\n```python\n{DEPTH_10}```\n", Fault.AMBIGUOUS),
    "blocks and a diff": (BLOCK + DIFF, Fault.AMBIGUOUS),
    "a hunk without a place": ("```diff\n@@ -8,0 +9 @@\n+WIDTH = 2\n+DEPTH = 9\n```\n", Fault.AMBIGUOUS),
    "a diff that fits twice":
        ("```diff\n@@ -1,9 +1,9 @@\n-        if DEPTH > 4:\n+        if DEPTH > 5:\n```\n", Fault.AMBIGUOUS),
    "a diff of which one hunk fits": (f"```diff\n{DIFF}@@ -1 +1 @@\n-WIDTH = 2\n+WIDTH = 3\n```\n",
    Fault.NOT_FOUND),
    "a diff without a change": ("```diff\n@@ -7 +7 @@\n DEPTH = 8\n```\n", Fault.NO_OP),
    "an answer without end": ("x" * (MAX_ANSWER + 1), Fault.TOO_LARGE),
    "blocks without end": (BLOCK * (MAX_BLOCKS + 1), Fault.TOO_LARGE),
    "a program without end": (block("DEPTH = 8\n", f"DEPTH = '{'x' * 200_000}'\n"), Fault.TOO_LARGE),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_answer_in_doubt_is_refused(name: str) -> None:
    answer, kind = REFUSED[name]
    problem = apply(answer, PARENT)
    assert isinstance(problem, Problem), problem.source
    assert problem.kind is kind, problem
    assert "\n" not in problem.message
    assert len(problem.hint) < MAX_HINT + 200


def test_the_format_is_known() -> None:
    formats = [apply(APPLIED[name][0], PARENT) for name in ("exact", "diff", "whole file")]
    assert [edited.format for edited in formats if isinstance(edited, Edited)] == [
        Format.BLOCKS,
        Format.DIFF,
        Format.WHOLE,
    ]


def test_a_search_that_is_not_found_shows_the_nearest_lines_and_the_difference() -> None:
    problem = apply(block("            x = x + 1\n            x = x * 3\n", "x = 0\n"), PARENT)
    assert isinstance(problem, Problem)
    assert "lines 14 to 15" in problem.hint
    assert "            x = x * 2" in problem.hint
    assert "-            x = x * 3\n+            x = x * 2" in problem.hint


def test_a_search_like_nothing_in_the_file_is_told_so() -> None:
    problem = apply(block("optimizer = Lion(beta)\n", "x = 0\n"), PARENT)
    assert isinstance(problem, Problem)
    assert problem.hint.startswith("Nothing in the file is like it")


def test_an_ambiguous_search_is_told_both_places() -> None:
    problem = apply(*REFUSED["SEARCH matches twice"][:1], PARENT)
    assert isinstance(problem, Problem)
    assert problem.message == "block 1 fits 2 places, at lines 13, 19"


def test_a_title_that_is_a_program_is_no_second_answer_and_no_file() -> None:
    """``TITLE: higher`` is an annotation, and a surface of one line is as short as it."""
    edited = apply("TITLE: higher\n" + block("LR = 0.1\n", "LR = 0.2\n"), "LR = 0.1\n")
    assert isinstance(edited, Edited)
    assert edited.source == "LR = 0.2\n"
    assert isinstance(apply("TITLE: higher\n", "LR = 0.1\n"), Problem)


def test_a_fault_in_the_program_is_shown_where_it_is() -> None:
    problem = apply(block("DEPTH = 8\n", "DEPTH = 8 8\n"), PARENT)
    assert isinstance(problem, Problem)
    assert "line 7" in problem.message
    assert "7> DEPTH = 8 8" in problem.hint


def test_a_surface_with_carriage_returns_keeps_them_everywhere() -> None:
    for answer in (BLOCK, DIFF, f"```python\n{DEPTH_10}```\n"):
        edited = apply(answer, PARENT.replace("\n", "\r\n"))
        assert isinstance(edited, Edited)
        assert edited.source == DEPTH_10.replace("\n", "\r\n")


def test_a_surface_indented_by_tabs_takes_an_edit_indented_by_blanks() -> None:
    tabbed = PARENT.replace("    ", "\t")
    edited = apply(
        block(
            "        if DEPTH > 4:\n            x = x + 1\n", "        if DEPTH > 4:\n            x = x + 3\n"
        ),
        tabbed,
    )
    assert isinstance(edited, Edited)
    assert edited.source == tabbed.replace("x + 1", "x + 3")


def test_a_surface_without_a_last_line_feed_stays_without() -> None:
    edited = apply(BLOCK, PARENT.removesuffix("\n"))
    assert isinstance(edited, Edited)
    assert edited.source == DEPTH_10.removesuffix("\n")


def test_a_move_with_equal_signs_that_reads_two_ways_is_refused() -> None:
    """The first divider makes it "replace a by …", the second "replace a, the row and b by …": both are in
    the file.
    """
    parent = 'A = """\na\n=======\nb\n"""\nB = """\nb\n"""\nC = 1\n'
    problem = apply("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE\n", parent)
    assert isinstance(problem, Problem)
    assert problem.kind is Fault.AMBIGUOUS


LINES = PARENT.split("\n")[:-1]


@st.composite
def exact_edits(draw: st.DrawFn) -> tuple[str, str]:
    """An exact edit of whole lines as a block, and the text it makes."""
    start = draw(st.integers(0, len(LINES) - 1))
    end = draw(st.integers(start + 1, len(LINES)))
    new = draw(
        st.lists(
            st.one_of(st.sampled_from(LINES), st.from_regex(r"[A-Z]{1,5} = [0-9]{1,3}", fullmatch=True)),
            max_size=6,
        )
    )
    answer = "\n".join(["<<<<<<< SEARCH", *LINES[start:end], "=======", *new, ">>>>>>> REPLACE", ""])
    return answer, "\n".join([*LINES[:start], *new, *LINES[end:], ""])


UNREACHED = block("        return x\n", "        return x\n        return x\n")


@settings(max_examples=300, deadline=None)
@given(exact_edits())
@example((UNREACHED, PARENT.replace("        return x\n", "        return x\n        return x\n")))
def test_an_exact_edit_gives_exactly_its_text_or_a_problem_that_is_true(edit: tuple[str, str]) -> None:
    answer, expected = edit
    match apply(answer, PARENT):
        case Edited(source=source):
            assert source == expected
        case Problem(kind=kind):
            assert kind not in (
                Fault.NOT_FOUND,
                Fault.MALFORMED,
                Fault.TRUNCATED,
                Fault.INDENTATION,
                Fault.SNIPPET,
                Fault.NO_EDIT,
                Fault.OUTSIDE_SURFACE,
            )
            assert (kind is not Fault.NO_OP) or digest(expected) == digest(PARENT)


UNIQUE = [f"VALUE_{number} = {number}" for number in range(30)]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 29),
    st.integers(1, 5),
    st.lists(st.integers(1000, 9999), min_size=1, max_size=5),
    st.booleans(),
)
def test_an_exact_edit_of_a_place_that_is_unique_always_applies(
    start: int, size: int, values: list[int], diff: bool
) -> None:
    new = [f"NEW_{number} = {value}" for number, value in enumerate(values)]
    old = UNIQUE[start : start + size]
    as_diff = [
        "```diff",
        "@@ -1,1 +1,1 @@",
        *(f"-{line}" for line in old),
        *(f"+{line}" for line in new),
        "```",
    ]
    as_block = ["<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE"]
    edited = apply("\n".join(as_diff if diff else as_block), "\n".join([*UNIQUE, ""]))
    assert isinstance(edited, Edited)
    assert edited.source == "\n".join([*UNIQUE[:start], *new, *UNIQUE[start + len(old) :], ""])


PIECES = [
    "<<<<<<< SEARCH",
    "=======",
    ">>>>>>> REPLACE",
    "```",
    "```python",
    "```diff",
    "@@ -1 +1 @@",
    "--- a/train.py",
    "+++ b/train.py",
    "+",
    "- x",
    "",
    *LINES,
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=20)), max_size=25).map("\n".join))
def test_garbage_never_raises_and_makes_a_program_only_by_an_edit_in_it(answer: str) -> None:
    result = apply(answer, PARENT)
    if isinstance(result, Edited):
        assert result.source != PARENT
        compile(result.source, "train.py", "exec", dont_inherit=True)
        assert ("SEARCH" in answer and "REPLACE" in answer) or "@@" in answer or "```diff" in answer


@settings(max_examples=300, deadline=None)
@given(st.text(), st.text())
def test_no_text_raises(answer: str, parent: str) -> None:
    assert isinstance(apply(answer, parent), Edited | Problem)
    assert isinstance(
        apply(f"<<<<<<< SEARCH\n{parent}\n=======\n{answer}\n>>>>>>> REPLACE", parent), Edited | Problem
    )
