import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.variants.merge import MergeConflictError, merge

BASE = "A = 1\nB = 2\nC = 3\nD = 4\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        ("A = 9\nB = 2\nC = 3\nD = 4\n", "A = 1\nB = 8\nC = 3\nD = 4\n", "A = 9\nB = 8\nC = 3\nD = 4\n"),
        ("A = 9\nB = 9\nC = 3\nD = 4\n", "A = 1\nB = 2\nC = 8\nD = 8\n", "A = 9\nB = 9\nC = 8\nD = 8\n"),
        ("A = 9\nB = 2\nC = 9\nD = 4\n", "A = 1\nB = 8\nC = 3\nD = 8\n", "A = 9\nB = 8\nC = 9\nD = 8\n"),
        ("A = 9\nB = 2\nC = 3\nD = 4\n", "A = 9\nB = 2\nC = 3\nD = 5\n", "A = 9\nB = 2\nC = 3\nD = 5\n"),
        (BASE, "A = 1\nD = 4\n", "A = 1\nD = 4\n"),
        ("A = 1\nB = 2\nC = 3\nD = 9", "A = 7\nB = 2\nC = 3\nD = 4\n", "A = 7\nB = 2\nC = 3\nD = 9"),
        (
            "A = 9\nB = 2\nC = 3\nD = 4\n",
            "A = 1\nB = 2\nC = 3\nD = 4\nE = 5\n",
            "A = 9\nB = 2\nC = 3\nD = 4\nE = 5\n",
        ),
    ],
)
def test_edits_of_different_lines_go_together_even_side_by_side(ours: str, theirs: str, merged: str) -> None:
    assert merge(BASE, ours, theirs) == merged
    assert merge(BASE, theirs, ours) == merged


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("A = 9\nB = 2\nC = 3\nD = 4\n", "A = 8\nB = 2\nC = 3\nD = 4\n"),
        ("A = 1\nC = 3\nD = 4\n", "A = 1\nB = 9\nC = 3\nD = 4\n"),
        (BASE + "E = 5\n", BASE + "F = 6\n"),
        ("A = 1\nX = 0\nB = 2\nC = 3\nD = 4\n", "A = 7\nB = 2\nC = 3\nD = 4\n"),
    ],
)
def test_edits_of_the_same_place_conflict(ours: str, theirs: str) -> None:
    with pytest.raises(MergeConflictError):
        merge(BASE, ours, theirs)


LINES = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(base=LINES, text=LINES)
def test_an_edit_beside_no_edit_is_itself(base: str, text: str) -> None:
    assert merge(base, base, text) == merge(base, text, base) == merge(base, text, text) == text
