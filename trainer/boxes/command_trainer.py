"""Trains variants of tasks whose judge is made of commands: one result of all the boxes of a run."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import msgspec

from evaluator.result import TAIL_CHARS, Audit, Measured, Progress, RunResult
from trainer.boxes.box import BoxEnd, BoxTrainer
from trainer.boxes.command_run import CommandRun
from trainer.contract import RunOrder, Slot
from trainer.judges import ByCommand, Speed
from trainer.run.result_file import LOG, write_result
from trainer.sandbox.probe import AUTO
from trainer.sandbox.tier import Tier
from trainer.task import Task

BESIDE, OUTSIDE = "beside", "outside"
"""Kinds of audit: whether the measuring commands ran the variant's code, or only saw what came out of it."""


class CommandTrainer:
    """Trains variants of one task in one slot."""

    def __init__(
        self, task: Task, slot: Slot, log_bytes: int, *, scratch: Path | None = None, sandbox: str = AUTO
    ) -> None:
        """As of ``SubprocessTrainer``. Raises SandboxError, ConfigError."""
        assert isinstance(task.judge, ByCommand | Speed)  # noqa: S101 - else another trainer is made
        self._judge = task.judge
        self._task = task
        self._boxes = BoxTrainer(task, slot, log_bytes, scratch=scratch, sandbox=sandbox)
        self._visible, self._hidden = task.visible_files(), task.hidden_files()

    @property
    def tier(self) -> Tier:
        """What confines the variants it trains."""
        return self._boxes.tier

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        """Run ``order`` to its end; see ``trainer.contract``. Raises OSError."""
        order.directory.mkdir(parents=True, exist_ok=True)
        began, started_at = time.monotonic(), time.time()
        run = CommandRun(self._task, self._boxes, order, progress, cancel)
        outcome, words = run.outcome(self._visible, self._hidden)
        _keep_log(order.directory / LOG, run.ends)
        seconds = msgspec.structs.replace(run.seconds, total=time.monotonic() - began)
        result = RunResult(
            run=order.run,
            outcome=outcome,
            seed=order.seed,
            seconds=seconds,
            audit=Audit(self._kind, 0, 0.0, 0.0, 0.0, 0.0) if isinstance(outcome, Measured) else None,
            sandbox=self.tier,
            spent=min(run.seconds.train, order.budget.amount),
            peak_memory=max((end.result.peak_memory for end in run.ends), default=0),
            log_bytes=sum(end.result.log_bytes for end in run.ends),
            tail=words[-TAIL_CHARS:],
            details=run.details,
            started_at=started_at,
            finished_at=time.time(),
        )
        write_result(order.directory, result)
        return result

    @property
    def _kind(self) -> str:
        match self._judge:
            case ByCommand(runs_variant=True) | Speed(check=None):
                return BESIDE
            case _:
                return OUTSIDE


def _keep_log(path: Path, ends: Sequence[BoxEnd]) -> None:
    """One log of what may be told; the others' stay in their folders, for people."""
    with path.open("wb") as log:
        for end in ends:
            if not end.shown and end.log.is_file():
                log.write(f"=== {end.log.parent.name}\n".encode() + end.log.read_bytes())
