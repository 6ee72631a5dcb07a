"""Words and marks for merges that may be false."""

import pytest
from msgspec import UNSET

from coordinator.views.false_merges import FalseMergesView
from coordinator.views.record_line import RecordLine
from deploy.views.best_so_far import Frame, Point, draw
from deploy.views.units import false_in_words, probability, record_in_words


@pytest.mark.parametrize(("merges", "expected", "marked", "words"), [
    (5, 0.31, 0, "about 0.3 of 5 merges are expected to be no better in truth"),
    (1, 0.2, 0, "about 0.2 of 1 merge is expected to be no better in truth"),
    (3, 0.003, 0, "fewer than 0.1 of 3 merges are expected to be no better in truth"),
    (3, 1.0, 2,
     "about 1.0 of 3 merges are expected to be no better in truth; 2 of them on values with a mark"),
])  # fmt: skip
def test_how_many_merges_may_be_false(merges: int, expected: float, marked: int, words: str) -> None:
    view = FalseMergesView(merges=merges, expected=expected, unknown="", marked=marked)
    assert false_in_words(view) == words


@pytest.mark.parametrize(("merges", "words"), [
    (4, "not known how many of 4 merges are no better in truth: it is too early"),
    (1, "not known whether the one merge is no better in truth: it is too early"),
])  # fmt: skip
def test_what_is_not_known_is_never_none_of_them(merges: int, words: str) -> None:
    view = FalseMergesView(merges=merges, expected=None, unknown="it is too early", marked=0)
    assert false_in_words(view) == words


def test_a_probability_is_never_said_to_be_0_or_1() -> None:
    assert [probability(share) for share in (0.0, 0.04, 0.5, 1.0, None)] == [
        "< 1 %",
        "4 %",
        "50 %",
        "> 99 %",
        "not known",
    ]
    assert probability(UNSET) == ""


def test_a_record_is_a_line_and_a_rehearsal_is_marked() -> None:
    line = RecordLine(
        record="c0001",
        kind="certify",
        program="best",
        experiment="e00012",
        against="baseline",
        shown="better",
        certified=True,
        open="",
        test="z",
        statistic=3.09,
        p=0.001,
        runs=8,
        finished_at=0.0,
    )
    assert record_in_words(line) == "c0001: certified, better, z 3.1, p < .01, 8 runs a side"
    rest = {name: getattr(line, name) for name in line.__struct_fields__}
    marked = RecordLine(**rest | {"certified": False, "open": "simulated", "test": "", "p": None})
    assert record_in_words(marked) == "c0001: better (simulated)"


def test_the_staircase_goes_by_what_became_the_best_and_shows_stacks_and_roll_backs() -> None:
    """A step that was lucky and merged below a certificate is no stair of its own."""
    points = [
        Point(1.0, kept=True),
        Point(0.75, stacked=True),
        Point(0.8, kept=True),
        Point(0.7, rolled_back=True),
        Point(0.95),
        Point(None),
    ]
    picture = draw(points, Frame(metric="val_bpb", minimize=True, baseline=1.0, width=40))
    *_, legend = picture.splitlines()
    assert "● kept 2   ○ merged below 1   · rejected 1   ◌ rolled back 1   × crashed 1" in legend
    bottom = next(line for line in picture.splitlines() if "○" in line)
    assert "─" not in bottom
    assert "◌" in picture
