"""Keeps a run's budget: by the judge's clock, or by the work that the variant's shim counts.

- Both meters receive the same two reports: a batch is asked for, a batch is handed out.
- Counted work is reported per window and priced per token. What was handed out before the first report is
  charged when it comes.
- Steps and counts are the variant's word. What it can gain by lying is bounded by what the judge sees itself:
  batches and its own clock.
"""

from collections.abc import Callable
from typing import Protocol

from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget, Unit, Work, price, virtual_seconds
from evaluator.judging.messages import Counted
from evaluator.judging.run_end import contract_breach

UNCHARGED_EXCESS = 1.5
"""Times the baseline's warm-up in seconds that may go uncharged: other code compiles longer."""

UNCHARGED_TOKENS = 4.5
"""Times the baseline's warm-up in training tokens that may: four times the batch, made of more rows or of
more batches a step, is one of the first things that people try.
"""

MAX_ACCUMULATED = 32
"""Batches a step may take while the clock does not run. A variant that takes no steps, or says so, is charged
from then on.
"""


NOT_KNOWN = BaselineFacts()


class Meter(Protocol):
    """What has been spent."""

    spent: float
    """Of the budget, in its unit, as of the last ``tell``."""

    warmup: float | None
    """Seconds from the judge's start until a clock ran; None where none runs, or not yet."""

    warmup_tokens: int
    """Training tokens handed out until then."""

    @property
    def priced(self) -> bool:
        """Whether what was handed out has a price."""
        ...

    @property
    def second_price(self) -> float | None:
        """Of a virtual second of training, in the budget's unit; None where nothing is counted."""
        ...

    def price_of(self, tokens: int, /) -> float:
        """What a batch of so many tokens will cost, as far as that is known; 0 where it is not."""
        ...

    def tell(self, steps: int, counted: Counted | None, /) -> None:
        """The variant has finished with every batch so far. steps: optimizer steps it reports."""
        ...

    def hand_out(self, tokens: int, /) -> None:
        """A batch of ``tokens`` training tokens goes out."""
        ...


class ClockMeter:
    """Seconds of the judge's own clock, from the first batch handed out after ``uncharged_steps`` optimizer
    steps or as many batches as these take.
    """

    def __init__(
        self,
        now: Callable[[], float],
        uncharged_steps: int = 0,
        baseline: BaselineFacts = NOT_KNOWN,
    ) -> None:
        """now: monotonic seconds. baseline: what goes beyond 1.5 times its warm-up in seconds is charged when
        the clock begins, and it begins once more than 4.5 times its warm-up in tokens were handed out.
        """
        self.spent = 0.0
        self.warmup: float | None = None
        self.warmup_tokens = 0
        self._now = now
        self._began = now()
        self._uncharged_steps = uncharged_steps
        self._baseline = baseline
        self._steps = 0
        self._batches = 0
        self._first_step_at: tuple[int, int] | None = None
        self._accumulated = MAX_ACCUMULATED
        self._since = 0.0

    @property
    def priced(self) -> bool:
        """A clock prices everything."""
        return True

    @property
    def second_price(self) -> float | None:
        """A clock knows none."""
        return None

    def price_of(self, _tokens: int, /) -> float:
        """Nobody knows in advance."""
        return 0.0

    def tell(self, steps: int, _counted: Counted | None, /) -> None:
        """Read the clock."""
        if steps > self._steps and self._first_step_at is None:
            self._first_step_at = steps, self._batches
        elif steps > self._steps and self._first_step_at:
            first, batches = self._first_step_at
            since = max(steps - first, 1)  # a count that shrank may grow again
            self._accumulated = min(max((self._batches - batches) // since, 1), MAX_ACCUMULATED)
        self._steps = steps
        if self.warmup is not None:
            self.spent = self._now() - self._since

    def hand_out(self, tokens: int, /) -> None:
        """Start the clock if its time has come."""
        if self.warmup is None and self._is_due(tokens):
            self._since = self._now()
            self.warmup = self._since - self._began
            if self._baseline.warmup_seconds is not None:
                self._since -= max(self.warmup - UNCHARGED_EXCESS * self._baseline.warmup_seconds, 0.0)
        elif self.warmup is None:
            self.warmup_tokens += tokens
        self._batches += 1

    def _is_due(self, tokens: int) -> bool:
        free = self._baseline.warmup_tokens
        return (
            self._steps >= self._uncharged_steps
            or self._batches > self._uncharged_steps * self._accumulated
            or (free is not None and self.warmup_tokens + tokens > UNCHARGED_TOKENS * free)
        )


class CountMeter:
    """Counted work in a deterministic unit: price per training token × tokens the variant has finished
    with.
    """

    def __init__(self, unit: Unit, baseline: BaselineFacts = NOT_KNOWN) -> None:
        """baseline: what its virtual seconds were worth. Work that costs more by those than by the unit is
        priced by them: it dispatches more operations for what it computes.
        """
        self.spent = 0.0
        self.warmup: float | None = None
        self.warmup_tokens = 0
        self._unit = unit
        self._rate = baseline.second_price or 0.0
        self._virtual_seconds = 0.0
        self._pending = 0
        self._per_token: float | None = None
        self._seconds_per_token = 0.0

    @property
    def priced(self) -> bool:
        """Whether any work was counted."""
        return self._per_token is not None

    @property
    def second_price(self) -> float | None:
        """What a virtual second of its training was worth, in the unit."""
        return self.spent / self._virtual_seconds if self._virtual_seconds else None

    def price_of(self, tokens: int, /) -> float:
        """By the last count."""
        return (self._per_token or 0.0) * tokens

    def tell(self, _steps: int, counted: Counted | None, /) -> None:
        """Take over a new count, then charge every token not charged yet. Raises RunEndedError for a count
        that costs nothing: nobody trains for nothing.
        """
        if counted is not None:
            work = Work(flops=counted.flops, ops=counted.ops, bytes_written=counted.bytes_written)
            cost, seconds = price(self._unit, work), virtual_seconds(work)
            if cost <= 0:
                raise contract_breach(f"a count of its work that costs no {self._unit.value}")
            self._per_token = max(cost, self._rate * seconds) / counted.tokens
            self._seconds_per_token = seconds / counted.tokens
        if self._per_token is not None:
            self.spent += self._per_token * self._pending
            self._virtual_seconds += self._seconds_per_token * self._pending
            self._pending = 0

    def hand_out(self, tokens: int, /) -> None:
        """Remember what is to be charged."""
        self._pending += tokens


def meter(
    budget: Budget,
    now: Callable[[], float],
    uncharged_steps: int = 0,
    baseline: BaselineFacts = NOT_KNOWN,
) -> Meter:
    """The meter for a budget's unit. now: monotonic seconds. uncharged_steps, baseline: only a clock leaves
    something out.
    """
    return (
        CountMeter(budget.unit, baseline)
        if budget.unit.deterministic
        else ClockMeter(now, uncharged_steps, baseline)
    )
