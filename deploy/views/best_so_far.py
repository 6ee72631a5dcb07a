"""The best-so-far chart as text: what the search gained, drawn in a terminal as stairs.

- Pure: values in, lines out. Plain characters, no color: it reads the same in a log file.
- Larger values are always above; when lower is better the stairs go down.
- The scale fits the stairs and everything that was nearly as good. A value beyond it is a ^ or v on the edge:
  one very bad idea does not flatten the rest.
"""

from collections.abc import Iterator, Sequence
from math import floor, log10

from msgspec import Struct

BASELINE, FLOOR, STEP = "╌", "▔", "─"
KEPT, STACKED, ROLLED_BACK, REJECTED, CRASHED = "●", "○", "◌", "·", "×"
ABOVE, BELOW = "^", "v"
BEYOND = 0.6
"""How far the scale goes on beyond the baseline on the worse side, relative to the height of the stairs: room
for the near misses.
"""
FLOOR_WITHIN = 1.0
"""A floor is drawn when it is at most this many heights of the stairs below the best; else it is named in the
legend.
"""

LARGEST = 1e12
"""A value as large as this is none: no metric reaches it, and floating point cannot tell its neighbors
apart.
"""
FEWEST_COLUMNS = 16


class Point(Struct, frozen=True):
    """One finished experiment in the order of verdicts."""

    value: float | None
    """In the metric's unit; None for a crash."""
    kept: bool = False
    """It became the best."""
    stacked: bool = False
    """It merged as a step below another that became the best."""
    rolled_back: bool = False
    """It was a step whose certificate failed."""


class Frame(Struct, frozen=True, kw_only=True):
    """What to draw around the points."""

    metric: str
    """Its name."""
    minimize: bool
    baseline: float | None = None
    """In the metric's unit, as the next two."""
    floor: float | None = None
    """Exact bound that no value passes."""
    sigma: float | None = None
    """Standard deviation of unchanged code."""
    width: int = 78
    """Characters."""
    height: int = 14
    """Lines."""


class _Scale(Struct, frozen=True):
    low: float
    high: float
    rows: int

    def row(self, value: float) -> int:
        """Row of a value, 0 on top, on the edge for one that is beyond."""
        if value >= self.high or value <= self.low:
            return 0 if value >= self.high else self.rows - 1
        return round((self.high - value) / (self.high - self.low) * (self.rows - 1))

    def value(self, row: int) -> float:
        return self.high - (self.high - self.low) * row / (self.rows - 1)

    def beyond(self, value: float) -> str:
        """The mark of a value that is not on the scale."""
        return ABOVE if value > self.high else BELOW if value < self.low else ""

    @property
    def digits(self) -> int:
        """Decimals that tell two rows apart."""
        return min(9, max(0, 1 - floor(log10(max((self.high - self.low) / self.rows, 1e-9)))))


def draw(points: Sequence[Point], frame: Frame) -> str:
    """The picture, ``frame.width`` characters wide when that is enough, no line break at its end. Values
    that are no number count as crashes.
    """
    points = [_sane(point) for point in points]
    stairs = _stairs(points)
    if not any(isinstance(best, float) for best in stairs):
        return f"{frame.metric}: nothing is measured yet"
    scale = _scale(points, frame)
    labels = {row: f"{scale.value(row):.{scale.digits}f}" for row in _ticks(scale.rows)}
    gutter = max(map(len, labels.values()))
    columns = max(FEWEST_COLUMNS, frame.width - gutter - 2)
    grid = _grid(points, stairs, frame, scale, columns)
    lines = [
        f"{labels.get(row, ''):>{gutter}} {'┤' if row in labels else '│'}{''.join(cells)}".rstrip()
        for row, cells in enumerate(grid)
    ]
    return "\n".join([*_head(frame), *lines, *_foot(points, gutter, columns), *_legend(points, frame, scale)])


def _sane(point: Point) -> Point:
    return point if point.value is not None and abs(point.value) < LARGEST else Point(None)


def _stairs(points: Sequence[Point]) -> list[float | None]:
    """The best after each point."""
    best: float | None = None
    stairs = []
    for point in points:
        best = point.value if point.kept else best
        stairs.append(best)
    return stairs


def _scale(points: Sequence[Point], frame: Frame) -> _Scale:
    kept = [point.value for point in points if point.kept and point.value is not None]
    values = [point.value for point in points if point.value is not None]
    held = kept + ([frame.baseline] if frame.baseline is not None else [])
    low, high = min(held), max(held)
    rise = max(high - low, 2 * (frame.sigma or 0.0)) or max(values) - min(values) or abs(high) * 0.01 or 1.0
    if frame.floor is not None and _near(frame, low, high, rise):
        low, high = min(low, frame.floor), max(high, frame.floor)
    near = [value for value in values if low - BEYOND * rise <= value <= high + BEYOND * rise]
    low, high = min([low, *near]), max([high, *near])
    pad = 0.0 if high > low else rise / 2
    return _Scale(low - pad, high + pad, max(3, frame.height))


def _near(frame: Frame, low: float, high: float, rise: float) -> bool:
    assert frame.floor is not None  # noqa: S101 - asked only when there is one
    return low - FLOOR_WITHIN * rise <= frame.floor <= high + FLOOR_WITHIN * rise


def _ticks(rows: int) -> range:
    return range(0, rows, max(1, rows // 5))


def _grid(
    points: Sequence[Point], stairs: Sequence[float | None], frame: Frame, scale: _Scale, columns: int
) -> list[list[str]]:
    """Later layers cover earlier ones: lines of reference, stairs, rejected points, kept points."""
    grid = [[" "] * columns for _ in range(scale.rows)]
    if frame.baseline is not None:
        grid[scale.row(frame.baseline)] = [BASELINE] * columns
    if frame.floor is not None and scale.low <= frame.floor <= scale.high:
        grid[scale.row(frame.floor)] = [FLOOR] * columns
    _draw_stairs(grid, stairs, scale)
    for mark in (REJECTED, ROLLED_BACK, STACKED, KEPT):
        for column, point in _placed(points, columns):
            if point.value is not None and _mark(point) == mark:
                grid[scale.row(point.value)][column] = scale.beyond(point.value) or mark
    return grid


def _mark(point: Point) -> str:
    if point.kept:
        return KEPT
    return STACKED if point.stacked else ROLLED_BACK if point.rolled_back else REJECTED


def _draw_stairs(grid: list[list[str]], stairs: Sequence[float | None], scale: _Scale) -> None:
    columns = len(grid[0])
    before: int | None = None
    for column in range(columns):
        best = stairs[min(len(stairs) - 1, column * len(stairs) // columns)]
        if best is None:
            continue
        row = scale.row(best)
        if before is not None and row != before:
            for between in range(min(row, before), max(row, before)):
                grid[between][column] = "│"
            down = row > before
            grid[before][column], grid[row][column] = ("┐", "└") if down else ("┘", "┌")
        else:
            grid[row][column] = STEP
        before = row


def _placed(points: Sequence[Point], columns: int) -> Iterator[tuple[int, Point]]:
    """Points and their columns: the first column in which the stairs know of the point."""
    for number, point in enumerate(points):
        yield min(columns - 1, -(-number * columns // len(points))), point


def _head(frame: Frame) -> list[str]:
    return [f"{frame.metric} ({'lower' if frame.minimize else 'higher'} is better)"]


def _foot(points: Sequence[Point], gutter: int, columns: int) -> list[str]:
    """The axis, crashes as a rug on it, and how many experiments there are."""
    axis = ["─"] * columns
    for column, point in _placed(points, columns):
        if point.value is None:
            axis[column] = CRASHED
    count = f"{len(points)} finished"
    return [f"{'':>{gutter}} └{''.join(axis)}", f"{'':>{gutter}}  1{count:>{columns - 1}}"]


def _legend(points: Sequence[Point], frame: Frame, scale: _Scale) -> list[str]:
    """What the marks that occur mean, and how many there are of each."""
    digits = scale.digits + 1
    kept = sum(point.kept for point in points)
    crashed = sum(point.value is None for point in points)
    stacked, rolled_back = (
        sum(point.value is not None and _mark(point) == mark for point in points)
        for mark in (STACKED, ROLLED_BACK)
    )
    rejected = len(points) - kept - stacked - rolled_back - crashed
    parts = [
        f"{KEPT} kept {kept}",
        f"{REJECTED} rejected {rejected}",
        f"{CRASHED} crashed {crashed}",
    ]
    others = [point.value for point in points if point.value is not None and _mark(point) == REJECTED]
    if beyond := sum(bool(scale.beyond(value)) for value in others):
        parts[1] += f" ({beyond} of them {ABOVE} {BELOW} beyond the edge)"
    if stacked:
        parts.insert(1, f"{STACKED} merged below {stacked}")
    if rolled_back:
        parts.insert(-1, f"{ROLLED_BACK} rolled back {rolled_back}")
    if frame.baseline is not None:
        parts.append(f"{BASELINE} baseline {frame.baseline:.{digits}f}")
    if frame.floor is not None:
        drawn = scale.low <= frame.floor <= scale.high
        parts.append(
            f"{FLOOR + ' ' if drawn else ''}floor"
            f" {frame.floor:.{digits}f}{'' if drawn else ' (not in the picture)'}"
        )
    return ["   ".join(parts)]
