"""Rules of verdicts: which is due, and what it is. Pure."""

from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from configs.reserved import SIMPLER
from coordinator.domain import Verdict
from coordinator.rule_values.trust_rules import Grounds
from coordinator.rules import trust
from coordinator.rules.fresh_rows import policy_for
from coordinator.rules.heads import certificates
from coordinator.rules.heads.baselines import baseline_verdict
from coordinator.rules.heads.believed import AUDIT_TRIES, believed_runs, confirmed_by, given, overworked
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Best
from coordinator.state.events import AnyEvent, VerdictGiven
from coordinator.state.noise import known_noise
from coordinator.state.records import Experiment
from evaluator.policies.contract import Choice, Decision


class Merge(Struct, frozen=True, kw_only=True):
    """A merge, or a step of the trunk, that is decided and wants its commit; ``merged`` makes the event once
    that is written.
    """

    experiment: str
    reason: str
    """For people."""
    value: float
    """Mean of the runs it rests on, in the metric's unit."""
    grounds: Grounds
    sigma: float | None
    """Of its division, in the metric's unit."""
    parents: tuple[str, str]
    """Of the commit: the head before it, then the variant, whose text is the commit's."""
    estimate: float | None = None
    """What the trunk is taken to be worth then, in the metric's unit; None of a merge."""


def decide(state: CampaignState) -> list[AnyEvent] | Merge:
    """The next verdict that is due, with the runs it asks for; [] when none is."""
    experiment = _due(state)
    return _verdict(state, experiment) if experiment else []


def merged(merge: Merge, commit: str) -> list[AnyEvent]:
    """The verdict of a decided merge or step. commit: of the new head."""
    is_step = merge.estimate is not None
    return [
        VerdictGiven(
            experiment=merge.experiment,
            verdict=Verdict.STEP if is_step else Verdict.MERGE,
            reason=merge.reason,
            value=merge.value,
            commit=commit,
            grounds=None if is_step else merge.grounds,
            estimate=merge.estimate,
        )
    ]


def _due(state: CampaignState) -> Experiment | None:
    for name in state.undecided:
        experiment = state.experiments[name]
        division = state.divisions[experiment.division]
        if experiment.baseline or (experiment.stepped and certificates.is_given_now(state, experiment)):
            return experiment
        left_over = division.trunk and certificates.policy_of_trunks(state) is None
        if experiment.stepped or division.best is None or left_over:
            continue
        if not state.rules.lookahead:
            return experiment
        if experiment.ordinal == state.settled + 1 and not certificates.is_awaited(state, division):
            return experiment
    return None


def _verdict(state: CampaignState, experiment: Experiment) -> list[AnyEvent] | Merge:
    best = state.divisions[experiment.division].head
    if best is None or experiment.baseline:
        return baseline_verdict(state, experiment)
    if experiment.stepped:
        return certificates.certificate(state, experiment)
    decision = _decision(state, experiment, best, experiment.values)
    refusal = trust.refusal(experiment.measured, state.rules.trust) or overworked(state, experiment)
    stale = experiment.parent != best.commit
    stacked = certificates.stacked_gain(state, experiment) if stale else None
    if decision.choice is Choice.REJECT and stacked is None:
        return [given(experiment, Verdict.REJECT, decision.reason)]
    if refusal:
        return [given(experiment, Verdict.REJECT, f"{decision.reason}, but {refusal}")]
    if stacked is not None:
        why = f"better by {stacked:.4f} than the earlier head it was made from"
        return [given(experiment, Verdict.RETEST, why)]
    if stale:
        return [given(experiment, Verdict.RETEST, f"{decision.reason}; its parent is stale")]
    if decision.choice is Choice.CONFIRM:
        return confirmed_by(state, experiment, decision.reason, decision.more)
    if decision.choice is Choice.STEP:
        return _step(state, experiment, best, decision)
    return _merge_verdict(state, experiment, best)


def _step(state: CampaignState, experiment: Experiment, head: Best, decision: Decision) -> Merge:
    """The trunk goes on from it. What it is taken to be worth is a part of the measured gain: the run was
    better by luck, too.
    """
    policy = certificates.policy_of_trunks(state)
    share = policy.shrink if policy else 1.0
    return Merge(
        experiment=experiment.experiment,
        reason=decision.reason,
        value=fmean(experiment.values),
        grounds=trust.grounds(experiment.measured),
        sigma=state.divisions[experiment.division].sigma,
        parents=(experiment.parent, experiment.commit),
        estimate=state.rules.metric.improved(head.value, share * decision.gain),
    )


def _merge_verdict(state: CampaignState, experiment: Experiment, best: Best) -> list[AnyEvent] | Merge:
    """What becomes of a variant that is better: a merge by its believed runs alone, more runs where those are
    too few, or a rejection.
    """
    values, believed = believed_runs(state, experiment)
    missing = policy_for(state, experiment).runs_wanted(len(believed))
    if missing > 0:
        return _ask_for_audits(state, experiment, best, len(believed), missing)
    grounds = trust.grounds(believed)
    decision = _proven(state, experiment, best, values, grounds)
    reason = f"{decision.reason} ({grounds.marks})" if grounds.marks else decision.reason
    if decision.choice is Choice.CONFIRM:  # a policy that wants more of what is believed
        return confirmed_by(state, experiment, reason, max(1, decision.more))
    if decision.choice is Choice.REJECT:
        return [given(experiment, Verdict.REJECT, reason, fmean(values), grounds)]
    return Merge(
        experiment=experiment.experiment,
        reason=reason,
        value=fmean(values),
        grounds=grounds,
        sigma=state.divisions[experiment.division].sigma,
        parents=(experiment.parent, experiment.commit),
        estimate=_on_trunk(state, experiment, best, decision),
    )


def _on_trunk(state: CampaignState, experiment: Experiment, head: Best, decision: Decision) -> float | None:
    """What the trunk is taken to be worth with a simplification, which its certificate measures with the
    other steps; None where it merges, as everything else does.
    """
    if experiment.arm != SIMPLER or not state.divisions[experiment.division].trunk:
        return None
    return state.rules.metric.improved(head.value, min(0.0, decision.gain))


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
        return [given(experiment, Verdict.REJECT, why)]
    return confirmed_by(state, experiment, f"{reason}, but only {share} were audited", missing)


def _decision(
    state: CampaignState, experiment: Experiment, best: Best, values: list[float], doubt: float = 0.0
) -> Decision:
    """doubt: taken off every gain, in the metric's unit."""
    division = state.divisions[experiment.division]
    noise = known_noise(division)
    gains = [state.rules.metric.gain(best.value, value) - doubt for value in values]
    return policy_for(state, experiment).decide(
        gains, best.runs, division.sigma or 0.0, noise.freedom if noise else 0
    )
