"""Rules of verdicts: which is due, and what it is. Pure."""

from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from coordinator.domain import Purpose, Verdict
from coordinator.rule_values.trust_rules import Grounds
from coordinator.rules import trust
from coordinator.rules.baselines import baseline_verdict
from coordinator.rules.fresh_rows import policy_for
from coordinator.rules.seeds import queued
from coordinator.rules.trust import Standing
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, VerdictGiven
from coordinator.state.records import Best, Experiment
from evaluator.policies.contract import Choice, Decision
from evaluator.result import RunResult

AUDIT_TRIES = 2
"""Runs asked for beyond the usual ones where a better variant has too few that could be audited: a twin that
fails twice more will go on failing.
"""


class Merge(Struct, frozen=True, kw_only=True):
    """A merge that is decided and wants its commit; ``merged`` makes the event once that is written."""

    experiment: str
    reason: str
    """For people."""
    value: float
    """Mean of the runs it rests on, in the metric's unit."""
    grounds: Grounds
    sigma: float | None
    """Of its division, in the metric's unit."""
    parents: tuple[str, str]
    """Of the commit: the best before it, then the variant, whose text is the commit's."""


def decide(state: CampaignState) -> list[AnyEvent] | Merge:
    """The next verdict that is due, with the runs it asks for; [] when none is."""
    experiment = _due(state)
    return _verdict(state, experiment) if experiment else []


def merged(merge: Merge, commit: str) -> list[AnyEvent]:
    """The verdict of a decided merge. commit: of the new best."""
    return [
        VerdictGiven(
            experiment=merge.experiment,
            verdict=Verdict.MERGE,
            reason=merge.reason,
            value=merge.value,
            commit=commit,
            grounds=merge.grounds,
        )
    ]


def _due(state: CampaignState) -> Experiment | None:
    for name in state.undecided:
        experiment = state.experiments[name]
        if experiment.baseline:
            return experiment
        in_turn = not state.rules.lookahead or experiment.ordinal == state.settled + 1
        if in_turn and state.divisions[experiment.division].best is not None:
            return experiment
    return None


def _verdict(state: CampaignState, experiment: Experiment) -> list[AnyEvent] | Merge:
    best = state.divisions[experiment.division].best
    if best is None:
        return baseline_verdict(state, experiment)
    decision = _decision(state, experiment, best, experiment.values)
    refusal = trust.refusal(experiment.measured, state.rules.trust) or _overworked(state, experiment)
    if decision.choice is Choice.REJECT:
        return [_given(experiment, Verdict.REJECT, decision.reason)]
    if refusal:
        return [_given(experiment, Verdict.REJECT, f"{decision.reason}, but {refusal}")]
    if experiment.parent != best.commit:
        return [_given(experiment, Verdict.RETEST, f"{decision.reason}; its parent is stale")]
    if decision.choice is Choice.CONFIRM:
        return _confirm(state, experiment, decision.reason, decision.more)
    return _merge_verdict(state, experiment, best)


def _overworked(state: CampaignState, experiment: Experiment) -> str:
    """Why a value under a counted budget is not believed; empty where a clock keeps the budget."""
    if not state.rules.budget.unit.deterministic:
        return ""
    baseline = state.experiments[state.divisions[experiment.division].baseline]
    return trust.overworked(experiment.measured, baseline.measured, state.rules.trust)


def _merge_verdict(state: CampaignState, experiment: Experiment, best: Best) -> list[AnyEvent] | Merge:
    """What becomes of a variant that is better: a merge by its believed runs alone, more runs where those are
    too few, or a rejection.
    """
    values, believed = _believed(state, experiment)
    missing = policy_for(state, experiment).runs_wanted(len(believed))
    if missing > 0:
        return _ask_for_audits(state, experiment, best, len(believed), missing)
    grounds = trust.grounds(believed)
    decision = _proven(state, experiment, best, values, grounds)
    reason = f"{decision.reason} ({grounds.marks})" if grounds.marks else decision.reason
    if decision.choice is Choice.CONFIRM:  # a policy that wants more of what is believed
        return _confirm(state, experiment, reason, max(1, decision.more))
    if decision.choice is Choice.REJECT:
        return [_given(experiment, Verdict.REJECT, reason, fmean(values), grounds)]
    return Merge(
        experiment=experiment.experiment,
        reason=reason,
        value=fmean(values),
        grounds=grounds,
        sigma=state.divisions[experiment.division].sigma,
        parents=(experiment.parent, experiment.commit),
    )


def _proven(
    state: CampaignState, experiment: Experiment, best: Best, values: list[float], grounds: Grounds
) -> Decision:
    """The decision by what the audits leave of the gain: a merge has to pass without the largest leak that
    they cannot exclude.
    """
    decision = _decision(state, experiment, best, values)
    doubt = trust.unproven(grounds.audit, state.rules.trust)
    if decision.choice is not Choice.MERGE or not doubt:
        return decision
    proven = _decision(state, experiment, best, values, doubt)
    if proven.choice is Choice.MERGE:
        return decision
    why = (
        f"{decision.reason}, but the audit leaves {doubt:.2g} of that unproven: a higher"
        " trust.audit_positions proves more"
    )
    return replace(proven, reason=why)


def _believed(state: CampaignState, experiment: Experiment) -> tuple[list[float], list[RunResult]]:
    """Values and results of the runs a merge may rest on."""
    runs = [
        (value, result)
        for value, result in ((run.value, run.result) for run in experiment.resting)
        if value is not None and result is not None
    ]
    believed = [one for one in runs if trust.standing(one[1], state.rules.trust) is Standing.BELIEVED]
    return [value for value, _ in believed], [result for _, result in believed]


def _ask_for_audits(
    state: CampaignState, experiment: Experiment, best: Best, believed: int, missing: int
) -> list[AnyEvent]:
    """More runs, audited in full, for a better variant of which too few were; a rejection where that was
    tried.
    """
    reason = _decision(state, experiment, best, experiment.values).reason
    share = f"{believed} of its {len(experiment.values)} runs"
    if len(experiment.counted) >= state.rules.policy.runs_wanted() + AUDIT_TRIES:
        why = f"{reason}, but only {share} could be audited: trust.mode=off would believe it"
        return [_given(experiment, Verdict.REJECT, why)]
    return _confirm(state, experiment, f"{reason}, but only {share} were audited", missing)


def _decision(
    state: CampaignState, experiment: Experiment, best: Best, values: list[float], doubt: float = 0.0
) -> Decision:
    """doubt: taken off every gain, in the metric's unit."""
    noise = state.divisions[experiment.division].sigma or 0.0
    gains = [state.rules.metric.gain(best.value, value) - doubt for value in values]
    return policy_for(state, experiment).decide(gains, best.runs, noise)


def _given(
    experiment: Experiment,
    verdict: Verdict,
    reason: str,
    value: float | None = None,
    grounds: Grounds | None = None,
) -> VerdictGiven:
    """value: by default the mean of the runs it rests on."""
    return VerdictGiven(
        experiment=experiment.experiment,
        verdict=verdict,
        reason=reason,
        value=fmean(experiment.values) if value is None else value,
        grounds=grounds,
    )


def _confirm(state: CampaignState, experiment: Experiment, reason: str, runs: int) -> list[AnyEvent]:
    first = len(experiment.runs) + 1
    more = [
        queued(state, experiment.experiment, number, Purpose.CONFIRM) for number in range(first, first + runs)
    ]
    return [_given(experiment, Verdict.CONFIRM, reason), *more]
