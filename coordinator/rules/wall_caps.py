"""Rules of how long a run may take in real time, by how fast its division is. Pure."""

from coordinator.state.campaign_state import CampaignState
from coordinator.state.records import Run
from evaluator.wall_caps import most, usual_cap


def wall_cap(state: CampaignState, run: Run) -> float:
    """Seconds of real time after which the run is ended."""
    experiment = state.experiments[run.experiment]
    usual = division_cap(state, experiment.division)
    return min(max(usual, experiment.needs), most(usual))


def division_cap(state: CampaignState, division: str) -> float:
    """The same for a run of which nothing is known: the budget's own, or more where the baseline's measured
    runs took long.
    """
    baseline = state.experiments[state.divisions[division].baseline]
    longest = max((run.seconds for run in baseline.counted if run.value is not None), default=None)
    return usual_cap(state.rules.budget, longest)
