"""Trains a variant in processes of its own, under a supervisor.

- ``train`` may be called from any thread. It never forks this process's Python, and its processes get nothing
  of this process's environment.
- However the supervisor ends, ``train`` leaves neither a process nor a scratch folder behind.
"""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from msgspec.structs import replace

from evaluator.result import Lost, Progress, RunResult
from trainer.contract import RunOrder, Slot
from trainer.process import cgroups, charged
from trainer.process.environment import ROOT
from trainer.process.scratch import make_scratch
from trainer.run.job import Finished, Running, SupervisorJob
from trainer.run.link import SupervisorLink
from trainer.run.result_file import write_result
from trainer.sandbox.identity import remove_scratch
from trainer.sandbox.probe import AUTO, choose
from trainer.sandbox.tier import Tier
from trainer.task import Task

SHIM = ROOT / "evaluator" / "shim" / "prepare.py"
"""What variants import as ``prepare``."""

CANCEL_LOOK = 0.1
"""Seconds between two looks at ``cancel``."""


class SubprocessTrainer:
    """Trains variants of one task in one slot."""

    def __init__(
        self,
        task: Task,
        data: Path,
        slot: Slot,
        log_bytes: int,
        *,
        scratch: Path | None = None,
        judge_module: str = "evaluator.judging.judge",
        shim: Path = SHIM,
        sandbox: str = AUTO,
    ) -> None:
        """data: the folder that the task's ``prepare`` returned. log_bytes: cap of a run's log file. scratch:
        folder that holds the runs' scratch folders; None takes the system's.

        judge_module, shim: the seam to the judge, what is run with ``python -m`` and the file variants import
        as ``prepare``; the two speak a protocol of their own. sandbox: the tier that confines variants,
        chosen once; "auto" takes the strongest there is. Raises SandboxError when the tier named is not
        there.
        """
        self._surface = task.surface
        self._beside = [path.absolute() for path in task.frozen_files]
        self._data = data.absolute()
        self._slot = slot
        self._log_bytes = log_bytes
        self._scratch = scratch
        self._judge_module = judge_module
        self._shim = shim.absolute()
        self._sandbox = choose(sandbox, scratch)

    @property
    def tier(self) -> Tier:
        """What confines the variants it trains."""
        return self._sandbox.tier

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        """Run ``order`` to its end; see ``trainer.contract``. Raises OSError when processes cannot be started
        or the directory not be written.
        """
        order.directory.mkdir(parents=True, exist_ok=True)
        started_at, scratch = time.time(), make_scratch(self._scratch)
        try:
            with SupervisorLink(lambda lifeline: self._job(order, scratch, lifeline)) as link:
                result = _follow(link, progress, cancel)
        finally:
            if group := cgroups.find(scratch.name):  # supervisor and guard were killed
                group.remove()
            charged.remove(scratch.name)
            remove_scratch(scratch)
        return result or _lost(order, started_at)

    def _job(self, order: RunOrder, scratch: Path, lifeline: int) -> SupervisorJob:
        return SupervisorJob(
            order=replace(order, directory=order.directory.absolute()),
            slot=self._slot,
            lifeline=lifeline,
            surface=self._surface,
            data=self._data,
            scratch=scratch,
            log_bytes=self._log_bytes,
            judge_module=self._judge_module,
            shim=self._shim,
            beside=self._beside,
            sandbox=self._sandbox,
        )


def _follow(link: SupervisorLink, progress: Callable[[Progress], None], cancel: Event) -> RunResult | None:
    """Pass on what the supervisor says until it has a result; None when it died without one."""
    cancelled = False
    while (statuses := link.listen(CANCEL_LOOK)) is not None:
        if cancel.is_set() and not cancelled:
            cancelled = True
            link.cancel()
        for status in statuses:
            match status:
                case Running():
                    progress(status.progress)
                case Finished():
                    return status.result
    return None


def _lost(order: RunOrder, started_at: float) -> RunResult:
    result = RunResult(
        run=order.run,
        outcome=Lost("supervisor died"),
        seed=order.seed,
        started_at=started_at,
        finished_at=time.time(),
    )
    write_result(order.directory, result)
    return result
