"""One experiment as people see it: its idea, verdict, runs and story; calls of models."""

from collections.abc import Sequence

from msgspec.structs import astuple
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.domain import Metric
from coordinator.store.paths import Layout
from coordinator.views.experiment_page import CallRow, ExperimentPage, RunRow
from coordinator.views.status_page import DivisionView
from deploy.views.sanitize import one_line, sanitize
from deploy.views.tables import headed, pairs
from deploy.views.units import (
    DIGITS,
    by_rows,
    gains,
    moment,
    named,
    number,
    probability,
    record_in_words,
    usd,
)
from deploy.views.usage import cpu_in_words, details_in_words, memory_in_words, spent_in_words
from evaluator.budget import Budget
from evaluator.result import Audit, Measured, Outcome, outcome_name

DROP = (
    *("turn", "time", "steps", "block", "seconds", "largest", "n", "clock", "95 % bound", "in", "out", "arm"),
    *("purpose", "seed"),
)
"""What tables do without on a narrow terminal, the first one first."""


def experiment(
    page: ExperimentPage, layout: Layout, metric: Metric, division: DivisionView
) -> RenderableType:
    """Everything about one experiment. layout: where its logs lie. division: its own, for what gains are
    over.
    """
    gained = ", ".join(gains(metric, division, page.value, page.gain_over_best))
    title = Text(f"{page.experiment}  {one_line(page.title)}", style="bold")
    story = Text("\n".join(f"  {_when(line)}" for line in page.story), style="dim")
    calls = [calls_table(page.calls)] if page.calls else []
    runs = page.all_runs
    tables = _runs(runs), _uses(runs, page.budget), _checks(runs), _notes(runs)
    return Group(title, _facts(page, layout, gained), *tables, *calls, story, *last_words(runs))


def _facts(page: ExperimentPage, layout: Layout, gained: str) -> Table:
    spread = f", spread {number(page.spread)}" if page.spread is not None else ""
    facts = {
        "state": _state(page),
        "value": f"{number(page.value)} over {page.runs} runs{spread}",
        "gain": gained,
        "rows": by_rows(page.rows),
        "false": f"with a probability of {doubt}, by noise alone" if (doubt := _doubt(page)) else "",
        "record": "; ".join(map(record_in_words, page.records or ())),
        "audit": audit_words(page.audit),
        "open": page.open,
        "commit": page.commit,
        "parent": page.parent or "–",
        "by": f"{page.agent or '–'}, arm {page.arm or '–'}, division {page.division}",
        "time": f"{moment(page.started_at)} to {moment(page.finished_at)}",
        "hypothesis": one_line(page.hypothesis),
        "repairs": page.repairs or "",
        "repaired by": page.repaired or "",
        "brings here": f"the merge of {page.transfers}" if page.transfers else "",
        "tried in": "; ".join(f"{name}: {what}" for name, what in (page.transferred or {}).items()),
        "settings": ", ".join(f"{one_line(key)} = {one_line(value)}" for key, value in page.settings.items()),
        "logs": str(layout.runs / f"{page.experiment}.*"),
        "program": f"autoswarm show {page.experiment} --source{named(layout)}",
        "reproduce": "" if page.value is None else f"autoswarm reproduce {page.experiment}{named(layout)}",
    }
    return pairs({name: fact for name, fact in facts.items() if fact})


def _doubt(page: ExperimentPage) -> str:
    """How likely it is no better in truth; empty of what never became the best."""
    return probability(page.false_probability)


def _state(page: ExperimentPage) -> str:
    verdict = f", {page.verdict}" if page.verdict else ""
    reason = f": {one_line(page.reason)}" if page.reason else ""
    return f"{page.state}{verdict}{reason}"


def audit_words(audit: Audit | None) -> str:
    """``twin of 2048 positions, +0.0000 ± 0.0001, a leak of at most 0.0002``; empty without one."""
    if audit is None:
        return ""
    if not audit.positions:
        return audit.kind
    correction = f"{audit.correction:+.{DIGITS}f} ± {audit.standard_error:.{DIGITS}f}"
    return (
        f"{audit.kind} of {audit.positions} positions, {correction}, a leak of at most"
        f" {audit.leak_bound:.{DIGITS}f}"
    )


def _runs(runs: Sequence[RunRow]) -> Table:
    table = headed(
        "run",
        "purpose",
        "block",
        "outcome",
        "seconds",
        "steps",
        "seed",
        "counts",
        drop=DROP,
        folded=("outcome",),
    )
    for run in runs:
        seconds = f"{run.seconds.total:.1f}" if run.seconds else "–"
        steps = "–" if run.steps is None else str(run.steps)
        counts = "yes" if run.counts else "no, other parent"
        outcome, seed = _outcome(run.outcome), str(run.seed)
        table.add_row(run.run, run.purpose, str(run.block or 0), outcome, seconds, steps, seed, counts)
    return table


def cost(row: CallRow) -> str:
    """Dollars of a call, and whether they are an estimate."""
    return usd(row.cost_usd) + " estimated" * row.estimated


def calls_table(rows: Sequence[CallRow]) -> Table:
    """Calls of models."""
    table = headed(
        "call", "arm", "model", "turn", "in", "out", "cost", "time", "result", drop=DROP, folded=("model",)
    )
    for row in rows:
        numbers = [
            str(row.turn + 1),
            f"{row.prompt_tokens} tokens",
            f"{row.completion_tokens} tokens",
            cost(row),
            f"{row.seconds:.1f} s",
        ]
        result = row.result.replace("_", " ")
        table.add_row(row.call[:12], Text(row.arm), Text(row.model), *numbers, result)
    return table


def _uses(runs: Sequence[RunRow], budget: Budget) -> Table:
    """What each run took: of its budget, in CPU seconds by phase, in memory."""
    table = headed("run", "spent", "CPU", "peak memory", folded=("spent", "CPU"))
    for run in runs:
        if run.spent is not None:
            cpu = cpu_in_words(run.cpu) if run.cpu else "–"
            table.add_row(
                run.run, spent_in_words(run.spent, budget), cpu, memory_in_words(run.peak_memory or 0)
            )
    return table


def _notes(runs: Sequence[RunRow]) -> Table:
    """What else the judge noted of each run."""
    notes = {run.run: details_in_words(run.details) for run in runs}
    return pairs({run: f"judge: {words}" for run, words in notes.items() if words})


def _checks(runs: Sequence[RunRow]) -> Table:
    """Why each value can be believed: sandbox, the supervisor's wall seconds of training (``clock``), and the
    audit in the metric's unit.
    """
    table = headed(
        "run", "sandbox", "clock", "audit", "n", "correction ± s.e.", "95 % bound", "largest", drop=DROP
    )
    for run in runs:
        if run.sandbox is not None and run.seconds is not None:
            clock = f"{run.seconds.train:.1f} s"
            table.add_row(run.run, run.sandbox, clock, *_audit_cells(run.audit))
    return table


def _audit_cells(audit: Audit | None) -> list[str]:
    if audit is None:
        return ["none", "–", "–", "–", "–"]
    if not audit.positions:
        return [audit.kind, "–", "–", "–", "–"]
    # An honest correction is a billionth or a thousandth, depending on the hardware.
    correction = f"{audit.correction:+.1e} ± {audit.standard_error:.1e}"
    return [
        audit.kind,
        str(audit.positions),
        correction,
        f"{audit.leak_bound:.1e}",
        f"{audit.largest:.1e} nat",
    ]


def _outcome(outcome: Outcome | None) -> str:
    """``measured 2.1034``, ``crashed out_of_memory``: the class and its first field."""
    if outcome is None:
        return "–"
    first = astuple(outcome)[0]
    words = f"{first:.{DIGITS}f}" if isinstance(first, float) else one_line(str(first))
    return f"{outcome_name(outcome)} {words}"


def last_words(runs: Sequence[RunRow]) -> list[RenderableType]:
    """The end of the log of the last run that was not measured."""
    failed = [run for run in runs if run.outcome and not isinstance(run.outcome, Measured) and run.tail]
    if not failed:
        return []
    tail = sanitize(failed[-1].tail).rstrip()
    return [Text(f"the end of the log of {failed[-1].run}:\n{tail}", style="dim")]


def _when(line: str) -> str:
    at, _, what = line.partition(" ")
    return f"{moment(float(at))}  {what}"
