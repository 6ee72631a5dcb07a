"""Runs that a campaign may still begin, where it was given a number of them, and what the last are kept for.
Pure.

What nobody certifies is lost at the end. So the last runs go to a certificate of the trunk's head, once every
screen that is under way has come in: then all that was found is in it.
"""

from math import inf

from coordinator.domain import Purpose
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from evaluator.policies.trunk import Trunk

SPARE = 1
"""Runs besides those of a certificate: one of them may come to no value."""


def runs_left(state: CampaignState) -> float:
    """Runs that may still begin, of any purpose; infinite where they are not limited."""
    most = state.rules.max_runs
    return max(0, most - state.made) if most else inf


def are_kept(state: CampaignState, division: Division) -> bool:
    """Whether those that are left are for a certificate: there is a trunk, or may be one by what is under
    way. Never in order: there a certificate has its place before an ordinal, however many runs are left.
    """
    policy = state.rules.policy
    if not state.rules.max_runs or state.rules.lookahead or not isinstance(policy, Trunk):
        return False
    if runs_left(state) > policy.most_runs(len(division.history) - 1) + SPARE:
        return False
    return bool(division.trunk) or screens_are_out(state, division)


def screens_are_out(state: CampaignState, division: Division) -> bool:
    """Whether a screen of the division is under way."""
    held = (state.runs[agent.run] for agent in state.agents.values() if agent.run is not None)
    return any(
        run.purpose is Purpose.SCREEN and state.experiments[run.experiment].division == division.name
        for run in held
    )
