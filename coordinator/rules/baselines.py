"""Rules of baselines: what their verdict is, and what ends a campaign whose baseline failed. Pure."""

from statistics import fmean

from coordinator.domain import Phase, State, Verdict
from coordinator.rules import trust
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, CampaignFinished, VerdictGiven
from coordinator.state.records import Experiment


def baseline_verdict(state: CampaignState, experiment: Experiment) -> list[AnyEvent]:
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
