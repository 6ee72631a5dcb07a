"""Rules of stale experiments: which is put on the new best, and what comes of that. Pure."""

from msgspec import Struct

from configs.reserved import SIMPLER
from coordinator.domain import Origin, Purpose, Verdict
from coordinator.rules.heads.certificates import policy_of_trunks, stacked_gain
from coordinator.rules.lookups import head_of
from coordinator.rules.seeds import queued
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, Rebased, VerdictGiven
from coordinator.state.records import Experiment


class Rebase(Struct, frozen=True, kw_only=True):
    """A stale experiment has to be put on the head: ``rebased`` takes what comes of it, ``conflict`` that its
    edit does not apply.
    """

    experiment: str
    base: str
    """Commit it was made from."""
    commit: str
    """Its own."""
    head: str
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
            head=head_of(state, experiment).commit,
            unchanged=experiment.origin is Origin.BASELINE,
        )
    return None


def rebased(state: CampaignState, experiment: str, commit: str, digest: str) -> list[AnyEvent]:
    """A stale experiment has its program on the best; it is run again there, or rejected when nothing new is
    left of it.
    """
    stale = state.experiments[experiment]
    head = head_of(state, stale)
    earlier = state.by_digest.get((stale.division, digest))
    repeats = earlier not in (None, experiment) and stale.arm != SIMPLER
    if digest == state.digests[head.commit] or repeats:
        why = f"on the best it is the same program as {earlier or head.experiment}"
        return conflict(state, experiment, why)
    gain = stacked_gain(state, stale)
    if gain is not None and stale.verdict is Verdict.RETEST:
        return _stacked(state, stale, commit, digest, gain)
    first = Purpose.COMBINE if stale.combines else Purpose.SCREEN
    again = stale.verdict is Verdict.RETEST or stale.transfers or stale.arm == SIMPLER
    purpose = Purpose.RETEST if again else first
    moved = Rebased(experiment=experiment, parent=head.commit, commit=commit, digest=digest)
    return [moved, queued(state, experiment, len(stale.runs) + 1, purpose)]


def _stacked(
    state: CampaignState, experiment: Experiment, commit: str, digest: str, gain: float
) -> list[AnyEvent]:
    """It is the trunk's next step as it is: a certificate will measure it together with the others."""
    head, policy = head_of(state, experiment), policy_of_trunks(state)
    share = policy.shrink if policy else 1.0
    return [
        Rebased(experiment=experiment.experiment, parent=head.commit, commit=commit, digest=digest),
        VerdictGiven(
            experiment=experiment.experiment,
            verdict=Verdict.STEP,
            reason=f"better by {gain:.4f} than the earlier head it was made from, and put on the trunk",
            value=state.rules.metric.improved(head.value, gain),
            commit=commit,
            estimate=state.rules.metric.improved(head.value, share * gain),
        ),
    ]


def conflict(state: CampaignState, experiment: str, reason: str) -> list[AnyEvent]:
    """A stale experiment's edit does not apply to the best."""
    value = state.experiments[experiment].value
    return [VerdictGiven(experiment=experiment, verdict=Verdict.REJECT, reason=reason, value=value)]
