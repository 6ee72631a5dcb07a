"""Carries a plan out: the runs that are missing, what they show of each piece, and the record.

- Runs of the best and without the pieces take turns, round by round, and each round begins with another
  piece: a machine that gets slower or faster meanwhile does so to all.
- A piece whose program gave no value is not run again. Whatever ends this process, runs that are there stay.
"""

import time
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from deploy.cli.ablation.ablation_case import AblationCase, cost_in_words, require_room
from deploy.cli.ablation.ablation_record import (
    AblationPlan,
    AblationRecord,
    PlannedPiece,
    ablation_of,
    same_ablation,
)
from deploy.cli.ablation.piece_verdicts import result_of
from deploy.cli.comparisons import record_folders
from deploy.cli.comparisons.conclusion import made
from deploy.cli.comparisons.making_runs import Measuring
from deploy.cli.comparisons.question import PlannedRun, RecordKind, Which
from deploy.cli.comparisons.record import SCHEMA
from deploy.cli.comparisons.record_folders import PLAN, RECORD, keep, keep_text
from evaluator.result import RunResult


def answer(case: AblationCase, again: bool, tell: Callable[[str], None]) -> AblationRecord:
    """The finished record, on the disk: an earlier one where that asked the same. again: a new one all the
    same. Raises ConfigError, and MoneySpentError before anything is begun; an interruption passes through,
    after it was said what stays.
    """
    plan = None if again else same_ablation(case.records, case.plan)
    record = None if plan is None else ablation_of(case.records, plan.record)
    if record is not None:
        tell(f"this was measured before: record {record.plan.record}; --again measures once more")
        return record
    if plan is None:
        plan = _begun(case)
    with record_folders.working_on(case.records / plan.record):
        return _carried_out(case, plan, tell)


def _begun(case: AblationCase) -> AblationPlan:
    """A new plan, on the disk."""
    require_room(case, len({run.run for _, run in _all_runs(case.plan)}))
    name = record_folders.new_record(case.records, RecordKind.ABLATE)
    plan = replace(case.plan, record=name)
    keep_text(case.records / name / "best.py", case.best)
    for experiment, text in case.sources.items():
        keep_text(case.records / name / f"without-{experiment}.py", text)
    keep(case.records / name / PLAN, plan)
    return plan


def _all_runs(plan: AblationPlan) -> list[tuple[PlannedPiece, PlannedRun]]:
    """Every run by the pieces it is for: those of the best are for all."""
    return [(piece, run) for piece in plan.pieces if piece.plan is not None for run in piece.plan.runs]


def _carried_out(case: AblationCase, plan: AblationPlan, tell: Callable[[str], None]) -> AblationRecord:
    missing = {
        run.run for piece, run in _all_runs(plan) if _measuring(case, plan, piece, tell).kept(run) is None
    }
    require_room(case, len(missing))
    tell(f"record {plan.record}: {cost_in_words(case, len(missing))}")
    results: dict[str, dict[str, RunResult]] = {}
    try:
        for number in range(1, plan.runs + 1):
            tell(f"round {number} of {plan.runs}")
            _round(case, plan, number, results, tell)
    except KeyboardInterrupt:
        tell(f"what is measured stays in {case.records / plan.record}; the same command goes on")
        raise
    return _kept(case, plan, results)


def _measuring(
    case: AblationCase,
    plan: AblationPlan,
    piece: PlannedPiece,
    tell: Callable[[str], None],
    rounds: int | None = None,
) -> Measuring:
    """What makes the runs of a piece and of the best, in the first so many rounds."""
    assert piece.plan is not None  # noqa: S101 - a piece that is measured
    return Measuring(
        plan=replace(piece.plan, runs=piece.plan.runs[: 2 * (plan.runs if rounds is None else rounds)]),
        conditions=case.conditions,
        sources={Which.A: case.sources[piece.experiment], Which.B: case.best},
        unmodified=False,
        folder=case.records / plan.record,
        tell=tell,
        is_part=True,
    )


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
        before = results.get(piece.experiment, {})
        if len(before) < 2 * (number - 1):
            continue  # it has ended
        results[piece.experiment] = _measuring(case, plan, piece, tell, number).run_all()


def _kept(
    case: AblationCase, plan: AblationPlan, results: Mapping[str, Mapping[str, RunResult]]
) -> AblationRecord:
    runs = {
        run.run: made(run, results[piece.experiment][run.run])
        for piece, run in _all_runs(plan)
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
