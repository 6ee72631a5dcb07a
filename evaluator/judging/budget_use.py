"""What a run has spent of its budget, as its meter shows, and whether that is too much."""

from collections.abc import Callable

from evaluator.budget import nominal_seconds
from evaluator.job import FirstBatch, JudgeEvent, JudgeJob, Spent
from evaluator.judging.data import Manifest
from evaluator.judging.messages import Counted
from evaluator.judging.meter import meter
from evaluator.judging.step_cost import StepCost, exceeds_pace, overrun

SPENT_STEP = 0.01
"""Share of the budget between two ``Spent`` events: a hundred lines a run."""


class BudgetUse:
    """Of one run, from its start to its evaluation."""

    batches: int
    """Training batches handed out."""

    steps: int
    """Optimizer steps, as the variant says."""

    def __init__(
        self,
        job: JudgeJob,
        manifest: Manifest,
        emit: Callable[[JudgeEvent], None],
        now: Callable[[], float],
    ) -> None:
        self.batches = 0
        self.steps = 0
        self._job = job
        self._emit = emit
        self._now = now
        self._began = self._first_batch = now()
        self._meter = meter(job.budget, now, manifest.uncharged_steps, job.baseline.warmup_seconds)
        self._step_cost = StepCost(job.budget)
        self._share_emitted = 0.0

    @property
    def spent(self) -> float:
        """Of the budget, in its unit."""
        return self._meter.spent

    @property
    def nominal(self) -> float:
        """The same as seconds on the clock the variant sees."""
        return nominal_seconds(self._job.budget.unit, self._meter.spent)

    @property
    def elapsed(self) -> float:
        """Seconds of real time since the run's start."""
        return self._now() - self._began

    @property
    def startup(self) -> float:
        """Seconds from the run's start to its first batch; 0 where it asked for none."""
        return self._first_batch - self._began

    def batch_wanted(self, steps: int, counted: Counted | None) -> None:
        """A training batch is asked for."""
        if not self.batches:
            self._first_batch = self._now()
            self._emit(FirstBatch())
        self.charge(steps, counted)

    def price_step(self) -> None:
        """Take what was spent so far into the price of a step."""
        self._step_cost.tell(self._meter.spent, self.steps or self.batches)

    def hand_out(self, tokens: int) -> None:
        """A training batch of so many tokens goes out."""
        self._meter.hand_out(tokens)
        self.batches += 1

    def charge(self, steps: int, counted: Counted | None) -> None:
        """The variant has finished with every batch so far."""
        self.steps = steps
        self._meter.tell(steps, counted)
        share = self._meter.spent / self._job.budget.amount
        if share >= self._share_emitted + SPENT_STEP:
            self._share_emitted = share
            self._emit(Spent(share=share, steps=self.batches))

    def charge_seconds(self, seconds: float) -> None:
        """Seconds besides training, under a budget that is clocked; a counted one has no part in them."""
        if not self._job.budget.unit.deterministic:
            self._meter.spent += max(0.0, seconds)

    def is_over(self, allowed: int) -> bool:
        """Whether the budget is overspent by more than its grace and ``allowed`` steps, or real time by more
        than any count within it explains.
        """
        real = self._now() - self._first_batch if self.batches else 0.0
        return overrun(self._job.budget, self._meter.spent, self._step_cost.value, allowed) or exceeds_pace(
            self._job.budget, real, self._job.baseline.pace
        )

    def details(self) -> dict[str, float | str]:
        """For people and later runs, of the training that has just ended."""
        details: dict[str, float | str] = {}
        if self._meter.warmup is not None:
            details["warmup_seconds"] = self._meter.warmup
        if self._job.budget.unit.deterministic and self.nominal > 0 and self.batches:
            details["pace"] = (self._now() - self._first_batch) / self.nominal
        return details
