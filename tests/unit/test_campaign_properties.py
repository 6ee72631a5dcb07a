"""Random swarms of thousands of steps: what must hold whatever happens in whatever order."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.domain import Phase, State, Verdict
from coordinator.protocol import Wait
from coordinator.rules import campaign
from coordinator.rules.proposing import briefs
from coordinator.rules.slots import leases
from coordinator.state.encoding import decode, encode
from coordinator.state.events import AnyEvent, EpochBegan, RunLeased, RunReported, VerdictGiven
from evaluator.policies.any_policy import AnyPolicy
from evaluator.result import Measured
from tests.unit.swarm_of_rules import RULES, Crowd, MixedCrowd, Swarm, rules


def play(swarm: Swarm, draw: random.Random, steps: int, agents: int) -> None:
    """Let agents join, think, lease, report, die and come back at random; the coordinator restarts now and
    then.
    """
    lives = dict.fromkeys((f"a{number}" for number in range(agents)), 0)
    for number in range(steps):
        if number % 40 == 0:
            swarm.state.validate()
        agent = draw.choice(sorted(lives))
        record = swarm.state.agents.get(agent)
        if record is None or not record.present:
            swarm.join(agent, str(lives[agent]))
            continue
        step = draw.random()
        if step < 0.45:
            run = swarm.lease(agent)
            if run is not None and draw.random() < 0.8:
                swarm.report(agent, run)
        elif step < 0.85:
            swarm.think(agent)
        elif step < 0.92:
            lives[agent] += 1
            swarm.join(agent, str(lives[agent]))
        elif step < 0.96:
            swarm.commit_settled(leases.leave(swarm.state, agent, "gone", charged=draw.random() < 0.3))
        elif step < 0.98:
            swarm.commit(campaign.begin(swarm.state, swarm.state.rules, swarm.now))
    swarm.state.validate()


def reported(swarm: Swarm) -> list[str]:
    return [event.run for _, event in swarm.journal if isinstance(event, RunReported)]


@pytest.mark.parametrize("lookahead", [0, 6])
@pytest.mark.parametrize(("kind", "seed"), [(Swarm, 0), (Swarm, 1), (Crowd, 2), (MixedCrowd, 3)])
def test_replaying_thousands_of_events_gives_the_live_state(
    kind: type[Swarm], lookahead: int, seed: int
) -> None:
    swarm = kind(rules(lookahead=lookahead))
    play(swarm, random.Random(seed), steps=2500, agents=3)
    assert len(swarm.journal) > 1500
    assert swarm.replayed() == swarm.state


@given(
    seed=st.integers(0, 2**32),
    agents=st.integers(1, 5),
    lookahead=st.sampled_from([0, 0, 4, 10]),
    steps=st.integers(10, 400),
)
@settings(max_examples=40, deadline=None)
def test_no_run_counts_twice_and_no_experiment_merges_twice(
    seed: int, agents: int, lookahead: int, steps: int
) -> None:
    swarm = Swarm(rules(lookahead=lookahead))
    play(swarm, random.Random(seed), steps, agents)
    runs = reported(swarm)
    assert len(runs) == len(set(runs))
    merges = [
        event.experiment
        for _, event in swarm.journal
        if isinstance(event, VerdictGiven) and event.verdict is Verdict.MERGE
    ]
    assert len(merges) == len(set(merges))
    assert swarm.replayed() == swarm.state
    assert sum(swarm.state.states.values()) == len(swarm.state.experiments)


@given(seed=st.integers(0, 2**32), steps=st.integers(50, 400))
@settings(max_examples=25, deadline=None)
def test_the_best_is_always_a_measured_commit_made_on_the_best_before_it(seed: int, steps: int) -> None:
    swarm = Swarm()
    play(swarm, random.Random(seed), steps, agents=3)
    for division in swarm.state.divisions.values():
        for before, after in pairwise(division.history):
            experiment = swarm.state.experiments[after.experiment]
            assert experiment.parent == before.commit
            assert experiment.state is State.MERGED
            assert len(experiment.values) == 2


@given(seed=st.integers(0, 2**32), lookahead=st.sampled_from([0, 0, 4, 10]), steps=st.integers(100, 500))
@settings(max_examples=25, deadline=None)
def test_nothing_merges_that_was_not_audited_in_full_in_a_trusted_sandbox(
    seed: int, lookahead: int, steps: int
) -> None:
    swarm = MixedCrowd(rules(lookahead=lookahead))
    play(swarm, random.Random(seed), steps, agents=4)
    for division in swarm.state.divisions.values():
        for best in division.history[1:]:
            experiment = swarm.state.experiments[best.experiment]
            assert experiment.grounds is not None
            assert experiment.grounds.audit is not None
            assert (experiment.grounds.tier, experiment.grounds.audit.kind, experiment.grounds.marks) == (
                "A",
                "twin",
                "",
            )
            assert experiment.grounds.audit.positions == best.runs * 2048 == 2 * 2048
            assert not any(swarm.cheats(run.run) for run in experiment.counted)
    assert swarm.replayed() == swarm.state


def test_in_a_crowd_there_are_cheats_merges_and_audits_that_come_to_nothing() -> None:
    swarm = MixedCrowd()
    play(swarm, random.Random(1), 4000, agents=4)
    assert swarm.state.arms["search"]["cheated"] > 20
    assert swarm.state.arms["search"]["merged"] > 2
    reasons = [event.reason for _, event in swarm.journal if isinstance(event, VerdictGiven)]
    assert sum("runs were audited" in reason for reason in reasons) > 0
    assert sum("measured in sandbox F" in reason for reason in reasons) > 2


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_every_event_survives_its_journal_form(seed: int) -> None:
    swarm = Swarm()
    play(swarm, random.Random(seed), 150, agents=2)
    events: list[AnyEvent] = [event for _, event in swarm.journal]
    assert [decode(encode(event)) for event in events] == events


def in_order(kind: type[Swarm] = Swarm, policy: AnyPolicy = RULES.policy, seed: int = 1) -> Swarm:
    """A campaign of thirty experiments in order."""
    return kind(rules(lookahead=6, max_experiments=30, policy=policy, seed=seed))


def finish_in_order(
    swarm: Swarm, schedule: random.Random, agents: int, restarts: bool = False, eager: float = 0.3
) -> dict[str, tuple[object, ...]]:
    """Play a whole campaign in order under some schedule and return every experiment's fate, and what audits
    its runs were leased with. eager: how often, 0 to 1, an agent that is asked thinks.
    """
    names = [f"a{number}" for number in range(agents)]
    for name in names:
        swarm.join(name)
    life = 1
    for _ in range(40_000):
        if swarm.state.phase is Phase.FINISHED:
            break
        name = schedule.choice(names)
        run = swarm.lease(name)
        if run is not None and schedule.random() < 0.5:
            swarm.report(name, run)
        if schedule.random() < eager:
            swarm.think(name)
        if restarts and schedule.random() < 0.02:
            life += 1
            swarm.commit(campaign.begin(swarm.state, swarm.state.rules, swarm.now))
            for each in names:
                swarm.join(each, str(life))
    assert swarm.state.phase is Phase.FINISHED
    swarm.state.validate()
    return {
        name: (
            each.title,
            each.state.value,
            each.value,
            each.reason,
            *(swarm.plans[run.run] for run in each.runs if run.run in swarm.plans),
        )
        for name, each in swarm.state.experiments.items()
    }


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_in_order_the_same_seed_gives_the_same_verdicts_under_every_schedule(agents: int) -> None:
    reference = finish_in_order(in_order(), random.Random(0), 2)
    assert sum(state == "merged" for _, state, *_ in reference.values()) > 2
    for seed in range(1, 4):
        assert finish_in_order(in_order(), random.Random(seed), agents) == reference


def test_in_order_the_same_cheats_are_caught_under_every_schedule_and_through_every_restart() -> None:
    reference = finish_in_order(in_order(Crowd), random.Random(0), 2)
    fates = [state for _, state, *_ in reference.values()]
    assert fates.count("merged") > 2
    assert fates.count("cheated") > 2
    for seed in range(1, 5):
        again = finish_in_order(in_order(Crowd), random.Random(seed), 1 + seed % 3, restarts=seed > 2)
        assert again == reference


def test_in_order_no_verdict_changes_when_everything_is_killed_again_and_again() -> None:
    reference = finish_in_order(in_order(), random.Random(0), 2)
    for seed in range(3):
        swarm_fates = finish_in_order(in_order(), random.Random(seed), 2, restarts=True)
        assert swarm_fates == reference


def test_tokens_never_repeat_over_restarts() -> None:
    swarm = Swarm()
    play(swarm, random.Random(5), 800, agents=3)
    tokens = [event.token for _, event in swarm.journal if isinstance(event, RunLeased)]
    epochs = sum(isinstance(event, EpochBegan) for _, event in swarm.journal)
    assert epochs > 5
    assert all(before < after for before, after in pairwise(tokens))


def test_values_that_never_improve_never_merge() -> None:
    swarm = Swarm()
    swarm.join("a0")
    for _ in range(200):
        run = swarm.lease("a0")
        if run is None:
            swarm.think("a0")
            continue
        baseline = swarm.state.runs[run].experiment == "baseline-cpu"
        swarm.report(
            "a0", run, Measured(1.0 + 0.001 * (swarm.state.runs[run].seed % 5) + (0.0 if baseline else 0.05))
        )
    assert swarm.state.verdicts["merge"] == 1
    assert swarm.state.verdicts["reject"] > 50
    assert not isinstance(briefs.brief(swarm.state, "a0", 0), Wait) or swarm.state.divisions["cpu"].screens
