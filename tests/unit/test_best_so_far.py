"""The best-so-far chart, read as a person reads it: which character is where."""

from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploy.views.best_so_far import ABOVE, BASELINE, CRASHED, FLOOR, KEPT, REJECTED, Frame, Point, draw

FRAME = Frame(metric="val_bpb", minimize=True, baseline=2.2, floor=None, width=48, height=9)


def picture(points: list[Point], **changes: object) -> list[str]:
    settings = {"metric": "val_bpb", "minimize": True, "baseline": 2.2, "width": 48, "height": 9} | changes
    return draw(points, Frame(**settings)).splitlines()  # type: ignore[arg-type] # the types are those of the frame


def drawn(lines: list[str]) -> list[str]:
    """The rows between the head and the axis, from the axis on."""
    return [
        line.partition("┤" if "┤" in line else "│")[2]
        for line in lines
        if "┤" in line or line.lstrip().startswith("│")
    ]


def rows_with(lines: list[str], mark: str) -> list[int]:
    return [number for number, row in enumerate(drawn(lines)) if mark in row]


def test_nothing_measured_is_said_in_words() -> None:
    assert draw([], FRAME) == "val_bpb: nothing is measured yet"
    assert draw([Point(None), Point(None)], FRAME) == "val_bpb: nothing is measured yet"


def test_one_point_is_one_flat_stair() -> None:
    lines = picture([Point(2.2, kept=True)])
    assert len(rows_with(lines, KEPT)) == 1
    assert drawn(lines)[rows_with(lines, KEPT)[0]].startswith(KEPT + "─")
    assert "1 finished" in lines[-2]


def test_equal_values_lie_on_one_row() -> None:
    lines = picture([Point(2.2, kept=True), Point(2.2), Point(2.2, kept=True)])
    assert rows_with(lines, KEPT) == rows_with(lines, REJECTED)
    assert "│" not in "".join(drawn(lines))


def test_stairs_go_down_where_lower_is_better() -> None:
    lines = picture([Point(2.2, kept=True), Point(2.1, kept=True), Point(2.0, kept=True)])
    rows = drawn(lines)
    assert rows[0].startswith(KEPT)
    assert rows[-1].rstrip().endswith("─")
    assert rows_with(lines, KEPT) == [0, 4, 8]
    assert lines[0] == "val_bpb (lower is better)"


def test_stairs_go_up_where_higher_is_better() -> None:
    lines = picture(
        [Point(0.5, kept=True), Point(0.7, kept=True), Point(0.9, kept=True)],
        metric="accuracy",
        minimize=False,
        baseline=0.5,
    )
    rows = drawn(lines)
    assert rows[-1].startswith(KEPT)
    assert rows_with(lines, KEPT) == [0, 4, 8]
    assert rows[0].rstrip().endswith("─")
    assert lines[0] == "accuracy (higher is better)"


def test_crashes_are_a_rug_on_the_axis_and_nowhere_else() -> None:
    lines = picture([Point(2.2, kept=True), Point(None), Point(nan), Point(inf), Point(2.1, kept=True)])
    axis = next(line for line in lines if "└──" in line or "└×" in line)
    assert axis.count(CRASHED) == 3
    assert not rows_with(lines, CRASHED)
    assert "crashed 3" in lines[-1]


def test_one_very_bad_value_does_not_flatten_the_stairs() -> None:
    lines = picture([Point(2.2, kept=True), Point(2.1, kept=True), Point(900.0)])
    assert rows_with(lines, KEPT) == [0, 8]
    assert rows_with(lines, ABOVE) == [0]
    assert "1 of them" in lines[-1]


def test_a_near_floor_is_a_line_and_a_far_one_is_a_number() -> None:
    points = [Point(2.2, kept=True), Point(2.0, kept=True)]
    near, far = picture(points, floor=1.95), picture(points, floor=1.0)
    assert FLOOR in drawn(near)[-1]
    assert f"{FLOOR} floor 1.95" in near[-1]
    assert not rows_with(far, FLOOR)
    assert "not in the picture" in far[-1]


def test_the_baseline_is_a_line_with_its_number() -> None:
    lines = picture([Point(2.2, kept=True), Point(2.0, kept=True)])
    assert rows_with(lines, BASELINE) == [0]
    assert f"{BASELINE} baseline 2.2000" in lines[-1]


def test_labels_are_the_values_of_their_rows() -> None:
    labels = [
        line.partition("┤")[0].strip()
        for line in picture([Point(2.2, kept=True), Point(2.0, kept=True)])
        if "┤" in line
    ]
    assert [float(label) for label in labels] == pytest.approx(
        [2.2 - 0.025 * row for row in range(9)], abs=0.001
    )


def test_a_kept_point_covers_rejected_ones_in_its_column() -> None:
    lines = picture([Point(2.2, kept=True), *[Point(2.2)] * 400, Point(2.0, kept=True), *[Point(2.0)] * 400])
    assert sum(row.count(KEPT) for row in drawn(lines)) == 2


@example(
    values=[(0.0, True), (1.0, False), (1.1e-308, True)],
    minimize=True,
    baseline=None,
    floor=None,
    width=78,
    height=14,
)
@given(
    values=st.lists(st.tuples(st.none() | st.floats() | st.floats(-10, 10), st.booleans()), max_size=60),
    minimize=st.booleans(),
    baseline=st.none() | st.floats(-1e6, 1e6),
    floor=st.none() | st.floats(-1e6, 1e6),
    width=st.integers(20, 120),
    height=st.integers(1, 30),
)
def test_any_campaign_can_be_drawn_within_its_frame(
    values: list[tuple[float | None, bool]],
    minimize: bool,
    baseline: float | None,
    floor: float | None,
    width: int,
    height: int,
) -> None:
    points = [Point(value, kept) for value, kept in values]
    frame = Frame(metric="m", minimize=minimize, baseline=baseline, floor=floor, width=width, height=height)
    lines = draw(points, frame).splitlines()
    assert len(lines) in (1, max(3, height) + 4)
    if len(lines) > 1:
        gutter = lines[-3].index("└")
        assert all(len(line) <= max(width, gutter + 18) for line in lines[1:-1])
