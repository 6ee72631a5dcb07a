"""One training outside any campaign: does this surface run, and what does it score?"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

from msgspec.structs import replace

from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget
from evaluator.result import Progress, RunResult
from evaluator.wall_caps import came_on, more_time, usual_cap
from trainer.contract import RunOrder, Slot
from trainer.make_trainer import make_trainer
from trainer.task import Task

LOG_BYTES = 8_000_000
"""Cap of the log: the default of a campaign."""

IN_FULL = AuditPlan(share=1.0, share_positions=AuditPlan().positions)
"""Somebody wants to know what this variant is worth: audited as if it were to be merged."""

UNKNOWN = BaselineFacts()


def with_more_time(run: Callable[[Budget], RunResult], budget: Budget) -> RunResult:
    """What came of a run of the unmodified surface, made again with more real time as long as it is ended at
    its wall cap and more may help: the machine is slow.
    """
    result = run(budget)
    while (more := more_time(budget, result, budget.wall_cap)) is not None:
        result = run(replace(budget, wall_cap=more))
    return result


def with_time_once_more(
    run: Callable[[Budget], RunResult], budget: Budget, longest: float | None
) -> RunResult:
    """What came of a run of a variant; under a budget that is counted made again once where it was ended at
    its wall cap while it came on and before rows were shown to it. longest: seconds that the unmodified
    surface took here, None where nobody knows.
    """
    usual = usual_cap(budget, longest)
    result = run(replace(budget, wall_cap=usual))
    more = more_time(budget, result, usual)
    again = budget.unit.deterministic and came_on(result) and not result.seconds.evaluate
    return run(replace(budget, wall_cap=more)) if again and more is not None else result


def try_once(
    task: Task,
    source: str,
    data: Path,
    slot: Slot,
    seed: int,
    budget: Budget,
    directory: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    baseline: BaselineFacts = UNKNOWN,
) -> RunResult:
    """Train ``source`` once on ``data`` as the swarm would. directory: keeps log and result; None keeps
    neither. baseline: what the unmodified surface came to here. Raises OSError.
    """
    with tempfile.TemporaryDirectory(prefix="autoswarm-try-") as fleeting:
        order = RunOrder(
            run="try",
            source=source,
            seed=seed,
            budget=budget,
            directory=directory or Path(fleeting),
            audit=IN_FULL,
            baseline=baseline,
        )
        return make_trainer(task, data, slot, LOG_BYTES).train(order, progress, Event())
