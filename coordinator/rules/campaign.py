"""The rules of a campaign: what may happen next. Commands read the state and return events; nothing here
changes anything.

- Pure: no clock, no randomness, no disk, no network. ``now`` is seconds since the epoch and an argument.
- Every command may be repeated: what is already so returns no events.
- With ``lookahead`` N > 0 verdicts fall in the order of proposal and proposal n is made from exactly the
  verdicts up to n - N, so the same seed gives the same verdicts however fast each slot is, and through any
  number of restarts.
"""

from typing import assert_never

from coordinator.domain import Phase, Purpose
from coordinator.protocol import AgentCard
from coordinator.rules.budget_cap import Spending, run_usd, spent_out
from coordinator.rules.leases import Leasing
from coordinator.rules.proposals import Proposing
from coordinator.rules.steering import Guiding
from coordinator.rules.verdicts import Deciding
from coordinator.state.events import (
    AgentJoined,
    AgentLeft,
    AnyEvent,
    CampaignDraining,
    CampaignFinished,
    CampaignResumed,
    DivisionOpened,
    EpochBegan,
    Rules,
    RulesChanged,
)


class RulesMismatchError(ValueError):
    """The campaign was started with another metric or budget; its values would not compare."""


class Campaign(Proposing, Leasing, Deciding, Spending, Guiding):
    """All commands over a state: what happens to the campaign itself and its agents here, the rest in the
    books it is made of.
    """

    def begin(self, rules: Rules, now: float) -> list[AnyEvent]:
        """A new epoch of the coordinator. Raises RulesMismatchError."""
        if (rules.metric, rules.budget) != (self.rules.metric, self.rules.budget):
            raise RulesMismatchError("the campaign was started with another metric or budget")
        events: list[AnyEvent] = [EpochBegan(epoch=self.state.epoch + 1)]
        if rules != self.rules:
            events.append(RulesChanged(rules=rules))
        if self.state.phase is not Phase.RUNNING and not (self._limit(rules, now) or self._spent_out(rules)):
            events.append(CampaignResumed())
        return events

    def limits(self, now: float) -> list[AnyEvent]:
        """End the campaign where a limit says so, or where draining has come to its end."""
        match self.state.phase:
            case Phase.FINISHED:
                return []
            case Phase.DRAINING:
                idle = not any(agent.run for agent in self.state.agents.values())
                return [CampaignFinished(reason=self.state.phase_reason)] if idle else []
            case Phase.RUNNING:
                if why := self._spent_out(self.rules):
                    return self.cap(why)
                reason = self._limit(self.rules, now)
                return [CampaignDraining(reason=reason)] if reason else []
            case _:
                assert_never(self.state.phase)

    def _limit(self, rules: Rules, now: float) -> str:
        tried = len(self.state.by_ordinal)
        if 0 < rules.max_experiments <= tried and not self.state.live:
            return f"campaign.max_experiments reached: {tried} experiments"
        if 0 < rules.max_hours * 3600 <= self.state.worked(now):
            return f"campaign.max_hours reached: {rules.max_hours:g} h"
        return ""

    def _spent_out(self, rules: Rules) -> str:
        return spent_out(self.state, rules, run_usd(rules), "the next run")

    def drain(self, reason: str) -> list[AnyEvent]:
        """Take no new work."""
        return [CampaignDraining(reason=reason)] if self.state.phase is Phase.RUNNING else []

    # ------------------------------------------------------------------ agents

    def join(self, card: AgentCard) -> list[AnyEvent]:
        """An agent is there; the first of a division opens it with a baseline."""
        known = self.state.agents.get(card.agent)
        events: list[AnyEvent] = []
        if known is None or not known.present or known.card != card:
            events.append(AgentJoined(card=card))
        if card.division not in self.state.divisions:
            baseline = f"baseline-{card.division}"
            events.append(DivisionOpened(division=card.division, experiment=baseline))
            events += [
                self.queued(baseline, number, Purpose.BASELINE)
                for number in range(1, self.rules.baseline_runs + 1)
            ]
        return events

    def leave(self, agent: str, reason: str, charged: bool = False) -> list[AnyEvent]:
        """An agent goes; a lease it holds is lost."""
        known = self.state.agents.get(agent)
        if known is None:
            return []
        events = self._lost(self.state.runs[known.run], reason, charged) if known.run else []
        return [*events, AgentLeft(agent=agent, reason=reason)] if known.present else events
