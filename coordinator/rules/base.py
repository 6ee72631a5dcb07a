"""What several rules need: seeds, queued runs, and the division of an agent. Pure.

A rule is a function: its first argument is the state, which it only reads, and what it returns are events, or
values for the caller. Nothing changes the state but ``CampaignState.apply``.
"""

import hashlib

from coordinator.domain import Purpose
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import RunQueued
from coordinator.state.records import Best, Division, Experiment


class UnknownAgentError(ConnectionError):
    """The agent must join (again) first."""


def seed_of(campaign_seed: int, what: str) -> int:
    """31 bits drawn from the campaign's seed and a name: the same on every machine and after every
    restart.
    """
    return int.from_bytes(hashlib.sha256(f"{campaign_seed}:{what}".encode()).digest()[:4], "big") >> 1


def horizon_of(state: CampaignState, ordinal: int) -> int:
    """The last ordinal whose verdict the proposal of that ordinal may know; in order only."""
    return max(0, ordinal - state.rules.lookahead)


def queued(state: CampaignState, experiment: str, number: int, purpose: Purpose) -> RunQueued:
    """The experiment's run of that number, from 1, waiting for a slot."""
    run = f"{experiment}.{number}"
    return RunQueued(run=run, experiment=experiment, purpose=purpose, seed=seed_of(state.rules.seed, run))


def division_of(state: CampaignState, agent: str) -> Division:
    """The division of a present agent. Raises UnknownAgentError."""
    record = state.agents.get(agent)
    if record is None or not record.present:
        raise UnknownAgentError(agent)
    return state.divisions[record.card.division]


def best_of(state: CampaignState, experiment: Experiment) -> Best:
    """The best of the experiment's division. Raises LookupError before its baseline is measured."""
    best = state.divisions[experiment.division].best
    if best is None:
        raise LookupError(f"division {experiment.division} has no best yet")
    return best
