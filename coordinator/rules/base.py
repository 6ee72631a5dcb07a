"""What the rules of a campaign have in common: the state they read, seeds, and the runs they queue."""

import hashlib

from coordinator.domain import Purpose
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import (
    Rules,
    RunQueued,
)
from coordinator.state.records import Best, Division, Experiment


class UnknownAgentError(ConnectionError):
    """The agent must join (again) first."""


class Rulebook:
    """Commands read ``state`` and return events; nothing changes it but ``CampaignState.apply``."""

    def __init__(self, state: CampaignState) -> None:
        self.state = state

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.state.start.rules

    def division_of(self, agent: str) -> Division:
        """The division of a present agent. Raises UnknownAgentError."""
        known = self.state.agents.get(agent)
        if known is None or not known.present:
            raise UnknownAgentError(agent)
        return self.state.divisions[known.card.division]

    def queued(self, experiment: str, number: int, purpose: Purpose) -> RunQueued:
        """The experiment's run of that number, from 1, waiting for a slot."""
        run = f"{experiment}.{number}"
        return RunQueued(run=run, experiment=experiment, purpose=purpose, seed=seed_of(self.rules.seed, run))

    def best_for(self, experiment: Experiment) -> Best:
        """The best of the experiment's division. Raises LookupError before its baseline is measured."""
        best = self.state.divisions[experiment.division].best
        if best is None:
            raise LookupError(f"division {experiment.division} has no best yet")
        return best


def seed_of(campaign_seed: int, what: str) -> int:
    """31 bits drawn from the campaign's seed and a name: the same on every machine and after every
    restart.
    """
    return int.from_bytes(hashlib.sha256(f"{campaign_seed}:{what}".encode()).digest()[:4], "big") >> 1
