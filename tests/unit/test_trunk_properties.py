"""Random swarms whose trunks step, are certified and roll back: what must hold whatever happens in whatever
order.
"""

import random
from itertools import pairwise, takewhile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coordinator.domain import Phase, Purpose, State, Verdict
from coordinator.rules import campaign
from coordinator.state.encoding import decode, encode
from coordinator.state.events import VerdictGiven
from deploy.simulate.effect_model import shaped_model
from deploy.simulate.engine import Engine
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot
from evaluator.policies.trunk import Trunk
from tests.unit.swarm_of_rules import Crowd, MixedCrowd, Swarm, rules
from tests.unit.test_campaign_properties import finish_in_order, in_order, play

SHORT = Trunk(still=4, steps=3, runs=3, z=1.0, first_z=1.5, early_z=2.0, refresh_every=2, refresh_to=6)


def verdicts(swarm: Swarm, verdict: Verdict) -> list[str]:
    """Experiments that got it, in that order, without baselines."""
    return [
        event.experiment
        for _, event in swarm.journal
        if isinstance(event, VerdictGiven)
        and event.verdict is verdict
        and (event.commit or verdict is not Verdict.STEP)
        and not swarm.state.experiments[event.experiment].baseline
    ]


@pytest.mark.parametrize("lookahead", [0, 6])
@pytest.mark.parametrize(("kind", "seed"), [(Swarm, 0), (Swarm, 1), (Crowd, 2), (MixedCrowd, 3)])
def test_replaying_thousands_of_events_gives_the_live_state(
    kind: type[Swarm], lookahead: int, seed: int
) -> None:
    swarm = kind(rules(lookahead=lookahead, policy=SHORT))
    play(swarm, random.Random(seed), steps=2500, agents=3)
    assert len(swarm.journal) > 1000
    assert len(verdicts(swarm, Verdict.STEP)) > 2
    assert swarm.replayed() == swarm.state
    events = [event for _, event in swarm.journal]
    assert [decode(encode(event)) for event in events] == events


@given(
    seed=st.integers(0, 2**32),
    agents=st.integers(1, 6),
    lookahead=st.sampled_from([0, 0, 4, 10]),
    steps=st.integers(10, 500),
)
@settings(max_examples=40, deadline=None)
def test_nothing_merges_that_was_not_certified_and_nothing_is_certified_twice(
    seed: int, agents: int, lookahead: int, steps: int
) -> None:
    swarm = Swarm(rules(lookahead=lookahead, policy=SHORT))
    play(swarm, random.Random(seed), steps, agents)
    state = swarm.state
    certified, stepped = verdicts(swarm, Verdict.MERGE), verdicts(swarm, Verdict.STEP)
    assert len(certified) == len(set(certified))
    assert len(stepped) == len(set(stepped))
    for name in certified:
        fresh = [run for run in state.experiments[name].runs if run.purpose is Purpose.CONFIRM]
        assert any(run.value is not None for run in fresh), "by fresh runs"
    merged = {
        name for name, one in state.experiments.items() if one.state is State.MERGED and not one.baseline
    }
    assert merged <= set(stepped), "as a step, or below one"
    assert set(certified) <= merged
    ends = [one for one in state.experiments.values() if one.stepped]
    assert all(one.state is not State.REJECTED for one in ends)
    for division in state.divisions.values():
        bests = [best.experiment for best in division.history[1:]]
        assert bests == certified
        assert [one.experiment for one in division.trunk] == [
            one.experiment
            for one in sorted(ends, key=lambda one: stepped.index(one.experiment))
            if not one.state.final
        ]
    assert swarm.replayed() == state


@given(seed=st.integers(0, 2**32), steps=st.integers(50, 500), lookahead=st.sampled_from([0, 4]))
@settings(max_examples=30, deadline=None)
def test_a_trunk_is_a_line_of_commits_on_the_best_and_a_roll_back_leaves_the_best(
    seed: int, steps: int, lookahead: int
) -> None:
    swarm = Swarm(rules(policy=SHORT, lookahead=lookahead))
    heads: list[tuple[str, str]] = []
    take = swarm.commit

    def watched(events: list[object]) -> list[object]:
        done = take(events)  # type: ignore[arg-type]
        for event in events:
            if isinstance(event, VerdictGiven) and event.verdict is Verdict.ROLL_BACK:
                division = swarm.state.divisions["cpu"]
                assert division.head == division.best
                assert not division.trunk
        for division in swarm.state.divisions.values():
            line = [best for best in [division.best, *division.trunk] if best]
            for before, after in pairwise(line):
                assert swarm.state.experiments[after.experiment].parent == before.commit
            if line:
                heads.append((line[-1].commit, division.name))
        return done  # type: ignore[return-value]

    swarm.commit = watched  # type: ignore[method-assign, assignment]
    play(swarm, random.Random(seed), steps, agents=3)
    assert heads or not swarm.state.divisions["cpu"].best


@pytest.mark.parametrize("agents", [1, 2, 3, 6])
def test_in_order_the_same_seed_gives_the_same_verdicts_under_every_schedule(agents: int) -> None:
    reference = finish_in_order(in_order(policy=SHORT), random.Random(0), 2)
    fates = [state for _, state, *_ in reference.values()]
    assert fates.count("merged") > 1
    for seed in range(1, 5):
        again = finish_in_order(in_order(policy=SHORT), random.Random(seed), agents, restarts=seed > 2)
        assert again == reference


def test_in_order_the_same_cheats_are_caught_under_every_schedule_and_through_every_restart() -> None:
    reference = finish_in_order(in_order(Crowd, SHORT, seed=5), random.Random(0), 2)
    assert [state for _, state, *_ in reference.values()].count("cheated") > 2
    for seed in range(1, 5):
        swarm = in_order(Crowd, SHORT, seed=5)
        assert finish_in_order(swarm, random.Random(seed), 1 + seed % 3, restarts=seed > 2) == reference


@given(seed=st.integers(0, 2**32), lookahead=st.sampled_from([0, 4]), agents=st.integers(1, 4))
@example(seed=78389, lookahead=4, agents=4)
@settings(max_examples=25, deadline=None)
def test_a_campaign_goes_on_under_another_policy_and_its_trunk_is_rolled_back(
    seed: int, lookahead: int, agents: int
) -> None:
    swarm = Swarm(rules(policy=SHORT, lookahead=lookahead))
    draw = random.Random(seed)
    play(swarm, draw, 200, agents)
    other = rules(lookahead=lookahead)
    swarm.commit(campaign.begin(swarm.state, other, swarm.now))
    play(swarm, draw, 300, agents)
    division = swarm.state.divisions["cpu"]
    waits = any(swarm.state.experiments[one.experiment].state is State.CONFIRMING for one in division.trunk)
    assert waits or not division.trunk
    swarm.commit(campaign.begin(swarm.state, swarm.state.rules, swarm.now))
    play(swarm, draw, 200, agents)
    swarm.commit(campaign.begin(swarm.state, rules(lookahead=lookahead, policy=SHORT), swarm.now))
    play(swarm, draw, 200, agents)
    assert swarm.replayed() == swarm.state


@pytest.mark.parametrize("lookahead", [0, 4])
def test_a_campaign_that_ends_by_the_clock_certifies_before(lookahead: int) -> None:
    merges = left = 0
    for seed in range(6):
        wanted = SwarmScenario(
            rules=rules(policy=Trunk(), lookahead=lookahead),
            model=shaped_model(),
            slots=(Slot(),) * 2,
            hours=12.0,
        )
        engine = Engine(wanted, seed)
        engine.play()
        (division,) = engine.state.divisions.values()
        assert engine.state.phase is Phase.FINISHED
        merges += len(division.history) - 1
        steps = [engine.state.experiments[step.experiment] for step in reversed(division.trunk)]
        left += len(list(takewhile(lambda step: len(step.runs) == 1, steps)))
    assert merges > 12
    assert left <= 12, "steps of the last minutes, which nobody looked at again"
