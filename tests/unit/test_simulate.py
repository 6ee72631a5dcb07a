"""Simulated campaigns: the real rules on a virtual clock."""

from collections import Counter

import pytest
from msgspec.structs import replace

from configs.errors import ConfigError
from configs.load import load
from coordinator.domain import Direction, Metric, Phase
from coordinator.state.events import RunLeased, RunReported
from deploy.simulate.campaign_in_memory import replayed
from deploy.simulate.effect_model import EffectModel, shaped_model
from deploy.simulate.engine import Engine
from deploy.simulate.measuring import Conditions
from deploy.simulate.played import Played, outcome, play
from deploy.simulate.request_options import Options, request_of
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot
from evaluator.policies.any_policy import KINDS, AnyPolicy
from evaluator.policies.one_step import Confirm, Naive
from evaluator.policies.trunk import Trunk
from tests.unit.swarm_of_rules import RULES

NAIVE, CONFIRM = Naive(), Confirm()
SCENARIO = SwarmScenario(rules=replace(RULES, policy=NAIVE), model=shaped_model(), runs=125)


def scenario(policy: AnyPolicy = NAIVE, slots: int = 1, **changes: object) -> SwarmScenario:
    rules = replace(RULES, policy=policy)
    return replace(SCENARIO, rules=rules, slots=(Slot(),) * slots, **changes)


def played(wanted: SwarmScenario, campaigns: int) -> list[Played]:
    return [play(wanted, seed) for seed in range(1, campaigns + 1)]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("slots", [1, 3, 64])
@pytest.mark.parametrize("lookahead", [0, 4])
@pytest.mark.parametrize("policy", [kind() for kind in KINDS.values()], ids=list(KINDS))
def test_every_run_that_was_leased_is_reported_once(policy: AnyPolicy, slots: int, lookahead: int) -> None:
    wanted = scenario(policy, slots)
    engine = Engine(replace(wanted, rules=replace(wanted.rules, lookahead=lookahead)), seed=7, keep=True)
    engine.play()
    events = [event for _, event in engine.campaign.journal]
    assert engine.state.made == wanted.runs, "all that it was given"
    leased = [event.run for event in events if isinstance(event, RunLeased)]
    reported = [event.run for event in events if isinstance(event, RunReported)]
    assert Counter(leased) == Counter(reported) == Counter(set(leased))
    assert engine.state.phase is Phase.FINISHED
    assert engine.leased == len(leased)
    assert len(leased) == 125 or lookahead
    engine.state.validate()


@pytest.mark.parametrize("slots", [1, 16])
@pytest.mark.parametrize("policy", [CONFIRM, Trunk()], ids=["confirm", "trunk"])
def test_replaying_the_events_gives_the_same_state(policy: AnyPolicy, slots: int) -> None:
    engine = Engine(scenario(policy, slots), seed=3, keep=True)
    engine.play()
    assert replayed(engine.campaign.journal) == engine.state


def test_the_same_seed_gives_the_same_campaign_and_another_seed_another() -> None:
    first, second = played(scenario(slots=4), 2)
    assert play(scenario(slots=4), 1) == first
    assert second != first


def test_the_kth_proposal_is_the_same_idea_with_the_same_luck_under_every_policy() -> None:
    ends = []
    for policy in (NAIVE, CONFIRM):
        engine = Engine(scenario(policy), seed=11)
        engine.play()
        ends.append(engine)
    common = [name for name in ends[0].state.by_ordinal if name in ends[1].state.experiments]
    changes = [[shaped_model().change(11, n) for n in range(1, len(common) + 1)] for _ in ends]
    assert changes[0] == changes[1]
    first = [engine.state.experiments["e00001"].runs[0].value for engine in ends]
    assert first[0] == first[1] is not None


def test_more_slots_make_proposals_more_stale() -> None:
    one, eight, many = (
        mean([end.staleness for end in played(scenario(slots=slots, runs=400), 4)]) for slots in (1, 8, 64)
    )
    assert 0 < one < eight < many


def test_thinking_that_takes_less_than_a_run_changes_nothing() -> None:
    assert play(scenario(thinking=0.5), 1) == play(scenario(thinking=5.0), 1)


def test_more_room_ahead_of_verdicts_makes_proposals_more_stale() -> None:
    def stale(lookahead: int) -> float:
        rules = replace(RULES, policy=NAIVE, lookahead=lookahead)
        return play(replace(scenario(slots=16, runs=300), rules=rules), 1).staleness

    assert stale(1) < stale(40)


def test_slots_that_wait_for_ideas_make_fewer_runs() -> None:
    quick, slow = (play(scenario(slots=4, runs=0, hours=20.0, thinking=m), 1) for m in (1.0, 30.0))
    assert slow.runs < 0.6 * quick.runs
    assert quick.hours == pytest.approx(20.0, abs=0.2)


def test_a_faster_slot_makes_more_runs() -> None:
    engine = Engine(replace(scenario(), slots=(Slot(), Slot(speed=2.0)), runs=200), seed=1, keep=True)
    engine.play()
    by = Counter(event.agent for _, event in engine.campaign.journal if isinstance(event, RunLeased))
    assert by["slot-2"] / by["slot-1"] == pytest.approx(2.0, rel=0.1)


def test_divisions_have_baselines_and_bests_of_their_own() -> None:
    slots = (Slot(division="old"), Slot(division="new", speed=2.0))
    engine = Engine(replace(scenario(CONFIRM), slots=slots, runs=300), seed=2, keep=True)
    engine.play()
    old, new = (engine.state.divisions[name] for name in ("old", "new"))
    assert old.history[0].value != new.history[0].value
    assert len(old.ordinals) + len(new.ordinals) == len(engine.state.by_ordinal)
    assert len(new.ordinals) == pytest.approx(2 * len(old.ordinals), rel=0.25)
    assert replayed(engine.campaign.journal) == engine.state
    assert outcome(engine).true < 0.995


def test_a_metric_that_is_to_grow_grows() -> None:
    rules = replace(RULES, policy=NAIVE, metric=Metric("score", Direction.MAXIMIZE))
    ends = played(replace(scenario(), rules=rules), 4)
    assert all(one.true > 0.9979 + 0.005 for one in ends)
    assert mean([one.reported - one.true for one in ends]) > 0


def test_without_noise_naive_merges_what_is_better_and_nothing_else() -> None:
    for one in played(scenario(conditions=Conditions(sigma=0.0), runs=300), 5):
        assert one.false == 0
        assert one.reported == pytest.approx(one.true, abs=1e-9)
        assert one.merges > 5


def test_an_idea_that_the_parent_holds_gives_nothing_more() -> None:
    model = EffectModel(gains=(0.01,), shares=(1.0,), real=1.0, null=0.0)
    engine = Engine(scenario(conditions=Conditions(sigma=0.0), model=model, runs=40), seed=1)
    engine.play()
    assert outcome(engine).true == pytest.approx(0.9979 - 0.01)
    assert outcome(engine).merges == 1


def test_null_edits_alone_make_every_merge_a_false_one() -> None:
    model = EffectModel(gains=(), shares=(), real=0.0, null=1.0)
    ends = played(scenario(model=model), 8)
    assert all(one.false == one.merges for one in ends)
    assert all(one.true == 0.9979 for one in ends)
    assert sum(one.merges for one in ends) > 8


def test_the_baselines_noise_can_be_exactly_sigma() -> None:
    for seed in range(1, 5):
        engine = Engine(scenario(conditions=Conditions(sigma=0.002, known_sigma=4), runs=20), seed)
        engine.play()
        assert engine.state.divisions["gpu"].sigma == pytest.approx(0.002)


def test_runs_with_one_seed_can_be_correlated() -> None:
    together = Conditions(correlation=0.9)
    metric, slot = RULES.metric, Slot()
    values = [
        [together.value(metric, 0.0, slot, (seed, ordinal, 1), run_seed=5) for ordinal in (1, 2)]
        for seed in range(400)
    ]
    first, second = ([pair[n] - 0.9979 for pair in values] for n in (0, 1))
    covariance = mean([a * b for a, b in zip(first, second, strict=True)])
    spread = mean([a * a for a in first]) ** 0.5 * mean([b * b for b in second]) ** 0.5
    assert covariance / spread == pytest.approx(0.9, abs=0.05)


def test_a_slot_distorts_what_it_measures() -> None:
    quiet, metric = Conditions(sigma=0.0), RULES.metric
    slot = Slot(offset=0.01, drift=0.001)
    assert quiet.value(metric, 0.002, slot, (1, 1, 1), 1, hours=3.0) == pytest.approx(0.9979 - 0.002 + 0.013)
    loud = Conditions(sigma=0.001)
    usual, louder = (loud.value(metric, 0.0, one, (1, 1, 1), 1) for one in (Slot(), Slot(noise=3.0)))
    assert louder - 0.9979 == pytest.approx(3 * (usual - 0.9979))


def test_naive_ends_where_the_public_trace_and_earlier_simulations_did() -> None:
    """Thirty campaigns of 125 runs at a small σ gain about .02; of 600, .025 to .03; about four merges of ten
    are no better.
    """
    short = played(scenario(conditions=Conditions(sigma=0.0003)), 30)
    assert 0.9979 - mean([one.true for one in short]) == pytest.approx(0.019, abs=0.0025)
    longer = played(scenario(runs=600), 10)
    assert 0.9979 - mean([one.true for one in longer]) == pytest.approx(0.0235, abs=0.002)
    assert 0.3 < sum(one.false for one in longer) / sum(one.merges for one in longer) < 0.5
    assert -0.004 < mean([one.reported - one.true for one in longer]) < -0.0015


def test_fifty_demos_whose_edits_change_nothing_certify_nothing() -> None:
    config = load(["demo"], [], {}).config
    wanted = request_of(config, Options(real=0.0, null=1.0, runs=(44,), repetitions=50, policy="trunk"))
    assert isinstance(wanted.rules.policy, Trunk)
    assert wanted.rules.lookahead == 4
    campaigns = [play(job.scenario, job.seed) for job in wanted.jobs()]
    assert len(campaigns) == 50
    assert sum(one.merges for one in campaigns) == 0
    naive = request_of(config, Options(real=0.0, null=1.0, runs=(44,), repetitions=5, policy="naive"))
    assert all(play(job.scenario, job.seed).false > 0 for job in naive.jobs())


def test_shares_of_proposals_are_at_most_all_of_them() -> None:
    with pytest.raises(ConfigError, match=r"together 1.3 of 1"):
        request_of(load(["demo"], [], {}).config, Options(null=1.0))


def test_an_early_stop_lets_more_be_tried_in_the_same_hours_and_loses_next_to_nothing() -> None:
    wanted = scenario(Trunk(), runs=0, hours=28.0)
    stops = replace(wanted, rules=replace(wanted.rules, early_stop_at=0.4))
    tried, ended, better = [0, 0], 0, 0
    for seed in range(1, 9):
        tried[0] += len(ended_campaign(wanted, seed).state.by_ordinal)
        engine = ended_campaign(stops, seed)
        tried[1] += len(engine.state.by_ordinal)
        assert engine.state.spend.slots.gpu_seconds / 3600 <= 28.2
        (division,) = engine.state.divisions.values()
        ended += division.ended_early
        better += sum(bool(look.better) for look in division.looks if look.over)
    assert tried[1] > 1.1 * tried[0]
    assert ended > 400
    assert better <= 1


def ended_campaign(wanted: SwarmScenario, seed: int) -> Engine:
    engine = Engine(wanted, seed, keep=True)
    engine.play()
    assert replayed(engine.campaign.journal) == engine.state
    return engine
