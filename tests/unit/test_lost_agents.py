"""An agent that went without a goodbye is lost, not idle and not gone: in the state, on the page, in the
metrics.
"""

import pytest

from coordinator.rules import campaign
from coordinator.rules.slots import leases
from coordinator.service.presence import Presence
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AgentLeft
from coordinator.views.gauges import present
from coordinator.views.status import status
from coordinator.views.status_page import AgentState
from deploy.views.live import Limits, summary
from tests.unit.swarm_of_rules import Swarm, card


def two() -> Swarm:
    """One that trains and one that has nothing to do."""
    swarm = Swarm()
    swarm.join("a1")
    swarm.join("a2")
    assert swarm.lease("a1") is not None
    return swarm


def states(swarm: Swarm, missing: frozenset[str] = frozenset(), alive: bool = True) -> dict[str, AgentState]:
    page = status(swarm.state, swarm.now, alive, missing=missing)
    return {agent.id: agent.state for agent in page.agents}


def leave(swarm: Swarm, agent: str, lost: bool) -> None:
    for event in leases.leave(swarm.state, agent, "for a test", charged=lost, lost=lost):
        swarm.state.apply(event, swarm.now)
    swarm.state.validate()


def test_an_agent_that_is_late_with_its_call_is_lost_whatever_it_did() -> None:
    assert states(two()) == {"a1": AgentState.TRAINING, "a2": AgentState.IDLE}
    assert states(two(), frozenset({"a1", "a2"})) == {"a1": AgentState.LOST, "a2": AgentState.LOST}


@pytest.mark.parametrize("agent", ["a1", "a2"])
def test_an_agent_whose_time_is_up_is_lost_and_one_that_left_is_gone(agent: str) -> None:
    swarm = two()
    leave(swarm, agent, lost=True)
    assert states(swarm)[agent] is AgentState.LOST
    swarm = two()
    leave(swarm, agent, lost=False)
    assert states(swarm)[agent] is AgentState.GONE


def test_a_lost_agent_that_joins_again_is_lost_no_more() -> None:
    swarm = two()
    leave(swarm, "a1", lost=True)
    swarm.join("a1", "2")
    assert states(swarm)["a1"] is AgentState.IDLE


def test_after_a_restart_of_the_coordinator_those_are_lost_that_do_not_join_again() -> None:
    swarm = two()
    swarm.join("a3")
    leave(swarm, "a3", lost=False)
    for event in campaign.begin(swarm.state, swarm.state.rules, swarm.now):
        swarm.state.apply(event, swarm.now)
    swarm.join("a2")
    swarm.state.validate()
    assert states(swarm) == {"a1": AgentState.LOST, "a2": AgentState.IDLE, "a3": AgentState.GONE}


def test_where_nobody_works_on_the_campaign_all_are_gone() -> None:
    swarm = two()
    leave(swarm, "a1", lost=True)
    assert set(states(swarm, alive=False).values()) == {AgentState.GONE}


def test_lost_agents_have_a_series_of_their_own() -> None:
    swarm = two()
    leave(swarm, "a1", lost=True)
    families = {one.name: dict(one.samples) for one in present(status(swarm.state, swarm.now, alive=True))}
    assert families["agents"] == {("idle",): 1, ("training",): 0, ("lost",): 1}
    assert families["agent_state"]["a1", "lost"] == 1.0
    assert families["agent_state"]["a1", "idle"] == families["agent_state"]["a1", "training"] == 0.0


def test_an_event_of_before_speaks_of_an_agent_that_is_not_lost() -> None:
    swarm = two()
    swarm.state.apply(AgentLeft(agent="a2", reason="finished"), swarm.now)
    assert not swarm.state.agents["a2"].lost


def test_an_agent_is_missed_after_half_the_time_after_which_it_counts_as_gone() -> None:
    now = [100.0]
    presence = Presence(lambda: now[0], ttl=60.0)
    presence.heard("a1")
    presence.heard("a2")
    now[0] = 129.0
    presence.heard("a2")
    assert presence.missing() == frozenset()
    now[0] = 131.0
    assert (presence.missing(), presence.silent()) == (frozenset({"a1"}), [])
    presence.forget("a1")
    assert presence.missing() == frozenset()


def test_every_state_holds_the_same_agents_after_a_replay() -> None:
    swarm = two()
    for event in leases.leave(swarm.state, "a1", "for a test", lost=True):
        swarm.state.apply(event, swarm.now)
        swarm.journal.append((swarm.now, event))
    again = CampaignState()
    for at, event in swarm.journal:
        again.apply(event, at)
    assert again.agents == swarm.state.agents
    assert card("a1") == again.agents["a1"].card


def test_the_line_about_everything_counts_the_agents_there_are_and_says_how_many_are_lost() -> None:
    swarm = two()
    swarm.join("a3")
    leave(swarm, "a3", lost=False)
    line = summary(status(swarm.state, swarm.now, alive=True), Limits(), 1.0)
    assert "1 of 2 agents training, measuring" in line
    leave(swarm, "a2", lost=True)
    assert "1 of 2 agents training, 1 lost, " in summary(status(swarm.state, swarm.now, True), Limits(), 1.0)
