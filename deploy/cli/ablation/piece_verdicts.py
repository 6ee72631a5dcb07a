"""What runs show of a piece. Pure.

- *Needed*: the best is worse without it, by a one-sided test at the level, or fails by itself: a run that was
  lost, or ended at its wall cap, says as much of the machine. *In the way*: it is better.
- *Not needed*: a loss of the margin or more is excluded at the level. With M the margin in σ, n runs of
  either and no difference in truth, that comes out with the probability Φ(M·sqrt(n/2) − z): .64 with M 1, n 8
  and z 1.64, .88 with n 16. A piece that is worth the margin passes as often as the level says.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from coordinator.rules import trust
from deploy.cli.ablation.ablation_record import AblationPlan, PieceResult, PieceVerdict, PlannedPiece
from deploy.cli.comparisons.conclusion import compared, conclude
from deploy.cli.comparisons.question import Plan, Which
from deploy.cli.comparisons.record import Conclusion, Shown
from evaluator.result import Cheated, Crashed, EndedEarly, Limit, Lost, Measured, Outcome, RunResult, TimedOut
from evaluator.significance import Comparison, p_in_words


def result_of(
    plan: AblationPlan, piece: PlannedPiece, results: Mapping[str, RunResult], baseline: Sequence[RunResult]
) -> PieceResult:
    """What came of a piece. results: by the run's name. baseline: runs of the unmodified surface."""
    if piece.plan is None:
        return _result(piece, PieceVerdict.NOT_ALONE, piece.trouble, None)
    conclusion = conclude(piece.plan, results, baseline)
    comparison = conclusion.comparison
    if comparison is None:
        return _result(piece, *_without_values(piece.plan, results, conclusion), None)
    tolerated = _beside_margin(plan, piece.plan, results)
    verdict, reason = _judged(plan, conclusion, comparison, tolerated)
    return _result(piece, verdict, reason, comparison, plan.sigma, tolerated.p if tolerated else None)


def best_has_values(plan: AblationPlan, results: Mapping[str, str]) -> bool:
    """Whether every run of the best was measured. results: outcomes by the run's name."""
    names = {
        run.run for piece in plan.pieces if piece.plan for run in piece.plan.runs if run.which is Which.B
    }
    return all(outcome == "measured" for name, outcome in results.items() if name in names)


def _result(
    piece: PlannedPiece,
    verdict: PieceVerdict,
    reason: str,
    comparison: Comparison | None,
    sigma: float | None = None,
    p_margin: float | None = None,
) -> PieceResult:
    loss = None if comparison is None else -comparison.gain
    return PieceResult(
        experiment=piece.experiment,
        title=piece.title,
        added=piece.added,
        removed=piece.removed,
        shorter=piece.shorter,
        verdict=verdict,
        reason=reason,
        loss=loss,
        standard_error=comparison.standard_error if comparison else None,
        in_sigma=loss / sigma if loss is not None and sigma else None,
        p_loss=comparison.p_worse if comparison else None,
        p_margin=p_margin,
    )


def _without_values(
    plan: Plan, results: Mapping[str, RunResult], conclusion: Conclusion
) -> tuple[PieceVerdict, str]:
    """Of a piece without which there is no mean to compare."""
    own = [results[run.run] for run in plan.runs if run.which is Which.A and run.run in results]
    if conclusion.shown is Shown.NOT_MEASURED and any(_fails(result.outcome) for result in own):
        return PieceVerdict.NEEDED, f"without it there is no value: {conclusion.reason}"
    return PieceVerdict.NOT_SHOWN, conclusion.reason


def _fails(outcome: Outcome) -> bool:
    """Whether a run came to no value by its program's own doing."""
    match outcome:
        case Crashed():
            return True
        case TimedOut(limit=limit):
            return limit is Limit.BUDGET
        case Measured() | Cheated() | EndedEarly() | Lost():
            return False
        case _:
            assert_never(outcome)


def _beside_margin(plan: AblationPlan, question: Plan, results: Mapping[str, RunResult]) -> Comparison | None:
    """The test of whether the best is less than the margin worse without it; None where σ is not known. A
    gain pays for what audits leave open, as in a merge.
    """
    if not plan.sigma:
        return None
    own = [results[run.run] for run in question.runs if run.which is Which.A]
    doubt = trust.unproven(trust.pooled(own), question.question.trust)
    return compared(question, results, doubt - plan.margin * plan.sigma)


def _judged(
    plan: AblationPlan, conclusion: Conclusion, comparison: Comparison, tolerated: Comparison | None
) -> tuple[PieceVerdict, str]:
    match conclusion.shown:
        case Shown.NOT_BELIEVED:
            return PieceVerdict.NOT_SHOWN, conclusion.reason
        case Shown.WORSE:
            return PieceVerdict.NEEDED, f"{p_in_words(comparison.p_worse)} of such a loss by luck"
        case Shown.BETTER:
            return PieceVerdict.IN_THE_WAY, f"{p_in_words(comparison.p)} of such a gain by luck"
        case _:
            pass
    if tolerated is None or tolerated.p is None:
        return PieceVerdict.NOT_SHOWN, comparison.remark or "σ of the division is not known"
    if tolerated.p < plan.level:
        return (
            PieceVerdict.NOT_NEEDED,
            f"{p_in_words(tolerated.p)} of so small a loss if it were worth {plan.margin:g} σ",
        )
    return PieceVerdict.NOT_SHOWN, "neither a loss nor that there is none: more --runs would tell"
