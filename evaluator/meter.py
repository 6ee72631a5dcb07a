"""Keeps a run's budget: by the judge's clock, or by the work that the variant's shim counts.

- Both meters are told the same things: a batch is asked for, a batch is handed out.
- A loop that stops when its own clock says so is late by up to a step. Batches end once the budget, 2 % and one step of this run are spent; an
  evaluation is too late two steps after that, which only a clock can find.
- Counted work is reported per window and priced per token. What was handed out before the first report is charged when it comes.
"""

from collections.abc import Callable
from typing import Protocol

from evaluator.budget import Budget, Unit, Work, price
from evaluator.messages import Counted

GRACE = 0.02
"""Share of the budget that may be overspent besides one step: what a loop needs between its last look at the clock and the evaluation."""


class Meter(Protocol):
    """What has been spent."""

    spent: float
    """Of the budget, in its unit, as of the last ``tell``."""

    def tell(self, steps: int, counted: Counted | None, /) -> None:
        """The variant has finished with every batch so far. steps: optimizer steps it reports."""
        ...

    def hand_out(self, tokens: int, /) -> None:
        """A batch of ``tokens`` training tokens goes out."""
        ...


class ClockMeter:
    """Seconds of the judge's own clock, from the first batch handed out after ``uncharged_steps`` optimizer steps."""

    def __init__(self, now: Callable[[], float], uncharged_steps: int = 0) -> None:
        self.spent = 0.0
        self._now = now
        self._uncharged_steps = uncharged_steps
        self._steps = 0
        self._since: float | None = None

    def tell(self, steps: int, _counted: Counted | None, /) -> None:
        """Read the clock."""
        self._steps = steps
        if self._since is not None:
            self.spent = self._now() - self._since

    def hand_out(self, _tokens: int, /) -> None:
        """Start the clock if its time has come."""
        if self._since is None and self._steps >= self._uncharged_steps:
            self._since = self._now()


class CountMeter:
    """Counted work in a deterministic unit: price per training token × tokens the variant has finished with."""

    def __init__(self, unit: Unit) -> None:
        self.spent = 0.0
        self._unit = unit
        self._pending = 0
        self._per_token: float | None = None

    def tell(self, _steps: int, counted: Counted | None, /) -> None:
        """Take over a new count, then charge every token not charged yet."""
        if counted is not None:
            work = Work(flops=counted.flops, ops=counted.ops, bytes_written=counted.bytes_written)
            self._per_token = price(self._unit, work) / counted.tokens
        if self._per_token is not None:
            self.spent += self._per_token * self._pending
            self._pending = 0

    def hand_out(self, tokens: int, /) -> None:
        """Remember what is to be charged."""
        self._pending += tokens


def meter(budget: Budget, now: Callable[[], float], uncharged_steps: int = 0) -> Meter:
    """The meter for a budget's unit. now: monotonic seconds. uncharged_steps: only a clock leaves them out."""
    return CountMeter(budget.unit) if budget.unit.deterministic else ClockMeter(now, uncharged_steps)


class StepCost:
    """What one optimizer step of this run costs: its latest or its mean, whichever is more, so that steps may grow."""

    def __init__(self) -> None:
        self.value = 0.0
        self._spent = 0.0
        self._steps = 0

    def tell(self, spent: float, steps: int) -> None:
        """``spent`` in all after ``steps`` steps. A count that shrinks begins anew: batches stand for steps until an optimizer is seen."""
        if steps and steps != self._steps:
            latest = (spent - self._spent) / max(steps - self._steps, 1)
            self.value = max(latest, spent / steps)
            self._spent, self._steps = spent, steps


FEED_STEPS = 1
"""Steps by which the budget may be overspent before there are no more batches."""
EVALUATE_STEPS = 3
"""Steps by which it may be overspent at the evaluation: one that began with the last batch, and one for a clock that is not exact."""


def overrun(budget: Budget, spent: float, step: float, allowed: int) -> bool:
    """Whether ``spent`` is over the budget by more than 2 % and ``allowed`` steps that cost ``step`` each."""
    return spent > budget.amount * (1 + GRACE) + allowed * step


def nominal_seconds(unit: Unit, amount: float) -> float:
    """``amount`` of a budget as seconds on the clock a variant sees: of the reference core for the deterministic units."""
    return price(Unit.VIRTUAL_SECONDS, Work(flops=amount)) if unit is Unit.FLOPS else amount
