"""Random swarms of several divisions: each merge is tried once in each other division, whatever happens in
whatever order.
"""

import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.domain import Purpose, State
from coordinator.protocol import AgentCard
from coordinator.rules import campaign
from coordinator.rules.heads.transfers import transfer
from coordinator.rules.lookups import stack_since
from coordinator.state.encoding import decode, encode
from coordinator.state.events import ExperimentProposed, ProposalRefused
from evaluator.policies.any_policy import AnyPolicy
from evaluator.policies.one_step import Confirm, Naive
from evaluator.policies.trunk import Trunk
from tests.unit.swarm_of_rules import Crowd, Swarm, rules
from tests.unit.test_campaign_properties import play

NAMES = ("old", "new", "odd")
SHORT = Trunk(still=2, steps=2, runs=2, z=1.0, early_z=2.0, refresh_every=2, refresh_to=6)
POLICIES = {"naive": Naive(), "confirm": Confirm(confirm_runs=1, z=1.0), "trunk": SHORT}


class Divided(Swarm):
    """Agents of three kinds of hardware: which, says the agent's number."""

    def join(self, agent: str, incarnation: str = "1") -> None:
        division = NAMES[int(agent[1:]) % len(NAMES)]
        card = AgentCard(agent=agent, incarnation=incarnation, division=division)
        self.commit(campaign.join(self.state, card))
        self.settle()


class DividedCrowd(Divided, Crowd):
    """The same, where some cheat."""


def brought(swarm: Swarm) -> list[tuple[str, str]]:
    """Division and source of every transfer, also of those that came to no experiment."""
    return [
        (event.division, event.transfers)
        for _, event in swarm.journal
        if isinstance(event, ExperimentProposed | ProposalRefused) and event.transfers
    ]


def work_off(swarm: Swarm, agents: int) -> None:
    """Everybody is there, and what waits is run; nobody proposes any more."""
    for number in range(agents):
        swarm.join(f"a{number}", "last")
    busy = True
    while busy:
        busy = False
        for number in range(agents):
            run = swarm.lease(f"a{number}")
            if run is not None:
                swarm.report(f"a{number}", run)
                busy = True


def missing(swarm: Swarm) -> list[tuple[str, str]]:
    """Merges of a division's own that were brought neither by themselves nor with a later one."""
    divisions = swarm.state.divisions
    return [
        (one, best.experiment)
        for one, other in permutations(divisions, 2)
        for number, best in enumerate(divisions[other].history)
        if number and not best.brought and number >= divisions[one].taken.get(other, 0)
        if divisions[one].head is not None
    ]


def stack_of(swarm: Swarm, merged: str) -> list[str]:
    """The experiments that moved the best of a division from the one before to this one."""
    experiment = swarm.state.experiments[merged]
    bests = swarm.state.divisions[experiment.division].history
    place = [best.experiment for best in bests].index(merged)
    stack = stack_since(swarm.state, bests[place - 1].commit, experiment)
    return [one.experiment for one in stack]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
@pytest.mark.parametrize("kind", [Divided, DividedCrowd])
def test_merges_go_to_other_divisions_and_replaying_gives_the_live_state(
    kind: type[Swarm], policy: AnyPolicy
) -> None:
    swarm = kind(rules(policy=policy))
    play(swarm, random.Random(5), steps=1500, agents=5)
    ends = [one.state for one in swarm.state.experiments.values() if one.transfers]
    assert len(ends) > 2
    assert {State.MERGED, State.REJECTED} & set(ends)
    assert swarm.replayed() == swarm.state
    events = [event for _, event in swarm.journal]
    assert [decode(encode(event)) for event in events] == events


@given(
    seed=st.integers(0, 2**32),
    agents=st.integers(2, 6),
    steps=st.integers(50, 400),
    policy=st.sampled_from(list(POLICIES.values())),
)
@settings(max_examples=30, deadline=None)
def test_no_order_of_events_transfers_twice_or_loses_a_merge(
    seed: int, agents: int, steps: int, policy: AnyPolicy
) -> None:
    swarm = Divided(rules(policy=policy))
    play(swarm, random.Random(seed), steps, agents)
    work_off(swarm, agents)
    assert len(brought(swarm)) == len(set(brought(swarm)))
    assert missing(swarm) == []
    assert transfer(swarm.state) is None
    swarm.state.validate()
    assert swarm.replayed() == swarm.state


@given(seed=st.integers(0, 2**32), policy=st.sampled_from(list(POLICIES.values())))
@settings(max_examples=20, deadline=None)
def test_what_came_by_a_transfer_is_not_sent_on_and_is_measured_as_a_retest(
    seed: int, policy: AnyPolicy
) -> None:
    swarm = Divided(rules(policy=policy))
    play(swarm, random.Random(seed), 400, agents=4)
    experiments = swarm.state.experiments
    for division, source in brought(swarm):
        merged = experiments[source]
        assert merged.division != division
        assert not all(experiments[name].transfers for name in stack_of(swarm, source))
    for one in experiments.values():
        if one.transfers:
            assert all(run.purpose is not Purpose.SCREEN for run in one.runs)
            assert one.arm == "transfer"
            assert not one.agent


@given(seed=st.integers(0, 2**32), lookahead=st.sampled_from([0, 6]))
@settings(max_examples=10, deadline=None)
def test_without_transfers_and_in_order_there_are_none(seed: int, lookahead: int) -> None:
    swarm = Divided(rules(policy=Naive(), transfer=lookahead > 0, lookahead=lookahead))
    play(swarm, random.Random(seed), 300, agents=4)
    assert brought(swarm) == []


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_where_transfers_are_turned_on_later_all_that_merged_comes_with_the_first(seed: int) -> None:
    swarm = Divided(rules(policy=Naive(), transfer=False))
    draw = random.Random(seed)
    play(swarm, draw, 250, agents=3)
    swarm.commit(campaign.begin(swarm.state, rules(policy=Naive()), swarm.now))
    before = {name: len(division.history) for name, division in swarm.state.divisions.items()}
    work_off(swarm, 3)
    assert missing(swarm) == []
    for one, other in permutations(swarm.state.divisions, 2):
        came = [source for to, source in brought(swarm) if to == one]
        came = [source for source in came if swarm.state.experiments[source].division == other]
        later = swarm.state.divisions[other].history[before.get(other, 1) :]
        assert len(came) <= 1 + sum(not best.brought for best in later)
    assert swarm.replayed() == swarm.state
