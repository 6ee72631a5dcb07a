"""Carries a plan out: the runs that are missing, what they show of each piece, and the record.

- Runs of the best and without the pieces take turns, round by round, and each round begins with another
  piece: a machine that gets slower or faster meanwhile does so to all.
- A piece whose program gave no value is not run again. Whatever ends this process, runs that are there stay.
"""

import time
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from deploy.cli.ablation.ablation_case import AblationCase
from deploy.cli.ablation.ablation_record import (
    AblationPlan,
    AblationRecord,
    ablation_of,
    same_ablation,
)
from deploy.cli.ablation.piece_verdicts import result_of
from deploy.cli.comparisons import record_folders
from deploy.cli.comparisons.conclusion import made
from deploy.cli.comparisons.making_runs import Measuring
from deploy.cli.comparisons.question import RecordKind, Which
from deploy.cli.comparisons.record import SCHEMA
from deploy.cli.comparisons.record_folders import PLAN, RECORD, keep, keep_text
from evaluator.result import RunResult


def begun(case: AblationCase, again: bool) -> tuple[AblationPlan, AblationRecord | None]:
    """The plan that is on the disk, an earlier one where it asks the same, with its record where that is
    finished. again: a new one all the same.
    """
    plan = None if again else same_ablation(case.records, case.plan)
    if plan is not None:
        return plan, ablation_of(case.records, plan.record)
    name = record_folders.new_record(case.records, RecordKind.ABLATE)
    plan = replace(case.plan, record=name)
    keep_text(case.records / name / "best.py", case.best)
    for experiment, text in case.sources.items():
        keep_text(case.records / name / f"without-{experiment}.py", text)
    keep(case.records / name / PLAN, plan)
    return plan, None


def missing_runs(case: AblationCase, plan: AblationPlan) -> int:
    """Runs that are still to be made."""
    folder = case.records / plan.record
    names = {run.run for piece in plan.pieces if piece.plan for run in piece.plan.runs}
    return sum(not (folder / "runs" / name / "result.json").exists() for name in names)


def carried_out(case: AblationCase, plan: AblationPlan, tell: Callable[[str], None]) -> AblationRecord:
    """The finished record, on the disk. Raises ConfigError; an interruption passes through, after it was said
    what stays.
    """
    folder = case.records / plan.record
    with record_folders.working_on(folder):
        results: dict[str, dict[str, RunResult]] = {}
        try:
            for number in range(1, plan.runs + 1):
                tell(f"round {number} of {plan.runs}")
                _round(case, plan, number, results, tell)
        except KeyboardInterrupt:
            tell(f"what is measured stays in {folder}; the same command goes on")
            raise
        return _kept(case, plan, results)


def _round(
    case: AblationCase,
    plan: AblationPlan,
    number: int,
    results: dict[str, dict[str, RunResult]],
    tell: Callable[[str], None],
) -> None:
    """One more run of the best, and without each piece that still has values."""
    measured = [piece for piece in plan.pieces if piece.plan is not None]
    first = number % max(1, len(measured))
    for piece in [*measured[first:], *measured[:first]]:
        assert piece.plan is not None  # noqa: S101 - as just chosen
        part = replace(piece.plan, runs=piece.plan.runs[: 2 * number])
        before = results.get(piece.experiment, {})
        if len(before) < 2 * (number - 1):
            continue  # it has ended
        measuring = Measuring(
            plan=part,
            conditions=case.conditions,
            sources={Which.A: case.sources[piece.experiment], Which.B: case.best},
            unmodified=False,
            folder=case.records / plan.record,
            tell=tell,
            is_part=True,
        )
        results[piece.experiment] = measuring.run_all()


def _kept(
    case: AblationCase, plan: AblationPlan, results: Mapping[str, Mapping[str, RunResult]]
) -> AblationRecord:
    runs = {
        run.run: made(run, results[piece.experiment][run.run])
        for piece in plan.pieces
        if piece.plan is not None
        for run in piece.plan.runs
        if run.run in results.get(piece.experiment, {})
    }
    record = AblationRecord(
        schema=SCHEMA,
        plan=plan,
        pieces=tuple(
            result_of(plan, piece, results.get(piece.experiment, {}), case.conditions.baseline)
            for piece in plan.pieces
        ),
        runs=tuple(sorted(runs.values(), key=lambda run: run.started_at)),
        finished_at=time.time(),
    )
    keep(case.records / plan.record / RECORD, record)
    return record
