"""What happens to slots: a part of all events, see ``coordinator.state.events``."""

from coordinator.state.event_base import Event
from evaluator.slot_evidence import SlotTest


class SlotSetAside(Event, frozen=True, kw_only=True, tag="slot_set_aside"):
    """The slot of an agent is off: it gets no more runs, and its values are not believed."""

    agent: str
    test: SlotTest
    """What it is off by."""
    reason: str
    """For people."""
    best_value: float | None = None
    """Of its division's best without that slot, in the metric's unit; None where nothing is left of it, or
    nothing was measured there.
    """
    best_runs: int = 0
    """That this rests on."""
    doubtful: bool = False
    """Whether every run of the best was made there."""
