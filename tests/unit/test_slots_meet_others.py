"""Slots that are set aside, and what else rests on runs: seeds, early stops, how likely merges are false."""

from coordinator.domain import Purpose
from coordinator.protocol import AgentCard
from coordinator.rule_values.rule_set import Rules
from coordinator.rules import campaign
from coordinator.state.near_misses import is_parked
from coordinator.state.noise import noise_of
from coordinator.views.false_merges import false_merges
from evaluator.policies.one_step import Naive
from evaluator.result import Measured
from tests.unit.swarm_of_rules import rules
from tests.unit.test_early_stops import LookedAtSwarm
from tests.unit.test_pairing import repeated
from tests.unit.test_set_aside import SHORT, OddSwarm, swarm_of, work
from tests.unit.test_simplifications import Simplified


class LookedAtOddSwarm(LookedAtSwarm, OddSwarm):
    """Screens are looked at early, and one slot is off."""

    def __init__(self, wanted: Rules) -> None:
        self.stops = {}
        OddSwarm.__init__(self, wanted)


def test_a_slot_that_is_off_may_become_another_machine_s() -> None:
    swarm = swarm_of(4, set_aside=False)
    work(swarm, 14)
    assert list(swarm.state.off_slots) == ["a0"]
    moved = AgentCard(agent="a0", incarnation="2", division="cpu", node="other")
    swarm.commit(campaign.join(swarm.state, moved))
    swarm.state.validate()
    swarm.commit(campaign.begin(swarm.state, rules(check_every=5, policy=SHORT), swarm.now))
    swarm.settle()
    assert not swarm.state.agents["a0"].set_aside
    assert swarm.replayed() == swarm.state


def test_a_certificate_is_decided_though_its_seeds_were_measured_on_a_slot_that_is_off() -> None:
    division, step = repeated(follows=True, confirms=3)
    for gone in ((2, 3, 4), (1, 2, 3, 4)):
        division.seeds |= dict.fromkeys(gone, ())
        assert noise_of(division, step).sigma > 5 * 0.001


def test_neither_bars_nor_doubts_rest_on_a_slot_that_is_set_aside() -> None:
    swarm = LookedAtOddSwarm(rules(check_every=5, policy=Naive(), early_stop_at=0.4))
    for number in range(4):
        swarm.join(f"a{number}")
    work(swarm, 14)
    (division,) = swarm.state.divisions.values()
    runs = [run for one in swarm.state.experiments.values() for run in one.runs]
    odd = [run for run in runs if run.slot in division.disbelieved and run.value is not None]
    assert any(run.purpose is Purpose.SCREEN for run in odd)
    assert division.looks
    assert not {look.slot for look in division.looks} & set(division.disbelieved)
    before = false_merges(swarm.state, division)
    assert before.merges > 0
    for run in odd:
        run.seed_offset += 1.0  # whatever it measured
    assert false_merges(swarm.state, division) == before


def test_a_stack_that_ends_with_a_simplification_is_a_merge_and_what_is_no_better_is_not_parked() -> None:
    swarm = Simplified(SHORT)
    swarm.think("a1")
    swarm.train(0.85)
    simpler = swarm.simplify(swarm.piece)
    for _ in range(60):
        run = None if simpler.state.final else swarm.lease("a1")
        if run is None:
            swarm.think("a1")
            continue
        own = swarm.state.runs[run].experiment == simpler.experiment
        swarm.report("a1", run, Measured(0.82 if own else 0.90))
    (division,) = swarm.state.divisions.values()
    assert division.history[-1].experiment == simpler.experiment
    assert simpler.stepped
    assert false_merges(swarm.state, division).merges == len(division.history) - 1 > 1

    refused = Simplified(Naive())
    worse = refused.simplify(refused.piece)
    for _ in range(60):
        run = None if worse.state.final else refused.lease("a1")
        if run is None:
            refused.think("a1")
            continue
        refused.report("a1", run, Measured(1.0))
    assert worse.state.final
    assert not is_parked(worse)
