"""One run of a task whose judge is made of commands, box by box, to its outcome.

- Code of a variant runs in boxes of its own (``build``, ``run``). ``check`` and ``measure`` run in another,
  after these have ended, with what came out of them and with the hidden files.
- A variant's failure is told with its own words; what a box that held hidden files says is told only of
  ``check``, whose business is to say what is wrong.
- What is random in a run is drawn by AUTOSWARM_SEED, and fresh rows are AUTOSWARM_BLOCK, from 0 on.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from threading import Event

from msgspec.structs import replace

from evaluator.box_job import BoxFile, BoxJob, Step
from evaluator.bundle import BundleError
from evaluator.classify import bounded
from evaluator.result import (
    TAIL_CHARS,
    Cheated,
    Crashed,
    CrashKind,
    Limit,
    Lost,
    Measured,
    Outcome,
    Progress,
    Seconds,
    TimedOut,
)
from trainer.boxes.box import BoxEnd, BoxTrainer
from trainer.boxes.metric_lines import REWARDS, read_metrics
from trainer.contract import RunOrder
from trainer.judges import ByCommand, Command, Speed
from trainer.task import Task
from trainer.task_files import as_files

TOLD = ("build", "run", "inputs")
"""Commands whose boxes held no hidden file: what they say may be told."""
UNMODIFIED = "unmodified"
"""Beginning of the names of boxes that the unmodified surface runs in, for its time."""
IMPORTABLE = (".py", ".pyc", ".pth", ".so")
"""Ends of files that a measuring command could import by the name of a module it wants."""


class _RunEndedError(Exception):
    """It has its outcome before it was measured."""

    def __init__(self, outcome: Outcome, tail: str = "") -> None:
        super().__init__()
        self.outcome, self.tail = outcome, tail


class CommandRun:
    """One run, box by box."""

    details: dict[str, float | str]
    """What else was measured."""
    ends: list[BoxEnd]
    """Its boxes, in order."""
    seconds: Seconds
    """By phase: ``build``, ``run``, what measures; the total is its caller's."""

    def __init__(
        self,
        task: Task,
        boxes: BoxTrainer,
        order: RunOrder,
        progress: Callable[[Progress], None],
        cancel: Event,
    ) -> None:
        assert isinstance(task.judge, ByCommand | Speed)  # noqa: S101 - else another trainer is made
        self.details, self.ends, self.seconds = {"data": task.digest}, [], Seconds()
        self._task, self._judge, self._boxes = task, task.judge, boxes
        self._order, self._progress, self._cancel = order, progress, cancel
        self._began = time.monotonic()

    # ------------------------------------------------------------------ what happens

    def outcome(self, visible: Mapping[str, BoxFile], hidden: Mapping[str, BoxFile]) -> tuple[Outcome, str]:
        """The outcome, and the end of what its boxes wrote that may be told."""
        try:
            surface = self._surface()
            if isinstance(self._judge, Speed):
                ours = {**visible, **surface}
                theirs = {**visible, **as_files(self._task.source, self._task.surface)}
                value = self._timed(self._judge, ours, theirs, hidden)
            else:
                value = self._measured(self._judge, visible, surface, hidden)
        except BundleError as error:
            return Crashed(CrashKind.CONTRACT, bounded(str(error))), ""
        except _RunEndedError as ended:
            return ended.outcome, ended.tail
        return self._believed(value), self._told()

    def _measured(
        self,
        judge: ByCommand,
        visible: Mapping[str, BoxFile],
        surface: Mapping[str, BoxFile],
        hidden: Mapping[str, BoxFile],
    ) -> float:
        files = {**visible, **surface}
        made = self._built(judge.build, judge.artifacts, files, "build")
        given = {**files, **made}
        outputs = dict[str, BoxFile]()
        if judge.run is not None:
            end = self._box("run", [self._timed_step(judge.run)], given, judge.outputs)
            self._took(train=end.report.steps[-1].seconds)
            outputs = end.files if judge.runs_variant else self._readable(end.files, given)
        shown = {**outputs, **(given if judge.runs_variant else visible), **hidden}
        values = [self._value(judge, shown, block, number) for number, block in enumerate(self._order.blocks)]
        self.details |= {f"value_block_{n}": value for n, value in enumerate(values) if n}
        return values[0]

    def _value(self, judge: ByCommand, files: Mapping[str, BoxFile], block: int, number: int) -> float:
        steps = [_step("check", judge.check)] if judge.check and not number else []
        steps.append(_step("measure", judge.measure))
        end = self._box(
            f"measure-{number}" if number else "measure", steps, files, list(REWARDS), block=block, shown=True
        )
        rewards = {name: file.content for name, file in end.files.items() if name not in files}
        numbers = read_metrics(end.report.steps[-1].tail, rewards)
        self._took(evaluate=sum(step.seconds for step in end.report.steps))
        if not number:
            self._take(numbers)
        if self._task.metric.name not in numbers:
            names = ", ".join(numbers) or "none"
            why = f"measure did not say {self._task.metric.name}; it said: {names}"
            raise _RunEndedError(Crashed(CrashKind.CONTRACT, bounded(why)))
        return numbers[self._task.metric.name]

    def _timed(
        self,
        judge: Speed,
        ours: Mapping[str, BoxFile],
        theirs: Mapping[str, BoxFile],
        hidden: Mapping[str, BoxFile],
    ) -> float:
        """The median of its time over the unmodified surface's, which runs before it each time."""
        made = self._built(judge.build, judge.artifacts, ours, "build")
        base = self._built(judge.build, judge.artifacts, theirs, f"{UNMODIFIED}-build")
        ratios = []
        for number in range(judge.pairs):
            seed = self._order.seed + 1_000_003 * number
            before, _ = self._time(judge, {**theirs, **base}, f"{UNMODIFIED}-{number}", seed)
            seconds, outputs = self._time(judge, {**ours, **made}, f"run-{number}", seed)
            ratios.append(seconds / before if before > 0 else math.inf)
            self._took(train=seconds)
            if judge.check is not None:
                beside = {path: file for path, file in ours.items() if path not in self._surface()}
                self._checked(
                    judge.check, {**self._readable(outputs, ours), **beside, **hidden}, number, seed
                )
        self._take({})
        self.details |= {"fastest_ratio": min(ratios), "slowest_ratio": max(ratios)}
        return median(ratios)

    def _checked(self, check: Command, files: Mapping[str, BoxFile], number: int, seed: int) -> None:
        end = self._box(f"check-{number}", [_step("check", check)], files, [], shown=True, seed=seed)
        self._took(evaluate=end.report.steps[-1].seconds)

    def _time(
        self, judge: Speed, files: Mapping[str, BoxFile], name: str, seed: int
    ) -> tuple[float, dict[str, BoxFile]]:
        steps = [_step("inputs", judge.inputs)] if judge.inputs else []
        steps.append(self._timed_step(judge.run))
        end = self._box(name, steps, files, judge.outputs, seed=seed)
        step = end.report.steps[-1]
        counted = step.cpu if judge.clock == "cpu" else None
        self.details["clock"] = "cpu" if counted is not None else "wall"
        return (step.seconds if counted is None else counted), end.files

    def _built(
        self, build: Command | None, artifacts: list[str], files: Mapping[str, BoxFile], name: str
    ) -> dict[str, BoxFile]:
        if build is None:
            return {}
        end = self._box(name, [_step("build", build)], files, artifacts)
        self._took(startup=end.report.steps[-1].seconds)
        self.details.setdefault(
            "artifact_bytes", float(sum(len(file.content) for file in end.files.values()))
        )
        return {path: file for path, file in end.files.items() if path not in files}

    def _readable(self, outputs: Mapping[str, BoxFile], given: Mapping[str, BoxFile]) -> dict[str, BoxFile]:
        """What it left, for a box that it was never in: files to read. given: what lay there before, which is
        an output only where the task names it.
        """
        named = self._judge.outputs
        made = {path: file for path, file in outputs.items() if path not in given or path in named}
        wrong = (path for path in made if path.endswith(IMPORTABLE) and path not in named)
        if (path := next(wrong, None)) is not None:
            why = f"run left {path}, which what measures it could import"
            raise _RunEndedError(Crashed(CrashKind.CONTRACT, bounded(why)), self._told())
        return made

    def _surface(self) -> dict[str, BoxFile]:
        return as_files(self._order.source, self._task.surface)

    def _took(self, startup: float = 0.0, train: float = 0.0, evaluate: float = 0.0) -> None:
        old = self.seconds
        self.seconds = Seconds(old.startup + startup, old.train + train, old.evaluate + evaluate)

    def _timed_step(self, run: Command) -> Step:
        return Step(name="run", command=run.command, seconds=self._order.budget.amount)

    # ------------------------------------------------------------------ one box

    def _box(
        self,
        name: str,
        steps: Sequence[Step],
        files: Mapping[str, BoxFile],
        give: list[str],
        *,
        block: int = 0,
        shown: bool = False,
        seed: int | None = None,
    ) -> BoxEnd:
        environment = {
            "AUTOSWARM_SEED": str(self._order.seed if seed is None else seed),
            "AUTOSWARM_BLOCK": str(block),
        }
        job = BoxJob(steps=list(steps), environment=environment, give=give, shown=shown)
        end = self._boxes.do(self._with_what_is_left(), name, job, files, self._progress, self._cancel)
        self.ends.append(end)
        if end.done:
            return end
        outcome, output = self._failure(end)
        if name.startswith(UNMODIFIED) and not isinstance(outcome, Lost):
            outcome = Lost(bounded(f"the unmodified surface beside it came to no time: {outcome}"))
        raise _RunEndedError(outcome, output)

    def _with_what_is_left(self) -> RunOrder:
        """The order, its wall cap less what was used of it."""
        budget, used = self._order.budget, time.monotonic() - self._began
        if used >= budget.wall_cap:
            outcome = TimedOut(Limit.WALL_CAP, used, "its boxes together took so long")
            raise _RunEndedError(outcome, self._told())
        return replace(self._order, budget=replace(budget, wall_cap=budget.wall_cap - used))

    def _failure(self, end: BoxEnd) -> tuple[Outcome, str]:
        """What a box comes to that did not do all, and what it wrote, as far as that may be told."""
        failed, outcome = end.report.failed, end.result.outcome
        if failed is None:
            return outcome, "" if end.shown else end.result.tail
        output = failed.tail[-TAIL_CHARS:] if failed.name in (*TOLD, "check") else ""
        if failed.code is None and failed.name in TOLD:
            return TimedOut(Limit.BUDGET, failed.seconds, f"{failed.name} took more than its seconds"), output
        how = "took more than its seconds" if failed.code is None else f"exit code {failed.code}"
        line = next((line for line in reversed(output.splitlines()) if line.strip()), "")
        kind = CrashKind.EXCEPTION if failed.name in TOLD else CrashKind.GUARD
        return Crashed(kind, bounded(f"{failed.name} failed: {how}. {line}".strip())), output

    # ------------------------------------------------------------------ what it comes to

    def _take(self, numbers: Mapping[str, float]) -> None:
        """Keep further numbers, and hold them to the task's guards."""
        self.details |= {name: value for name, value in numbers.items() if name != self._task.metric.name}
        for name, guard in self._task.guards.items():
            value = self.details.get(name)
            if not isinstance(value, float | int):
                why = f"guard {name}: nobody said it"
            elif not (why := guard.breach(name, float(value))):
                continue
            raise _RunEndedError(Crashed(CrashKind.GUARD, bounded(why)), self._told())

    def _believed(self, value: float) -> Outcome:
        metric = self._task.metric
        if not math.isfinite(value):
            return Crashed(CrashKind.DIVERGED, f"{metric.name} is {value}")
        if why := metric.bounds.breach(metric.name, value):
            return Cheated("unbelievable", f"{why}: nothing beyond is believed")
        return Measured(value)

    def _told(self) -> str:
        """The end of what its own boxes wrote."""
        ends = [end for end in self.ends if not end.shown]
        return ends[-1].result.tail if ends else ""


def _step(name: str, command: Command) -> Step:
    return Step(name=name, command=command.command, seconds=command.seconds)
