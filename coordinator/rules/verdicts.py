"""Rules of verdicts: which is due, what it is, and what happens to an experiment on a stale parent. Pure."""

from statistics import fmean

from msgspec import Struct

from coordinator.domain import Origin, Phase, Purpose, State, Verdict
from coordinator.rules import trust
from coordinator.rules.base import best_of, queued
from coordinator.rules.trust import Standing
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, CampaignFinished, Rebased, VerdictGiven
from coordinator.state.records import Best, Experiment, value_of
from coordinator.state.trust_rules import Grounds
from evaluator.acceptance import Choice, Decision

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


# ---------------------------------------------------------------------- from results to a verdict


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
        return _baseline_verdict(state, experiment)
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


def _baseline_verdict(state: CampaignState, experiment: Experiment) -> list[AnyEvent]:
    """The baseline is the user's own program: nobody cheats with it, and it has its commit. Where it could
    not be believed, ``abandon`` ends the campaign.
    """
    return [
        VerdictGiven(
            experiment=experiment.experiment,
            verdict=Verdict.MERGE,
            reason=f"the unmodified surface over {len(experiment.values)} runs",
            value=fmean(experiment.values),
            commit=state.start.commit,
            grounds=trust.baseline_grounds(experiment.measured),
        )
    ]


def _merge_verdict(state: CampaignState, experiment: Experiment, best: Best) -> list[AnyEvent] | Merge:
    """What becomes of a variant that is better: a merge by its believed runs alone, more runs where those are
    too few, or a rejection.
    """
    believed = [
        result
        for result in experiment.measured
        if trust.standing(result, state.rules.trust) is Standing.BELIEVED
    ]
    missing = state.rules.policy.runs_wanted(len(believed))
    if missing > 0:
        return _ask_for_audits(state, experiment, best, len(believed), missing)
    values = [value_of(result) for result in believed]
    decision = _decision(state, experiment, best, values)
    grounds = trust.grounds(believed)
    reason = f"{decision.reason} ({grounds.marks})" if grounds.marks else decision.reason
    if decision.choice is not Choice.MERGE:
        return [_given(experiment, Verdict(decision.choice.value), reason, fmean(values), grounds)]
    return Merge(
        experiment=experiment.experiment,
        reason=reason,
        value=fmean(values),
        grounds=grounds,
        sigma=state.divisions[experiment.division].sigma,
        parents=(experiment.parent, experiment.commit),
    )


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


def _decision(state: CampaignState, experiment: Experiment, best: Best, values: list[float]) -> Decision:
    noise = state.divisions[experiment.division].sigma or 0.0
    gains = [state.rules.metric.gain(best.value, value) for value in values]
    return state.rules.policy.decide(gains, best.runs, noise)


def _given(
    experiment: Experiment,
    verdict: Verdict,
    reason: str,
    value: float | None = None,
    grounds: Grounds | None = None,
) -> VerdictGiven:
    """value: by default the mean of all measured runs."""
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


# ---------------------------------------------------------------------- a stale parent


class Rebase(Struct, frozen=True, kw_only=True):
    """A stale experiment has to be put on the best: ``rebased`` takes what comes of it, ``conflict`` that its
    edit does not apply.
    """

    experiment: str
    base: str
    """Commit it was made from."""
    commit: str
    """Its own."""
    best: str
    """Commit it has to be put on."""
    unchanged: bool
    """Its program stays as it is, because its arm always starts from the baseline."""


def rebase(state: CampaignState) -> Rebase | None:
    """The stale experiment that is to be rebased first; None without one."""
    for name in state.stale:
        experiment = state.experiments[name]
        return Rebase(
            experiment=name,
            base=experiment.parent,
            commit=experiment.commit,
            best=best_of(state, experiment).commit,
            unchanged=experiment.origin is Origin.BASELINE,
        )
    return None


def rebased(state: CampaignState, experiment: str, commit: str, digest: str) -> list[AnyEvent]:
    """A stale experiment has its program on the best; it is run again there, or rejected when nothing new is
    left of it.
    """
    stale = state.experiments[experiment]
    best = best_of(state, stale)
    earlier = state.by_digest.get((stale.division, digest))
    if digest == state.digests[best.commit] or earlier not in (None, experiment):
        why = f"on the best it is the same program as {earlier or best.experiment}"
        return conflict(state, experiment, why)
    purpose = Purpose.RETEST if stale.verdict is Verdict.RETEST else Purpose.SCREEN
    moved = Rebased(experiment=experiment, parent=best.commit, commit=commit, digest=digest)
    return [moved, queued(state, experiment, len(stale.runs) + 1, purpose)]


def conflict(state: CampaignState, experiment: str, reason: str) -> list[AnyEvent]:
    """A stale experiment's edit does not apply to the best."""
    value = state.experiments[experiment].value
    return [VerdictGiven(experiment=experiment, verdict=Verdict.REJECT, reason=reason, value=value)]


# ---------------------------------------------------------------------- a baseline that failed


def abandon(state: CampaignState) -> list[AnyEvent]:
    """End a campaign whose baseline failed, or was measured where nothing can merge: nothing can be compared,
    or nothing can come of it.
    """
    if state.phase is Phase.FINISHED:
        return []
    for division in state.divisions.values():
        why = _failed(state, state.experiments[division.baseline])
        if why:
            return [CampaignFinished(reason=f"the baseline of {division.name} {why}", failed=True)]
    return []


def _failed(state: CampaignState, baseline: Experiment) -> str:
    if baseline.state in (State.CRASHED, State.CHEATED):
        return f"gave no value: {baseline.reason}"
    why = trust.unmergeable(baseline.measured, state.rules.trust) if baseline.state.final else ""
    return f"was {why}" if why else ""
