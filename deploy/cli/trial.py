"""One variant tried once, judged, outside any campaign."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from msgspec import Struct

from configs.errors import ConfigError
from coordinator.views.status_page import SCHEMA
from deploy.views.trial_page import TrialPage
from evaluator.result import (
    Cheated,
    Crashed,
    Lost,
    Measured,
    Outcome,
    Progress,
    RunResult,
    TimedOut,
    outcome_name,
)
from trainer.contract import Slot
from trainer.task import load_task
from trainer.try_once import try_once


class Trial(Struct, frozen=True, kw_only=True):
    """What to try."""

    source: Path
    task: str = "demo"
    size: str | None = None
    seed: int = 1
    cores: int = 1
    data: Path = Path("data")
    """Folder of prepared data, one folder per task."""
    keep: Path | None = None
    """Where log and result stay; None keeps neither."""


def try_variant(trial: Trial, tell: Callable[[str], None]) -> RunResult:
    """Prepare the data if it is missing, train, judge. Raises ConfigError."""
    source = _read(trial.source)
    task = load_task(trial.task)
    budget = task.budget(trial.size)
    tell(f"preparing the data of task {task.name} in {trial.data}")
    data = task.prepare(trial.data)
    tell(f"training {trial.source}: {budget.amount:g} {budget.unit}, {budget.wall_cap:g} s at most")
    slot = Slot(
        "try",
        cores=trial.cores,
        gpu=os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if task.needs == "gpu" else None,
    )
    return try_once(task, source, data, slot, trial.seed, budget, trial.keep, _Quarters(tell).hear)


class _Quarters:
    """Says when another quarter of the budget is spent."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._quarter = 0

    def hear(self, progress: Progress) -> None:
        quarter = min(4, int(progress.share * 4))
        if quarter > self._quarter:
            self._quarter = quarter
            self._tell(
                f"{quarter * 25} % of the budget spent"
                + ("" if progress.step is None else f", step {progress.step}")
            )


def page_of(result: RunResult) -> TrialPage:
    """The result as people and their programs read it."""
    return TrialPage(
        schema=SCHEMA,
        outcome=outcome_name(result.outcome),
        value=result.outcome.value if isinstance(result.outcome, Measured) else None,
        floor=result.floor,
        seconds=result.seconds,
        sandbox=result.sandbox,
        audit=result.audit,
        seed=result.seed,
        reason=reason(result.outcome),
    )


def reason(outcome: Outcome) -> str:
    """Why there is no value, in plain words; empty when there is one."""
    match outcome:
        case Measured():
            return ""
        case Crashed(kind=kind, message=message):
            return ": ".join(filter(None, (kind.value.replace("_", " "), message)))
        case TimedOut(limit=limit, seconds=seconds):
            return f"ended at its {limit.value.replace('_', ' ')} after {seconds:.1f} s"
        case Cheated(kind=kind, evidence=evidence):
            return f"{kind}: {evidence}"
        case Lost(reason=why):
            return why
        case _:
            assert_never(outcome)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}", "Name a Python file: a variant of the task's train.py."
        ) from error
