"""What a lease says of an early stop, and what was read when a run was looked at.

The rule that learns the bar is ``evaluator.early_bar``; docs/early_stop.md says what it rests on.
"""

from msgspec import Struct


class StopPlan(Struct, frozen=True, kw_only=True):
    """What a lease says of an early stop."""

    at: float
    """Share of the budget at which the run is looked at, above 0 and below 1."""
    bar: float | None = None
    """Mean loss above which it is over the bar, in the unit it prints; None where none is learnt."""
    ends: bool = False
    """Whether it is ended there; else it runs on, and its value says whether that would have been wrong."""
    chance: float = 1.0
    """With which one over the bar was to run on, above 0."""
    head: float | None = None
    """Value of the head it is compared with, in the metric's unit."""
    at_zero: float | None = None
    """Value expected at a loss of 0, in the metric's unit; None where nothing is expected."""
    per_loss: float = 0.0
    """How much larger it is per unit of loss."""


class EarlyLook(Struct, frozen=True):
    """What was read when a run was looked at."""

    plan: StopPlan
    loss: float
    """Mean of the later half of the losses it had printed: its own word."""

    @property
    def over(self) -> bool:
        """Whether it is over its bar."""
        return self.plan.bar is not None and self.loss > self.plan.bar

    @property
    def ends(self) -> bool:
        """Whether it is ended."""
        return self.over and self.plan.ends

    @property
    def estimate(self) -> float | None:
        """The value it might have come to, in the metric's unit: an estimate by its own word, no measurement;
        None where there is none.
        """
        return None if self.plan.at_zero is None else self.plan.at_zero + self.plan.per_loss * self.loss
