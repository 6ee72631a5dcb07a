"""What is put together of parked experiments where a slot would wait, and what must hold of it in random
swarms.
"""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.reserved import COMBINED
from coordinator.domain import Purpose, State
from coordinator.protocol import Brief
from coordinator.rules import campaign
from coordinator.rules.heads.combinations import TIMES, combine
from coordinator.rules.proposing import briefs
from coordinator.state.encoding import decode, encode
from coordinator.state.events import ExperimentProposed, PairRefused
from coordinator.state.lifecycle import InvalidTransition
from coordinator.views.arm_report import arms
from evaluator.policies.any_policy import AnyPolicy
from evaluator.policies.one_step import Confirm
from evaluator.policies.trunk import Trunk
from evaluator.result import Measured
from tests.unit.swarm_of_rules import Crowd, Swarm, rules
from tests.unit.test_campaign_properties import play

SHORT = Trunk(still=4, steps=3, runs=3, z=1.0, early_z=2.0, first_z=1.0, refresh_every=2, refresh_to=6)
BASELINE = (1.00, 1.01, 0.99, 1.00)


class Played(Swarm):
    """One agent on a measured baseline of 1 with a σ of .008."""

    def __init__(self, **changes: object) -> None:
        super().__init__(rules(combine=True, **changes))
        self.join("a1")
        for value in BASELINE:
            self.train(value)

    def train(self, value: float) -> str:
        run = self.lease("a1")
        assert run is not None
        self.report("a1", run, Measured(value))
        return run

    def tried(self, value: float) -> str:
        """A proposal, run once; its id."""
        name = self.think("a1")
        assert name is not None
        self.train(value)
        return name


def near_misses(*values: float, **changes: object) -> Played:
    swarm = Played(**changes)
    for value in values:
        swarm.tried(value)
    return swarm


def test_two_near_misses_are_put_together_where_a_slot_would_wait() -> None:
    swarm = near_misses(1.009, 1.004, 1.002)
    run = swarm.lease("a1")
    assert run == "e00004.1"
    made, first = swarm.state.experiments["e00004"], swarm.state.runs["e00004.1"]
    assert (made.combines, made.arm, made.agent) == (["e00002", "e00003"], COMBINED, "")
    assert (made.parent, made.ordinal, first.purpose) == ("root", 4, Purpose.COMBINE)
    assert made.title.startswith("e00002 + e00003: ")
    assert "e00003 was worse by 0.002 val_bpb in its run and was a near miss" in made.hypothesis
    swarm.report("a1", run, Measured(0.9))
    assert made.state is State.CONFIRMING


def test_it_is_counted_and_told_as_what_any_other_arm_proposed() -> None:
    swarm = near_misses(1.004, 1.002)
    run = swarm.lease("a1")
    brief = briefs.brief(swarm.state, "a1", 0)
    assert isinstance(brief, Brief)
    assert [(one.experiment, one.arm) for one in brief.running] == [("e00003", COMBINED)]
    assert run is not None
    swarm.report("a1", run, Measured(1.03))
    row = next(row for row in arms(swarm.state).arms if row.name == COMBINED)
    assert (row.proposals, row.runs, row.rejected, row.strategy) == (1, 1, 1, None)
    assert "e00003" not in swarm.state.divisions["cpu"].parked, "what was made of two is not parked"


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({"lookahead": 4}, (1.004, 1.002)),
        ({"max_experiments": 3}, (1.004, 1.002)),
        ({}, (1.004,)),
        ({}, (1.012, 1.013)),
        ({}, (1.004, 1.5)),
    ],
    ids=["in order", "no room", "one", "promise nothing", "no near miss"],
)
def test_nothing_is_put_together(changes: dict[str, object], values: tuple[float, ...]) -> None:
    assert near_misses(*values, **changes).lease("a1") is None


def test_nothing_is_put_together_while_something_is_queued_or_the_campaign_ends_or_it_is_off() -> None:
    swarm = near_misses(1.004, 1.002)
    swarm.think("a1")
    assert combine(swarm.state, "a1") is None
    for changes in ({"combine": False}, {"combine": True}):
        other = near_misses(1.004, 1.002)
        other.commit(campaign.begin(other.state, rules(**changes), other.now))
        other.join("a1", "2")
        assert (combine(other.state, "a1") is not None) == changes["combine"]
    other.commit(campaign.drain(other.state, "enough"))
    assert combine(other.state, "a1") is None


def test_a_pair_that_does_not_apply_is_remembered_and_the_next_is_tried() -> None:
    swarm = near_misses(1.004, 1.02, 1.001, 1.002, 1.003)
    run = swarm.lease("a1")
    refused = [event for _, event in swarm.journal if isinstance(event, PairRefused)]
    assert [event.pair for event in refused] == [["e00003", "e00004"], ["e00003", "e00005"]]
    assert ["apply" in event.reason for event in refused] == [True, False], "the other is e00003 again"
    assert run is not None
    made = swarm.state.experiments[swarm.state.runs[run].experiment]
    assert made.combines == ["e00004", "e00005"], "twice is enough for the third"
    assert swarm.replayed() == swarm.state


def test_a_journal_that_puts_two_together_twice_is_damaged() -> None:
    swarm = near_misses(1.004, 1.002)
    swarm.lease("a1")
    with pytest.raises(InvalidTransition, match="twice, or without being parked"):
        swarm.commit([PairRefused(division="cpu", pair=["e00001", "e00002"], reason="")])
    with pytest.raises(InvalidTransition, match="twice, or without being parked"):
        swarm.commit([PairRefused(division="cpu", pair=["e00001", "e00003"], reason="")])


@given(
    seed=st.integers(0, 2**32),
    agents=st.integers(1, 5),
    policy=st.sampled_from([Confirm(), SHORT]),
    kind=st.sampled_from([Swarm, Crowd]),
    steps=st.integers(50, 500),
)
@settings(max_examples=40, deadline=None)
def test_no_order_of_events_puts_a_pair_together_twice_and_a_replay_gives_the_same(
    seed: int, agents: int, policy: AnyPolicy, kind: type[Swarm], steps: int
) -> None:
    swarm = kind(rules(combine=True, policy=policy))
    play(swarm, random.Random(seed), steps, agents)
    events = [event for _, event in swarm.journal]
    made = [event.combines for event in events if isinstance(event, ExperimentProposed) and event.combines]
    pairs = made + [event.pair for event in events if isinstance(event, PairRefused)]
    assert len({tuple(pair) for pair in pairs}) == len(pairs)
    assert max(Counter(name for pair in pairs for name in pair).values(), default=0) <= TIMES
    assert swarm.replayed() == swarm.state
    assert [decode(encode(event)) for event in events] == events


def test_random_swarms_do_put_together_and_some_of_it_merges() -> None:
    ends: Counter[State] = Counter()
    for seed in range(8):
        swarm = Swarm(rules(combine=True, policy=Confirm()))
        play(swarm, random.Random(seed), 800, agents=3)
        ends.update(one.state for one in swarm.state.experiments.values() if one.combines)
    assert ends[State.MERGED] > 0
    assert ends[State.REJECTED] > 0


@pytest.mark.parametrize("lookahead", [4, 10])
def test_in_order_nothing_changes(lookahead: int) -> None:
    def journal(combines: bool) -> list[object]:
        swarm = Swarm(rules(combine=combines, policy=SHORT, lookahead=lookahead))
        play(swarm, random.Random(5), 400, agents=3)
        return [event for _, event in swarm.journal[1:]]

    assert journal(True) == journal(False)
