"""Rules of the campaign itself: how it begins, who joins, what ends it. Pure."""

from typing import assert_never

from msgspec.structs import replace

from coordinator.domain import Phase
from coordinator.protocol import AgentCard
from coordinator.rule_values.rule_set import Rules
from coordinator.rules.budget_cap import cap, next_run_usd, spent_out
from coordinator.rules.heads import baselines
from coordinator.rules.last_runs import runs_left
from coordinator.rules.lookups import enough_is_proposed
from coordinator.rules.proposing.idle_arms import nobody_goes_on
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import (
    AgentJoined,
    AnyEvent,
    CampaignDraining,
    CampaignFinished,
    CampaignResumed,
    EpochBegan,
    RulesChanged,
)


class RulesMismatchError(ValueError):
    """The campaign was started with another metric or budget; its values would not compare."""


def begin(state: CampaignState, rules: Rules, now: float) -> list[AnyEvent]:
    """A new epoch of the coordinator. A campaign that has ended goes on, unless a limit of its own is
    reached; where its cap is spent, that is why it has ended from now on. Raises RulesMismatchError.
    """
    if (rules.metric, rules.budget) != (state.rules.metric, state.rules.budget):
        raise RulesMismatchError("the campaign was started with another metric or budget")
    events: list[AnyEvent] = [EpochBegan(epoch=state.epoch + 1)]
    if rules != state.rules:
        events.append(RulesChanged(rules=rules))
    if state.phase is Phase.RUNNING:
        return events
    if why := _spent_out(state, rules):
        events += [] if state.capped else [CampaignDraining(reason=why, capped=True)]
    elif not _limit(state, rules, now):
        events.append(CampaignResumed())
    return events


def join(state: CampaignState, card: AgentCard) -> list[AnyEvent]:
    """An agent is there; the first of a division opens it with a baseline."""
    agent = state.agents.get(card.agent)
    events: list[AnyEvent] = []
    if agent is None or not agent.present or agent.card != card:
        events.append(AgentJoined(card=card))
    if card.division not in state.divisions:
        events += baselines.begun(state, card.division, state.rules.baseline_runs)
    return events


def limits(state: CampaignState, now: float) -> list[AnyEvent]:
    """End the campaign where a limit says so, or where draining has come to its end."""
    match state.phase:
        case Phase.FINISHED:
            return []
        case Phase.DRAINING:
            idle = not any(agent.run for agent in state.agents.values())
            return [CampaignFinished(reason=state.phase_reason, failed=state.failed)] if idle else []
        case Phase.RUNNING:
            if why := _spent_out(state, state.rules):
                return cap(state, why)
            if reason := _limit(state, state.rules, now):
                return [CampaignDraining(reason=reason)]
            stopped = nobody_goes_on(state)
            return [CampaignDraining(reason=stopped, failed=True)] if stopped else []
        case _:
            assert_never(state.phase)


def drain(state: CampaignState, reason: str) -> list[AnyEvent]:
    """Take no new work."""
    return [CampaignDraining(reason=reason)] if state.phase is Phase.RUNNING else []


def _limit(state: CampaignState, rules: Rules, now: float) -> str:
    tried, all_settled = state.proposed, state.settled == len(state.by_ordinal)
    if enough_is_proposed(rules, tried) and all_settled and not state.live:
        return f"campaign.max_experiments reached: {tried} experiments"
    if not runs_left(state):
        return f"campaign.max_runs reached: {state.made} runs"
    if 0 < rules.max_hours * 3600 <= state.worked(now):
        return f"campaign.max_hours reached: {rules.max_hours:g} h"
    return ""


def _spent_out(state: CampaignState, rules: Rules) -> str:
    if not rules.money.cap_usd:
        return ""  # asked at every step: what the next run may cost takes a look at all that wait
    return spent_out(state, rules, next_run_usd(state, rules), "the next run")


def wall_cap_changed(state: CampaignState, rules: Rules) -> list[AnyEvent]:
    """To be applied before ``begin`` where nothing of the budget is another but how long a run may take in
    real time: values compare all the same.
    """
    before = state.rules.budget
    if replace(before, wall_cap=rules.budget.wall_cap) != rules.budget or before == rules.budget:
        return []
    return [RulesChanged(rules=replace(state.rules, budget=rules.budget))]
