"""A question answered: an answer that is there already, or the runs that are missing, and the record."""

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from msgspec import Struct

from coordinator.variants.gate import Gate
from deploy.cli.comparisons import record_folders
from deploy.cli.comparisons.conclusion import conclude, made, refused
from deploy.cli.comparisons.conditions import RunConditions
from deploy.cli.comparisons.making_runs import Measuring
from deploy.cli.comparisons.question import SEEDS, Plan, Question, RecordKind, Which, planned_runs
from deploy.cli.comparisons.record import SCHEMA, Conclusion, Record
from deploy.cli.comparisons.record_folders import PLAN, RECORD, keep, keep_text
from deploy.cli.comparisons.under_cap import Funds
from evaluator.result import RunResult


class Inquiry(Struct, frozen=True, kw_only=True):
    """A question with all that is needed to answer it."""

    question: Question
    conditions: RunConditions
    sources: dict[Which, str]
    unmodified: bool
    """Whether side B is the unmodified surface."""
    records: Path
    """Folder of the records it belongs to."""
    funds: Funds | None = None
    """What its runs are paid from; None where nothing caps them."""
    seed: int | None
    """Seeds of runs are drawn from it; None draws them from the system, so that nobody can know them."""


def answer(case: Inquiry, again: bool, tell: Callable[[str], None]) -> Record:
    """The record of a question. again: ask once more what was answered before. Raises ConfigError; an
    interruption passes through, after it was said what stays.
    """
    plan = record_folders.same(case.records, case.question)
    done = None if plan is None else record_folders.record_of(case.records, plan.record)
    if done is not None and not again:
        tell(f"this was asked before, and record {done.plan.record} answers it; --again asks once more")
        return done
    if plan is None or done is not None:
        plan = _begun(case)
    folder = case.records / plan.record
    with record_folders.working_on(folder):
        return _answered(case, plan, folder, tell)


def _begun(case: Inquiry) -> Plan:
    """A new plan, on the disk."""
    question = case.question
    attempt = 1
    if question.kind is RecordKind.CERTIFY:
        attempt += record_folders.attempts(case.records, question)
    source = secrets.SystemRandom() if case.seed is None else Random(case.seed)
    reference = case.conditions.facts is None and not case.unmodified
    runs = planned_runs(question, case.conditions.used, lambda: source.randrange(1, SEEDS), reference)
    _require_room(case, len(runs))
    name = record_folders.new_record(case.records, question.kind)
    plan = Plan(record=name, question=question, runs=runs, attempt=attempt, made_at=time.time())
    for which in (Which.A, *{run.which for run in plan.runs} - {Which.A}):
        keep_text(case.records / name / f"{which}.py", case.sources[which])
    keep(case.records / name / PLAN, plan)
    return plan


def _answered(case: Inquiry, plan: Plan, folder: Path, tell: Callable[[str], None]) -> Record:
    question, task = case.question, case.conditions.task
    objection = Gate(task.frozen, task.imports, task.patterns).look(case.sources[Which.A])
    if objection is not None:
        tell(f"refused by its text, without a run: {objection.reason}")
        why = f"{objection.refusal.value.replace('_', ' ')}: {objection.reason}"
        return _kept(plan, folder, {}, refused(why))
    measuring = Measuring(
        plan=plan,
        conditions=case.conditions,
        sources=case.sources,
        unmodified=case.unmodified,
        folder=folder,
        tell=tell,
    )
    there = sum(1 for run in plan.runs if measuring.kept(run) is not None)
    _require_room(case, len(plan.runs) - there)
    tell(
        f"record {plan.record}: {len(plan.runs)} runs, {there} of them there, {question.budget.amount:g}"
        f" {question.budget.unit.value} each, block {question.block} of rows ({question.rows.value})"
    )
    try:
        results = measuring.run_all()
    except KeyboardInterrupt:
        kept = sum(1 for run in plan.runs if measuring.kept(run) is not None)
        tell(f"{kept} of {len(plan.runs)} runs are measured and stay in {folder}; the same command goes on")
        raise
    return _kept(plan, folder, results, conclude(plan, results, measuring.baseline(results)))


def _require_room(case: Inquiry, runs: int) -> None:
    """Raises MoneySpentError where so many runs do not fit under the cap."""
    if case.funds is not None and runs:
        case.funds.require_room(case.records, runs, case.conditions.budget.wall_cap)


def _kept(plan: Plan, folder: Path, results: Mapping[str, RunResult], conclusion: Conclusion) -> Record:
    """The finished record, on the disk."""
    runs = [made(run, results[run.run]) for run in plan.runs if run.run in results]
    record = Record(
        schema=SCHEMA, plan=plan, runs=tuple(runs), conclusion=conclusion, finished_at=time.time()
    )
    keep(folder / RECORD, record)
    return record
