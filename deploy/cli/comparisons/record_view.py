"""Records as people see them: one with its runs, and a list of them."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.cli.comparisons import record_folders
from deploy.cli.comparisons.question import Plan, Which
from deploy.cli.comparisons.record import Record, RunMade, Shown
from deploy.views.sanitize import one_line
from deploy.views.tables import headed, pairs
from deploy.views.units import minute, number, span
from evaluator.significance import Comparison, Side, p_in_words

DROP = ("sandbox", "audit", "seconds", "seed")
"""What a narrow terminal does without, the first one first."""
LIST_DROP = ("against", "runs", "at (UTC)")
DIGITS = 5
"""Decimals of a mean: one more than a run's."""


def record_view(record: Record, folder: Path, package: Path | None = None) -> RenderableType:
    """A record. folder: where it lies. package: where it was written to."""
    question, conclusion = record.plan.question, record.conclusion
    comparison = conclusion.comparison
    facts = {"program": _program(record)}
    if comparison:
        facts |= _of_comparison(comparison)
        facts["against"] = f"{_against(record)}  {_mean(comparison.b)}"
    facts |= {
        "rows": f"block {question.block}: {question.rows.value}",
        "judge": f"strict, every run audited in full; sandbox {question.sandbox}",
        "took": _took(record.runs),
        "result": result_in_words(record),
        "why": one_line(conclusion.reason),
        "open": one_line(conclusion.marks),
        "note": one_line("; ".join(conclusion.remarks)),
        "claim": one_line(conclusion.claim.reason) if conclusion.claim else "",
        "package": "" if package is None else str(package),
        "record": f"{record.plan.record}, in {folder}",
    }
    shown = pairs({name: fact for name, fact in facts.items() if fact})
    return Group(_runs(record.runs), shown) if record.runs else shown


def _program(record: Record) -> str:
    program, comparison = record.plan.question.program, record.conclusion.comparison
    title = f"  {one_line(program.title)}" if program.title else ""
    mean = f"  {_mean(comparison.a)}" if comparison else ""
    return f"{one_line(program.name)}{title}{mean}"


def _against(record: Record) -> str:
    against = record.plan.question.against
    return one_line(against.name) if against else "the value that is claimed"


def _mean(side: Side) -> str:
    if not side.runs:
        return f"{side.mean:.{DIGITS}f}"
    return f"{side.mean:.{DIGITS}f} ± {side.standard_error:.{DIGITS}f} s.e. over {side.runs} runs"


def _of_comparison(comparison: Comparison) -> dict[str, str]:
    spreads = [number(side.deviation, DIGITS) for side in (comparison.a, comparison.b) if side.runs]
    sigma = (
        f"σ of one run {comparison.sigma:g}, declared; the runs' own "
        if comparison.sigma
        else "s.d. of a run "
    )
    statistic = "" if comparison.statistic is None else f" = {comparison.statistic:.2f}"
    freedom = "" if comparison.freedom is None else f", {comparison.freedom:.1f} degrees of freedom"
    p = "" if comparison.p is None else f", p = {comparison.p:.2g}"
    beyond = f" beyond {comparison.margin:.2g}" if comparison.margin else ""
    return {
        "against": "",
        "gain": f"{comparison.gain:+.{DIGITS}f} ± {comparison.standard_error:.{DIGITS}f} s.e.",
        "σ": f"{sigma}{' and '.join(spreads)}",
        "test": f"{comparison.test}{statistic}{freedom}, one-sided{beyond}{p}",
    }


def _took(runs: Sequence[RunMade]) -> str:
    seconds = [run.seconds.total for run in runs]
    return f"{span(sum(seconds))} of runs, {sum(seconds) / len(seconds):.1f} s each" if seconds else ""


def result_in_words(record: Record) -> str:
    """``certified: better, p < .001, n = 8``."""
    conclusion = record.conclusion
    comparison = conclusion.comparison
    tested = f", {p_in_words(comparison.p)}, n = {comparison.a.runs}" if comparison else ""
    if conclusion.shown is Shown.WORSE and comparison:
        tested = f", {p_in_words(comparison.p_worse)}, n = {comparison.a.runs}"
    return f"{'certified: ' if conclusion.certified else ''}{conclusion.shown.value}{tested}"


def _runs(runs: Sequence[RunMade]) -> Table:
    table = headed(
        "run", "of", "seed", "value", "outcome", "seconds", "sandbox", "audit", drop=DROP, folded=("outcome",)
    )
    of = {Which.A: "program", Which.B: "against", Which.REFERENCE: "reference"}
    for run in runs:
        table.add_row(
            run.run,
            of[Which(run.which)],
            str(run.seed),
            number(run.value, DIGITS),
            Text(one_line(": ".join(filter(None, (run.outcome, run.reason))))),
            f"{run.seconds.total:.1f} s",
            run.sandbox,
            "none" if run.audit is None else run.audit.in_short,
        )
    return table


def record_list(folder: Path, plans: Sequence[Plan]) -> RenderableType:
    """A line for each record of a folder."""
    table = headed(
        "record",
        "kind",
        "result",
        "runs",
        "program",
        "against",
        "at (UTC)",
        drop=LIST_DROP,
        folded=("program",),
    )
    for plan in plans:
        record = record_folders.record_of(folder, plan.record)
        question = plan.question
        against = one_line(question.against.name) if question.against else "its claim"
        result = "unfinished" if record is None else result_in_words(record)
        runs, program = str(len(plan.runs)), Text(one_line(question.program.name))
        table.add_row(plan.record, question.kind.value, result, runs, program, against, minute(plan.made_at))
    return table
