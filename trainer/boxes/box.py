"""One box: a folder laid out for its judge, the sandboxed process that does what it says, what came of it.

The process, its sandbox, its bounds and its end are ``trainer.run``'s, as for a training script: the program
that it starts is ours (``evaluator/shim/box.py``), which runs the commands.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from evaluator.box_job import IN, JOB, OUT, BoxFile, BoxJob, BoxReport, Files, packed, read_report, unpacked
from evaluator.budget import Budget, Unit
from evaluator.result import Measured, Progress, RunResult
from trainer.contract import RunOrder, Slot
from trainer.process.environment import ROOT
from trainer.run.job import SupervisorJob
from trainer.run.result_file import LOG
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task import Task

RUNNER = ROOT / "evaluator" / "shim" / "box.py"
STARTS = "import prepare\n"
"""The program of a box: what lies beside it as ``prepare`` serves the judge until that hangs up."""
OVERHEAD = 30.0
"""Seconds that a box may take beside its commands: start, files, end."""


class BoxEnd(Struct, frozen=True, kw_only=True):
    """What came of a box."""

    result: RunResult
    """Of its process: measured where the conversation came to its end."""
    report: BoxReport
    files: dict[str, BoxFile]
    log: Path
    shown: bool
    """Hidden files were in it: its log is for people alone."""

    @property
    def done(self) -> bool:
        """Whether every command exited with 0."""
        return isinstance(self.result.outcome, Measured) and self.report.failed is None


class BoxTrainer(SubprocessTrainer):
    """Does boxes of one task in one slot, one after the other."""

    def __init__(self, task: Task, slot: Slot, log_bytes: int, *, scratch: Path | None, sandbox: str) -> None:
        plain = replace(task, surface="box.py", frozen=[])
        super().__init__(
            plain,
            task.folder,
            slot,
            log_bytes,
            scratch=scratch,
            judge_module="evaluator.judging.boxes.box_judge",
            shim=RUNNER,
            sandbox=sandbox,
        )

    def do(
        self,
        order: RunOrder,
        name: str,
        job: BoxJob,
        files: Files,
        progress: Callable[[Progress], None],
        cancel: Event,
    ) -> BoxEnd:
        """One box of a run, its log kept in a folder of that name below the run's. Raises OSError."""
        directory = order.directory / name
        place = directory / "box"
        shutil.rmtree(directory, ignore_errors=True)
        place.mkdir(parents=True)
        (place / JOB).write_bytes(msgspec.json.encode(job))
        (place / IN).write_bytes(packed(files))
        seconds = sum(step.seconds for step in job.steps)
        self._data = place.absolute()
        inner = replace(
            order,
            source=STARTS,
            directory=directory,
            budget=Budget(Unit.SECONDS, seconds, min(seconds + OVERHEAD, order.budget.wall_cap)),
            early=None,
        )
        result = self.train(inner, progress, cancel)
        return self._end(result, directory, place, job.shown)

    def _end(self, result: RunResult, directory: Path, place: Path, shown: bool) -> BoxEnd:
        try:
            report = read_report(place)
        except (OSError, msgspec.DecodeError):
            report = BoxReport(steps=[])
        out = place / OUT
        files = unpacked(out.read_bytes()) if out.is_file() else {}
        shutil.rmtree(place)
        return BoxEnd(result=result, report=report, files=files, log=directory / LOG, shown=shown)

    def _job(self, order: RunOrder, scratch: Path, lifeline: int) -> SupervisorJob:
        return replace(super()._job(order, scratch, lifeline), data=self._data)
