"""The page of a package: the claim in numbers, first, then how it came about."""

from deploy.cli.comparisons.question import Question, Which
from deploy.cli.comparisons.record import Record, RunMade
from deploy.views.sanitize import one_line
from deploy.views.units import moment, number
from evaluator.significance import Comparison, Side, p_in_words

AGAIN = (
    "`autoswarm verify FOLDER`, with this folder, makes such runs on your machine and believes no word of"
    " this page. The seeds are in `record.json`, with a digest of every file; logs are in `logs`, results in"
    " `results`."
)


def page(record: Record) -> str:
    """``README.md``, in Markdown. Names that somebody gave are shown as text, whatever they hold."""
    question, conclusion = record.plan.question, record.conclusion
    blocks = [
        f"# {_quoted(question.program.title or question.program.name)}: {_result(record)}",
        _claim(question, conclusion.comparison) if conclusion.comparison else "",
        _listed(list(map(_quoted, (conclusion.reason, conclusion.marks, *conclusion.remarks)))),
        "## Runs",
        _runs(record),
        "## Conditions",
        _conditions(record),
        "## To make it again",
        AGAIN,
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _result(record: Record) -> str:
    """The result in some words."""
    conclusion = record.conclusion
    p = f", {p_in_words(conclusion.comparison.p)}" if conclusion.comparison else ""
    return f"{'certified, ' if conclusion.certified else ''}{conclusion.shown.value}{p}"


def _claim(question: Question, comparison: Comparison) -> str:
    name = question.against.name if question.against else "the value that was claimed"
    lines = [
        f"| {question.metric.name} ({question.metric.direction.value}) | mean ± s.e. | runs | s.d. of one |",
        "|---|---|---|---|",
        _side("this program", comparison.a),
        _side(_quoted(name), comparison.b),
    ]
    test = f"{comparison.test}, one-sided"
    if comparison.freedom is not None:
        test += f", {comparison.freedom:.1f} degrees of freedom"
    if comparison.sigma is not None:
        test += f", declared σ {comparison.sigma:g}"
    statistic = "" if comparison.statistic is None else f", statistic {comparison.statistic:.2f}"
    margin = f" beyond {comparison.margin:.2g}" if comparison.margin else ""
    p = "no p" if comparison.p is None else f"p = {comparison.p:.2g} ({p_in_words(comparison.p)})"
    lines += [
        "",
        f"Gain {comparison.gain:.5f} ± {comparison.standard_error:.5f}; {test}{statistic}: **{p}** of such a"
        f" gain{margin} by luck.",
    ]
    return "\n".join(lines)


def _side(name: str, side: Side) -> str:
    deviation = number(side.deviation, 5)
    return f"| {name} | {side.mean:.5f} ± {side.standard_error:.5f} | {side.runs} | {deviation} |"


def _runs(record: Record) -> str:
    head = [
        "| run | of | seed | value | outcome | seconds | sandbox | audit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_run, record.runs)])


def _run(run: RunMade) -> str:
    of = {Which.A: "program", Which.B: "against", Which.REFERENCE: "reference"}[Which(run.which)]
    audit = "none" if run.audit is None else run.audit.in_short
    cells = (
        run.run,
        of,
        str(run.seed),
        number(run.value, 6),
        run.outcome,
        f"{run.seconds.total:.1f}",
        run.sandbox,
        audit,
    )
    return f"| {' | '.join(cells)} |"


def _conditions(record: Record) -> str:
    question = record.plan.question
    budget = question.budget
    facts = [
        f"task {_quoted(question.task)}, {budget.amount:g} {budget.unit.value} a run,"
        f" {budget.wall_cap:g} s of real time at most",
        f"validation rows: block {question.block}; {question.rows.value}",
        "runs of both sides in alternation on one slot; their number was set before the first",
        f"judge: strict, every run audited in full; sandbox {question.sandbox}",
        f"machine: {_quoted(question.machine or 'not named')}; {_quoted(question.software)}",
        f"digest of the prepared data: {_quoted(question.data or 'none')}",
        f"begun {moment(record.plan.made_at)}, ended {moment(record.finished_at)}",
    ]
    if question.campaign:
        facts.insert(0, f"campaign {_quoted(question.campaign)}, division {_quoted(question.division)}")
    return _listed(facts)


def _listed(facts: list[str]) -> str:
    return "\n".join(f"- {one_line(fact)}" for fact in facts if fact)


def _quoted(text: str) -> str:
    """A text that Markdown shows as it is."""
    plain = one_line(text)
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+!|~" else sign for sign in plain)
