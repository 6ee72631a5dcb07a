"""Busy intervals of slots and what they say: occupancy and idle gaps. Pure; times are seconds by one
clock.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct


class Busy(Struct, frozen=True):
    """One training on one slot."""

    slot: str
    start: float
    end: float


class Window(Struct, frozen=True):
    """The time that is looked at."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return max(0.0, self.end - self.start)

    def without_ends(self, margin: float) -> "Window":
        """What is left without the first and the last ``margin`` seconds."""
        return Window(self.start + margin, self.end - margin)


def whole(trainings: Sequence[Busy]) -> Window:
    """From the first start to the last end. Raises ValueError without trainings."""
    return Window(min(one.start for one in trainings), max(one.end for one in trainings))


def occupancy(trainings: Iterable[Busy], slots: int, window: Window) -> float:
    """Share of the window's slot time in which a training ran, 0 to 1; nan for an empty window."""
    busy = sum(max(0.0, min(one.end, window.end) - max(one.start, window.start)) for one in trainings)
    return busy / (slots * window.seconds) if slots and window.seconds else math.nan


def gaps(trainings: Iterable[Busy]) -> list[float]:
    """Idle seconds between each training and the next on the same slot, shortest first."""
    slots: dict[str, list[Busy]] = {}
    for training in sorted(trainings, key=lambda training: training.start):
        slots.setdefault(training.slot, []).append(training)
    return sorted(
        max(0.0, later.start - earlier.end) for rows in slots.values() for earlier, later in pairwise(rows)
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of an ordered sequence lies, by nearest rank; nan for an empty one."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
