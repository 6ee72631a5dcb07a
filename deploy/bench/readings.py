"""Readings of a benchmark: each with its unit, its goal, and what the same machine does without us beside
it.
"""

import math
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

SCHEMA = 1


class Goal(Struct, frozen=True):
    """A bound, in the reading's unit, and which side of it is good."""

    bound: float
    at_most: bool = False

    def met_by(self, value: float) -> bool:
        """Whether the value is on the good side; a nan never is."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {_number(self.bound)}"


class Reading(Struct, frozen=True, kw_only=True):
    """One figure."""

    what: str
    value: float

    unit: str = ""
    """Empty for a share or a ratio."""

    goal: Goal | None = None

    references: dict[str, float] = field(default_factory=dict)
    """The same figure of something simpler, by its name."""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        return None if self.goal is None else self.goal.met_by(self.value)


class Part(Struct, frozen=True, kw_only=True):
    """Readings that belong together."""

    name: str
    title: str
    readings: list[Reading]

    note: str = ""
    """How they were taken, for the reader of the table."""


def as_json(parts: Sequence[Part]) -> dict[str, Any]:
    """Every reading with its goal and its ratios to the references. One that could not be had is null."""
    return {
        "schema": SCHEMA,
        "met": all(reading.met is not False for part in parts for reading in part.readings),
        "parts": [_part(part) for part in parts],
    }


def as_text(part: Part) -> str:
    """The part as a table of plain text; columns of references are there where a reading has one."""
    names = list(dict.fromkeys(name for reading in part.readings for name in reading.references))
    header = ["", "swarm", "goal", "met", *(head for name in names for head in (name, "ratio"))]
    rows = [header, *([reading.what, *_cells(reading, names)] for reading in part.readings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = [
        "  ".join(
            _aligned(cell, width, column)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([part.title, "─" * len(part.title), *lines, *([part.note] if part.note else [])])


def _part(part: Part) -> dict[str, Any]:
    return {
        "part": part.name,
        "title": part.title,
        "note": part.note,
        "readings": [_reading(reading) for reading in part.readings],
    }


def _reading(reading: Reading) -> dict[str, Any]:
    goal = reading.goal and {"bound": reading.goal.bound, "at_most": reading.goal.at_most, "met": reading.met}
    references = {
        name: {"value": _finite(value), "ratio": _finite(_ratio(reading.value, value))}
        for name, value in reading.references.items()
    }
    return {
        "what": reading.what,
        "value": _finite(reading.value),
        "unit": reading.unit,
        "goal": goal,
        "references": references,
    }


def _cells(reading: Reading, names: Sequence[str]) -> list[str]:
    met = {None: "", True: "yes", False: "NO"}[reading.met]
    cells = [f"{_number(reading.value)} {reading.unit}".strip(), str(reading.goal or ""), met]
    for name in names:
        value = reading.references.get(name)
        cells += ["", ""] if value is None else [_number(value), f"×{_number(_ratio(reading.value, value))}"]
    return cells


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def _ratio(value: float, reference: float) -> float:
    return value / reference if reference else math.nan


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float) -> str:
    """Three digits that count; whole numbers from a hundred up; an en dash for what is not known."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"
