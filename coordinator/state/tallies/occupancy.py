"""How busy the slots are: the share of the time slots exist in which a training runs on them.

A slot exists from its agent's joining to its leaving. It is busy for as long as its trainer says a run
lasted, and never longer than its lease was held: reporting, deciding and leasing count as idle. The window
keeps ten minutes of history, so memory and time per call stay flat.
"""

from collections import deque

from msgspec import Struct, field

WINDOW = 600.0
"""Seconds of the recent window."""


class Span(Struct, frozen=True):
    """A stretch of time, in seconds since the epoch."""

    start: float
    end: float

    def inside(self, start: float, end: float) -> float:
        """Seconds of the span that lie between ``start`` and ``end``."""
        return max(0.0, min(self.end, end) - max(self.start, start))


class Shares(Struct, frozen=True):
    """Busy shares, 0 to 1; None while no slot existed."""

    whole: float | None
    """Of all the time slots existed."""
    last_10_min: float | None
    """Of the window."""


class Occupancy(Struct):
    """Busy and existing slot time. Times are seconds since the epoch."""

    since: dict[str, float] = field(default_factory=dict)
    """When each slot that exists now began to, by its agent."""
    existed: float = 0.0
    """Seconds that slots existed which are gone."""
    busy: float = 0.0
    """Seconds that runs lasted which have ended."""
    existing: deque[Span] = field(default_factory=deque)
    """Slots that went within the window."""
    working: deque[Span] = field(default_factory=deque)
    """Runs that ended within the window."""
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    """Idle seconds before runs, the last thousand."""

    def joined(self, agent: str, at: float) -> None:
        """A slot exists from now, or goes on existing."""
        self.since.setdefault(agent, at)

    def left(self, agent: str, at: float) -> None:
        """A slot is gone."""
        start = self.since.pop(agent, None)
        if start is not None:
            self.existed += max(0.0, at - start)
            _remember(self.existing, Span(start, at))

    def interrupted(self, at: float) -> None:
        """Every slot is gone since ``at``: the coordinator was not there."""
        for agent in list(self.since):
            self.left(agent, at)

    def worked(self, agent: str, start: float, end: float) -> None:
        """A run held its slot. Time before the slot existed does not count."""
        span = Span(min(end, max(start, self.since.get(agent, end))), end)
        self.busy += max(0.0, span.end - span.start)
        _remember(self.working, span)

    def gap(self, seconds: float | None) -> None:
        """Idle seconds an agent measured before a run."""
        if seconds is not None:
            self.gaps.append(seconds)

    def shares(self, now: float, open_runs: list[tuple[str, float]]) -> Shares:
        """Shares at ``now``. open_runs: agent and start of the runs held now."""
        slots = [Span(start, now) for start in self.since.values()]
        runs = [Span(max(start, self.since.get(agent, now)), now) for agent, start in open_runs]
        existed = self.existed + sum(span.inside(0.0, now) for span in slots)
        busy = self.busy + sum(span.inside(0.0, now) for span in runs)
        recent = sum(span.inside(now - WINDOW, now) for span in [*self.existing, *slots])
        recent_busy = sum(span.inside(now - WINDOW, now) for span in [*self.working, *runs])
        return Shares(_share(busy, existed), _share(recent_busy, recent))


def _share(part: float, whole: float) -> float | None:
    return min(1.0, part / whole) if whole > 0 else None


def _remember(spans: deque[Span], span: Span) -> None:
    spans.append(span)
    while spans and spans[0].end < span.end - WINDOW:
        spans.popleft()
