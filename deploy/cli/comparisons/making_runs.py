"""Makes the runs of a plan, one after the other on one slot, and keeps each as it ends.

Whatever ends this process, the runs that are there stay: the next start reads them and goes on with the one
that is missing.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from configs.errors import ConfigError
from deploy.cli.comparisons.conclusion import ends, settled
from deploy.cli.comparisons.conditions import RunConditions
from deploy.cli.comparisons.question import Plan, PlannedRun, Which
from deploy.cli.trial import reason
from deploy.views.units import number, span
from evaluator.budget import Budget
from evaluator.result import Lost, Measured, Progress, RunResult
from trainer.run.result_file import RESULT
from trainer.try_once import with_more_time, with_time_once_more

TRIES = 3
"""Of a run that is lost, or of whose claims no audit came about."""
QUIET = 20.0
"""Seconds between two words on how far a run is."""
LARGEST_RESULT = 1 << 20
"""Bytes of a result that is read again."""


class Measuring(Struct, frozen=True, kw_only=True):
    """What is needed to make them."""

    plan: Plan
    conditions: RunConditions
    sources: dict[Which, str]
    unmodified: bool
    """Whether side B is the unmodified surface."""
    folder: Path
    """Of the record: each run gets a folder below ``runs``."""
    tell: Callable[[str], None]
    is_part: bool = False
    """Whether the plan is a part of more: nobody is told then how many runs are left."""

    def run_all(self) -> dict[str, RunResult]:
        """All that are planned, up to one that gives no value. Raises ConfigError where one cannot be
        made.
        """
        results: dict[str, RunResult] = {}
        planned = self.plan.runs
        for place, run in enumerate(planned, start=1):
            result = self.kept(run)
            if result is None:
                which = "" if self.is_part else f"run {place} of {len(planned)}: "
                self.tell(f"{which}{run.run} = {self._name(run)}, seed {run.seed}")
                result = self._made(run, self._reference(results))
                self._say(run, result, [*results.values(), result], len(planned) - place)
            results[run.run] = result
            if ends(run, result, self.plan.question):
                break
        return results

    def baseline(self, results: dict[str, RunResult]) -> Sequence[RunResult]:
        """Runs of the unmodified surface under this budget."""
        return self.conditions.baseline or self._reference(results)

    def _reference(self, results: dict[str, RunResult]) -> list[RunResult]:
        sides = {Which.REFERENCE, *([Which.B] if self.unmodified else [])}
        return [results[run.run] for run in self.plan.runs if run.which in sides and run.run in results]

    def _name(self, run: PlannedRun) -> str:
        question = self.plan.question
        match run.which:
            case Which.A:
                return question.program.name
            case Which.B:
                return question.against.name if question.against else ""
            case Which.REFERENCE:
                return "the unmodified surface"

    def _directory(self, run: PlannedRun) -> Path:
        return self.folder / "runs" / run.run

    def kept(self, run: PlannedRun) -> RunResult | None:
        """The run as an earlier start made it, None where it is still to be made."""
        path = self._directory(run) / RESULT
        try:
            if path.stat().st_size > LARGEST_RESULT:
                return None
            result = msgspec.json.decode(path.read_bytes(), type=RunResult)
        except (OSError, msgspec.DecodeError):
            return None
        same = (result.run, result.seed) == (run.run, run.seed)
        return result if same and settled(result, self.plan.question) else None

    def _made(self, run: PlannedRun, reference: Sequence[RunResult]) -> RunResult:
        result = self._tried(run, reference)
        for _ in range(TRIES - 1):
            if settled(result, self.plan.question):
                break
            self.tell(f"{run.run} is made again: {_why_again(result)}")
            result = self._tried(run, reference)
        if isinstance(result.outcome, Lost):
            raise ConfigError(
                f"run {run.run} was lost {TRIES} times: {result.outcome.reason}",
                "See `autoswarm doctor`. What was measured stays; the same command goes on.",
            )
        return result

    def _tried(self, run: PlannedRun, reference: Sequence[RunResult]) -> RunResult:
        train = partial(
            self.conditions.train, run.run, self.sources[run.which], run.seed, self._directory(run)
        )
        hear = Sparingly(self.tell, run.run).hear

        def once(budget: Budget) -> RunResult:
            return train(budget=budget, reference=reference, hear=hear)

        if run.which is not Which.A:
            return with_more_time(once, self.conditions.budget)
        longest = max((result.finished_at - result.started_at for result in reference), default=None)
        return with_time_once_more(once, self.conditions.budget, longest)

    def _say(self, run: PlannedRun, result: RunResult, made: Sequence[RunResult], left: int) -> None:
        seconds = [result.seconds.total for result in made]
        rest = f"; about {span(left * sum(seconds) / len(seconds))} left" if left and not self.is_part else ""
        value = number(result.outcome.value) if isinstance(result.outcome, Measured) else ""
        came = value or reason(result.outcome)
        self.tell(f"  {run.run}: {came} in {span(result.seconds.total)}{rest}")


def _why_again(result: RunResult) -> str:
    if isinstance(result.outcome, Lost):
        return f"it was lost, {result.outcome.reason}"
    return f"not audited, {result.details.get('twin', 'no twin answered')}"


class Sparingly:
    """Says now and then how far a run is."""

    def __init__(
        self, tell: Callable[[str], None], run: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell, self._run, self._clock = tell, run, clock
        self._last = clock()

    def hear(self, progress: Progress) -> None:
        """Take the trainer's word on how far the run is."""
        if self._clock() - self._last >= QUIET:
            self._last = self._clock()
            self._tell(f"  {self._run}: {progress.share:.0%} of the budget spent")
