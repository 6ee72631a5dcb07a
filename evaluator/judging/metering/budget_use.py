"""What a run has spent of its budget, as its meter shows and the kernel confirms, and whether that is too
much.
"""

from collections.abc import Callable

from evaluator.budget import nominal_seconds
from evaluator.job import FirstBatch, JudgeEvent, JudgeJob, LookedAt, Spent
from evaluator.judging.data import Manifest
from evaluator.judging.messages import Counted
from evaluator.judging.metering.answering import (
    SLACK_CPU,
    SLACK_SECONDS,
    Allowance,
    Answering,
    Training,
    TwinAnswering,
    live_allowance,
    twin_allowance,
    uncounted_allowance,
)
from evaluator.judging.metering.cpu import CpuCount
from evaluator.judging.metering.cpu_price import PriceFactor, explained
from evaluator.judging.metering.early import why_early
from evaluator.judging.metering.meter import meter
from evaluator.judging.metering.step_cost import (
    FEED_STEPS,
    LATE_COUNTED_STEPS,
    LATE_STEPS,
    LATE_UNKNOWN_STEPS,
    StepCost,
    ahead,
    exceeds_cores,
    exceeds_pace,
    largest_step,
    overrun,
)
from evaluator.judging.run_end import contract_breach

SPENT_STEP = 0.01
"""Share of the budget between two ``Spent`` events: a hundred lines a run."""

NOTHING_COUNTED = (
    "batches were handed out and no work was counted: train in the thread that asks for batches, with"
    " operations of torch"
)


class BudgetUse:
    """Of one run, from its start to its last claim."""

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
        self.batches, self.steps = 0, 0
        self._job = job
        self._budget = job.budget
        self._counted = job.budget.unit.deterministic
        self._emit = emit
        self._now = now
        self._cpu = CpuCount(job.cpu_stat)
        self._began = self._first_batch = now()
        self._evaluated, self._first_cpu, self._evaluated_cpu = self._began, 0.0, 0.0
        self._tokens, self._share_emitted, self._look_at = 0, 0.0, job.look_at
        self._meter = meter(job.budget, now, manifest.uncharged_steps, job.baseline)
        self._eval_tokens = manifest.eval_tokens
        self._factor = PriceFactor()
        self._shown = 0.0  # what the clock of the last batch said, in the budget's unit
        self._due_factor = 1.0  # of the last clock that was within the budget
        self._needed = 0.0  # least share of the budget that explains the CPU used
        self._unused = 0.0  # cost of the last batch, if its own clock said that the budget was spent
        self._besides = 0.0  # charged besides training
        self._step_cost = StepCost()
        self._largest = largest_step(job.budget, job.baseline)
        self._trained: tuple[float, float | None] | None = None  # seconds and CPU of training, once it ended

    @property
    def spent(self) -> float:
        """Of the budget, in its unit."""
        return self._meter.spent * self._factor.value + self._besides

    @property
    def nominal(self) -> float:
        """Seconds on the clock the variant sees with the next batch."""
        return nominal_seconds(self._budget.unit, self._clock())

    @property
    def elapsed(self) -> float:
        """Seconds of real time since the run's start."""
        return self._now() - self._began

    @property
    def startup(self) -> float:
        """Seconds from the run's start to its first batch; 0 where it asked for none."""
        return self._first_batch - self._began

    def batch_wanted(self, steps: int, counted: Counted | None) -> None:
        """A training batch is asked for. Raises RunEndedError for a count that costs nothing."""
        if not self.batches:
            self._first_batch, self._first_cpu = self._now(), self._cpu.read() or 0.0
            self._emit(FirstBatch())
        self._charge(steps, counted)
        if 0 < self._look_at <= self.spent / self._budget.amount:
            self._look_at = 0.0
            self._emit(LookedAt())
        self._step_cost.tell(self._meter.spent, self.steps or self.batches)

    def hand_out(self, tokens: int) -> None:
        """A training batch of so many tokens goes out."""
        self._shown = self._clock()
        over = self._counted and self._shown >= self._budget.amount
        if not over:
            self._due_factor = self._factor.value
        self._unused = self._meter.price_of(tokens) * self._due_factor if over else 0.0
        self._meter.hand_out(tokens)
        self._tokens += tokens
        self.batches += 1

    def training_ended(self, steps: int, counted: Counted | None) -> None:
        """The evaluation is asked for. Raises RunEndedError where batches were handed out and nothing was
        counted.
        """
        self._charge(steps, counted)
        if self.batches and not self._meter.priced:
            raise contract_breach(NOTHING_COUNTED)
        cpu = self._cpu.read()
        used = None if cpu is None else cpu - self._first_cpu
        self._trained = (self._now() - self._first_batch if self.batches else 0.0, used)
        self._evaluated, self._evaluated_cpu = self._now(), cpu or 0.0

    @property
    def evaluated_early(self) -> str:
        """Why an evaluation now is none of a whole training; empty where it is."""
        real = self._trained[0] if self._trained else 0.0
        step = self._step_cost.value * self._factor.value
        return why_early(self._budget, self.steps or self.batches, self.spent, self._shown, step, real)

    def _charge(self, steps: int, counted: Counted | None) -> None:
        """The variant has finished with every batch so far."""
        self.steps = steps
        self._meter.tell(steps, counted)
        self._look_at_cpu()
        share = self.spent / self._budget.amount
        if share >= self._share_emitted + SPENT_STEP:
            self._share_emitted = share
            self._emit(Spent(share=share, steps=self.batches))

    def _look_at_cpu(self) -> None:
        cpu, baseline = self._cpu.read(), self._job.baseline.train_cpu
        if self._counted and self.batches and cpu is not None and baseline is not None:
            self._needed = explained(cpu - self._first_cpu, baseline)
            counted, used = self._meter.spent / self._budget.amount, cpu - self._first_cpu
            self._factor.look(counted, self._needed, used / baseline if baseline > 0 else 0.0)

    def _step(self) -> float:
        """What counts as a step in a grace."""
        return min(self._step_cost.value * self._factor.value, self._largest)

    def _clock(self) -> float:
        """What is spent, ahead of large steps; it never goes back."""
        step = self._step_cost.value * self._factor.value
        return max(self._shown, self.spent + (ahead(step, self._largest) if self._counted else 0.0))

    def charge_besides(self, answering: Answering) -> None:
        """What the evaluation took beyond what it may take is spent too."""
        self._besides = answering.excess_share * self._budget.amount

    @property
    def ends(self) -> bool:
        """Whether there are no more batches: the variant's clock has said before that the budget is spent,
        and it is overspent by more than its grace and a step; or real time is over all that a count within it
        explains.
        """
        if not self._counted:
            return self._overrun(self.spent, FEED_STEPS)
        due = self._due() if self._shown >= self._budget.amount else 0.0
        needed = self._needed * self._budget.amount
        return self._overrun(max(due, needed), FEED_STEPS) or self._exceeds_real_time()

    def _due(self) -> float:
        """The count at the last clock's price within the budget: a loop may end the step that raises it."""
        return self._meter.spent * self._due_factor

    @property
    def is_late(self) -> bool:
        """Whether more was spent, at the evaluation, than by a loop that ends when its clock says so."""
        return self._overspent() or self._exceeds_real_time()

    @property
    def is_slow(self) -> bool:
        """Whether nothing but real time makes it late."""
        return self._exceeds_real_time() and not self._overspent()

    def _overspent(self) -> bool:
        if not self._counted:
            step = self._job.baseline.step_seconds
            return self._overrun(self.spent, LATE_UNKNOWN_STEPS if step is None else LATE_STEPS)
        spent = max(self._due() - self._unused, self._needed * self._budget.amount) + self._besides
        return self._overrun(spent, LATE_COUNTED_STEPS)

    def _overrun(self, spent: float, steps: int) -> bool:
        return overrun(self._budget, spent, self._step(), steps)

    def _exceeds_real_time(self) -> bool:
        real = self._trained[0] if self._trained else self.batches and self._now() - self._first_batch
        baseline = self._job.baseline
        if baseline.pace is None and self._cpu.read() is None:
            return exceeds_cores(real, self._job.cores, baseline.train_cpu)
        return exceeds_pace(self._budget, real, baseline.pace)

    def answering(self) -> Answering:
        """What the evaluation takes from now on, and may take."""
        return Answering(self._measure(self._cpu), self._allowance())

    def twin_answering(self, live: Answering) -> TwinAnswering:
        """The same of its twin, once it is loaded. live: of the claims."""
        allowance = twin_allowance(self._allowance(), live.used, live.tokens)
        measure = self._measure(CpuCount(self._job.twin_cpu_stat))
        return TwinAnswering(lambda: Answering(measure, allowance))

    def _by_cpu(self) -> bool:
        return self._counted and self._cpu.read() is not None

    def _measure(self, cpu: CpuCount) -> Callable[[], float]:
        return (lambda: cpu.read() or 0.0) if self._by_cpu() else self._now

    def _allowance(self) -> Allowance:
        tokens = self._eval_tokens * len(self._job.blocks)
        if self._counted and not self._by_cpu():
            return uncounted_allowance(self._own_training())
        once = SLACK_CPU if self._counted else SLACK_SECONDS
        return live_allowance(self._own_training(), self._baseline_training(), tokens, once)

    def _own_training(self) -> Training:
        seconds, cpu = self._trained or (0.0, None)
        if self._counted:
            return Training(seconds if cpu is None else cpu, self._tokens)
        charged = self._meter.spent > 0
        return Training(
            self._meter.spent if charged else seconds, self._charged_tokens() if charged else self._tokens
        )

    def _baseline_training(self) -> Training | None:
        baseline, blocks = self._job.baseline, len(self._job.blocks)
        cost = baseline.train_cpu if self._counted else self._budget.amount
        evaluation = baseline.evaluate_cpu if self._counted else baseline.evaluate_seconds
        if cost is None or evaluation is None or baseline.train_tokens is None:
            return None
        return Training(cost, baseline.train_tokens, evaluation * blocks)

    def _charged_tokens(self) -> int:
        return self._tokens - self._meter.warmup_tokens

    def details(self) -> dict[str, float | str]:
        """For people and later runs, of the training that has ended."""
        seconds, cpu = self._trained or (0.0, None)
        details: dict[str, float | str] = {"train_tokens": float(self._charged_tokens())}
        if self._meter.warmup is not None:
            details |= {
                "warmup_seconds": self._meter.warmup,
                "warmup_tokens": float(self._meter.warmup_tokens),
                "step_seconds": self._step_cost.middle,
            }
        if cpu is not None:
            details["train_cpu"] = cpu
        if self._counted and self.batches:
            details |= {
                "pace": seconds / nominal_seconds(self._budget.unit, self._meter.spent),
                "step_price": self._step_cost.middle,
                "second_price": self._meter.second_price or 0.0,
                "price_factor": self._factor.value,
            }
        return details

    def answer_details(self, answering: Answering) -> dict[str, float | str]:
        """For people and later runs, of the claims: per block of validation rows."""
        blocks, cpu = len(self._job.blocks), self._cpu.read()
        details: dict[str, float | str] = {
            "evaluate_seconds": (self._now() - self._evaluated) / blocks,
            "largest_answer_seconds": answering.largest_answer,
        }
        if cpu is not None:
            details["evaluate_cpu"] = (cpu - self._evaluated_cpu) / blocks
        if excess := answering.excess_share:
            details["evaluation_excess"] = excess
        return details

    def twin_details(self, twin: TwinAnswering) -> dict[str, float | str]:
        """The same of the twin's answers."""
        return {} if twin.used is None else {"twin_cpu" if self._by_cpu() else "twin_seconds": twin.used}
