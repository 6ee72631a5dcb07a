"""What runs show of a question. Pure.

- A run of the program that gave no value ends the matter: a mean over those that did would leave out where it
  fails.
- A gain pays for its doubt, as a merge does: it has to pass without the largest leak that the audits of its
  runs cannot exclude.
"""

from collections.abc import Mapping, Sequence

from coordinator.domain import Direction
from coordinator.rules import cpu_bounds, trust
from deploy.cli.comparisons.question import Claim, Plan, PlannedRun, Question, RecordKind, Rows, Which
from deploy.cli.comparisons.record import ClaimCheck, Conclusion, RunMade, Shown
from deploy.cli.trial import reason
from evaluator.result import Cheated, Lost, Measured, RunResult, outcome_name
from evaluator.significance import Comparison, Relation, compare, compare_with

Results = Mapping[str, RunResult]
"""By the name of the run."""


def settled(result: RunResult, question: Question) -> bool:
    """Whether a run need not be made again: it was not lost, and what was to be audited was, or never can
    be.
    """
    if isinstance(result.outcome, Lost):
        return False
    return not _unaudited(result, question) or trust.DISAGREES in _of_twin(result)


def ends(planned: PlannedRun, result: RunResult, question: Question) -> bool:
    """Whether no further run is worth its time: this one gave no value, or no run of the program could ever
    be believed.
    """
    return not isinstance(result.outcome, Measured) or (
        planned.which is Which.A and bool(_never_believed(result, question))
    )


def _never_believed(result: RunResult, question: Question) -> str:
    """Why no other run of the program on this machine would be either; empty where one may be."""
    if refusal := trust.refusal([result], question.trust):
        return refusal
    disagrees = trust.DISAGREES in _of_twin(result)
    return f"not audited: {_of_twin(result)}" if disagrees and _unaudited(result, question) else ""


def _unaudited(result: RunResult, question: Question) -> bool:
    measured = isinstance(result.outcome, Measured)
    return measured and trust.standing(result, question.trust) is trust.Standing.UNAUDITED


def _of_twin(result: RunResult) -> str:
    """What the judge noted of its twin."""
    return str(result.details.get("twin", "no twin answered"))


def made(planned: PlannedRun, result: RunResult) -> RunMade:
    """A run as its record has it."""
    return RunMade(
        run=planned.run,
        which=planned.which,
        seed=planned.seed,
        outcome=outcome_name(result.outcome),
        value=result.outcome.value if isinstance(result.outcome, Measured) else None,
        reason=reason(result.outcome),
        seconds=result.seconds,
        cpu=result.cpu,
        spent=result.spent,
        sandbox=result.sandbox,
        audit=result.audit,
        started_at=result.started_at,
        finished_at=result.finished_at,
    )


def refused(why: str) -> Conclusion:
    """Of a program that its text alone rules out."""
    return Conclusion(shown=Shown.REFUSED, certified=False, reason=why, comparison=None, marks="")


def conclude(plan: Plan, results: Results, baseline: Sequence[RunResult]) -> Conclusion:
    """What the runs show. baseline: runs of the unmodified surface under the same budget."""
    for planned in plan.runs:
        if planned.run in results and ends(planned, results[planned.run], plan.question):
            return _without_a_mean(planned, results[planned.run], plan.question)
    question, program = plan.question, _of(plan, results, Which.A)
    marks = trust.grounds(program).marks
    doubt = trust.unproven(trust.pooled(program), question.trust)
    comparison = compared(plan, results, question.margin + doubt)
    why = _doubted(question, program, baseline)
    shown = Shown.NOT_BELIEVED if why else Shown(comparison.relation.value)
    missing = why or _not_shown(question, comparison, doubt) or _uncertified(question)
    return Conclusion(
        shown=shown,
        certified=question.kind is RecordKind.CERTIFY and not missing,
        reason=missing,
        comparison=comparison,
        marks=marks,
        remarks=tuple(text for text in (comparison.remark, _again(plan)) if text and text != missing),
        claim=None if question.claim is None else checked(plan, results, question.claim),
    )


def compared(plan: Plan, results: Results, margin: float) -> Comparison:
    """The test that the question asks for, of being better by more than ``margin``."""
    question = plan.question
    a, lower = _values(plan, results, Which.A), question.metric.direction is Direction.MINIMIZE
    if question.against is not None:
        return compare(
            a,
            _values(plan, results, Which.B),
            lower_is_better=lower,
            sigma=question.sigma,
            margin=margin,
            level=question.level,
        )
    claimed = question.claim.value if question.claim and question.claim.value is not None else 0.0
    return compare_with(
        a, claimed, lower_is_better=lower, sigma=question.sigma, margin=margin, level=question.level
    )


def checked(plan: Plan, results: Results, claim: Claim) -> ClaimCheck:
    """Whether what is claimed agrees with what was measured. Gains are compared, not values: those depend on
    machine and rows.
    """
    question = plan.question
    why = _not_comparable(question, claim)
    if why or claim.gain is None:
        return ClaimCheck(
            claimed=claim.gain, measured=None, p_less=None, holds=None, reason=why or "no gain is claimed"
        )
    comparison = compared(plan, results, claim.gain)
    p = comparison.p
    less = None if p is None else 1 - p
    holds = None if less is None else less >= question.level
    said = f"a gain of {claim.gain:.4f} is claimed, {comparison.gain:.4f} was measured"
    words = {None: "nothing to test it by", True: "nothing speaks against it", False: "it does not hold"}
    return ClaimCheck(
        claimed=claim.gain,
        measured=comparison.gain,
        p_less=less,
        holds=holds,
        reason=f"{said}: {words[holds]}",
    )


def _not_comparable(question: Question, claim: Claim) -> str:
    """Why a claim cannot be held against the runs here; empty where it can."""
    if claim.differs:
        return "not believed: the package is not what its record says"
    if question.against is None:
        return "the value is what it was compared with"
    if claim.program != question.program.sha256:
        return "it is made of another program"
    if claim.against != question.against.sha256:
        return "it is a gain over another program than here"
    if (claim.sandbox == trust.SIMULATED) != (question.sandbox == trust.SIMULATED):
        return "one of them is a rehearsal, in which nothing was trained"
    mine = question.budget
    if claim.task != question.task or (claim.budget.unit, claim.budget.amount) != (mine.unit, mine.amount):
        return "it is of another task or budget than here"
    return ""


def _of(plan: Plan, results: Results, which: Which) -> list[RunResult]:
    return [results[planned.run] for planned in plan.runs if planned.which is which]


def _values(plan: Plan, results: Results, which: Which) -> list[float]:
    outcomes = [result.outcome for result in _of(plan, results, which)]
    return [outcome.value for outcome in outcomes if isinstance(outcome, Measured)]


def _without_a_mean(planned: PlannedRun, result: RunResult, question: Question) -> Conclusion:
    if isinstance(result.outcome, Measured):
        why = f"run {planned.run}: {_never_believed(result, question)}"
        return Conclusion(shown=Shown.NOT_BELIEVED, certified=False, reason=why, comparison=None, marks="")
    ours = planned.which is not Which.A
    cheated = isinstance(result.outcome, Cheated) and not ours
    whose = "what it is compared with came to no value" if ours else "it came to no value"
    why = f"{'' if cheated else f'{whose}: '}run {planned.run}: {reason(result.outcome)}"
    return Conclusion(
        shown=Shown.CHEATED if cheated else Shown.NOT_MEASURED,
        certified=False,
        reason=why,
        comparison=None,
        marks="",
    )


def _doubted(question: Question, program: Sequence[RunResult], baseline: Sequence[RunResult]) -> str:
    """Why values are not believed; empty where they are."""
    unaudited = next((result for result in program if _unaudited(result, question)), None)
    if unaudited is not None:
        return f"not audited: {_of_twin(unaudited)}"
    return (
        cpu_bounds.overworked(program, baseline, question.trust) if question.budget.unit.deterministic else ""
    )


def _not_shown(question: Question, comparison: Comparison, doubt: float) -> str:
    """Why it is not better; empty where it is."""
    if comparison.relation is Relation.BETTER:
        return ""
    if comparison.relation is Relation.WORSE:
        return "it is worse"
    if comparison.p is None:
        return comparison.remark
    by = f" beyond {question.margin:g}" if question.margin else ""
    doubted = f", and audits leave {doubt:.2g} of the gain unproven" if doubt and comparison.gain > 0 else ""
    return (
        f"p = {comparison.p:.2g} of such a gain{by} by luck; below {question.level:g} is asked for{doubted}"
    )


def _uncertified(question: Question) -> str:
    """Why what is better is not certified; empty where it is, or was not to be."""
    if question.kind is not RecordKind.CERTIFY:
        return ""
    if question.rows is Rows.NONE:
        return "not certified: a rehearsal, in which nothing was trained"
    if question.rows is Rows.SEEN:
        return "not certified: the search chose by these rows"
    return ""


def _again(plan: Plan) -> str:
    """That rows have been asked before: each time luck has another chance."""
    if plan.attempt < 2:
        return ""
    return (
        f"number {plan.attempt} of this campaign on these rows: of so many that are no better, one passes by"
        f" luck with a probability of up to {min(1.0, plan.attempt * plan.question.level):.2g}"
    )
