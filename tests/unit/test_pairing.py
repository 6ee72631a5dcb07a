"""Seeds that do the same to every program: whether they do is measured, and only then taken off."""

import random
from math import sqrt

import pytest

from coordinator.domain import Purpose
from coordinator.state.divisions import Division
from coordinator.state.noise import noise_of
from coordinator.state.records import Experiment, Run
from deploy.simulate.effect_model import shaped_model
from deploy.simulate.engine import Engine
from deploy.simulate.measuring import Conditions
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot
from evaluator.policies.noise import pooled
from evaluator.policies.pairing import LEAST_FREEDOM, Pair, Pairing, lower_bound, paired
from evaluator.policies.trunk import Trunk
from evaluator.result import Measured, Outcome, RunResult
from tests.unit.swarm_of_rules import Swarm, rules
from tests.unit.test_campaign_properties import play

SIGMA = 0.001


def drawn_pools(draw: random.Random, correlation: float, programs: int, runs: int) -> list[list[Pair]]:
    """Programs of other values, whose runs share seeds with the baseline."""
    pools = []
    for _ in range(programs):
        effect = draw.gauss(0.0, 10.0)
        seeds = [draw.gauss(0.0, 1.0) for _ in range(runs)]
        rest = sqrt(1 - correlation**2)
        pools.append([(one, effect + correlation * one + rest * draw.gauss(0.0, 1.0)) for one in seeds])
    return pools


def test_a_correlation_within_programs_is_found_whatever_they_are_worth() -> None:
    pairing = paired(drawn_pools(random.Random(1), 0.95, programs=40, runs=4))
    assert pairing is not None
    assert pairing.holds
    assert pairing.freedom == 120
    assert pairing.correlation == pytest.approx(0.95, abs=0.03)
    assert pairing.slope == pytest.approx(0.95, abs=0.06)
    assert pairing.sigma == pytest.approx(sqrt(1 - 0.95**2), rel=0.2)


@pytest.mark.parametrize("correlation", [0.0, 0.08, 0.4])
def test_a_weak_one_is_hardly_ever_taken_for_one(correlation: float) -> None:
    draw = random.Random(7)
    pairings = [paired(drawn_pools(draw, correlation, programs=3, runs=3)) for _ in range(1000)]
    share = sum(pairing is not None and pairing.holds for pairing in pairings) / 1000
    assert share < 0.01


def test_little_says_nothing() -> None:
    assert paired([[(0.0, 1.0), (1.0, 2.0)]]) is None
    assert paired([[(0.0, 1.0)] * 9]) is None, "no seed differs"
    assert paired([[(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 1.0)]]) is None, "no value does"
    assert lower_bound(1.0, LEAST_FREEDOM) == 1.0
    assert lower_bound(0.985, LEAST_FREEDOM) > 0.5 > lower_bound(0.975, LEAST_FREEDOM)


def played(correlation: float, seed: int, runs: int = 200) -> Engine:
    scenario = SwarmScenario(
        rules=rules(policy=Trunk(refresh_every=2)),
        model=shaped_model(),
        conditions=Conditions(sigma=SIGMA, correlation=correlation),
        slots=(Slot(),),
        runs=runs,
    )
    engine = Engine(scenario, seed, keep=True)
    engine.play()
    return engine


def division_of(engine: Engine) -> Division:
    (division,) = engine.state.divisions.values()
    return division


def test_where_seeds_are_alike_they_are_taken_off_and_noise_is_less() -> None:
    engine = played(0.98, seed=3)
    pairing, division = division_of(engine).pairing, division_of(engine)
    assert pairing is not None
    assert pairing.holds
    assert division.sigma == pairing.sigma < SIGMA / 2
    taken = [run for run in engine.state.runs.values() if run.seed_offset]
    assert len(taken) > 20
    assert all(run.seed in division.seeds for run in taken)


def test_where_they_are_not_nothing_is_taken_off() -> None:
    for seed in range(4):
        engine = played(0.08, seed)
        assert not any(run.seed_offset for run in engine.state.runs.values())


def test_no_program_runs_twice_on_a_seed_and_a_baseline_never_on_one_of_its_own_again() -> None:
    refreshed = 0
    for correlation in (0.0, 0.98):
        engine = played(correlation, seed=5)
        for experiment in engine.state.experiments.values():
            seeds = [run.seed for run in experiment.runs]
            assert len(seeds) == len(set(seeds))
            refreshed += sum(run.purpose is Purpose.REFRESH for run in experiment.runs)
    assert refreshed > 0


class BySeed(Swarm):
    """A seed does nearly the same to every program."""

    def measure(self, run: str) -> Outcome:
        of = self.state.runs[run]
        program = of.experiment
        effect = 0.0 if program.startswith("baseline") else random.Random(program).gauss(0.0, 0.05)
        alike = random.Random(f"seed {of.seed}").gauss(0.0, 0.006)
        return Measured(1.0 + effect + alike + random.Random(f"{program}:{of.seed}").gauss(0.0, 0.0004))


@pytest.mark.parametrize("lookahead", [0, 4])
@pytest.mark.parametrize("seed", range(5))
def test_a_replayed_journal_has_the_same_pairing_and_takes_the_same_off(seed: int, lookahead: int) -> None:
    swarm = BySeed(rules(policy=Trunk(still=3, steps=3, first_z=1.0), lookahead=lookahead, seed=seed))
    play(swarm, random.Random(seed), 400, agents=2)
    pairing = swarm.state.divisions["cpu"].pairing
    assert pairing is not None
    assert pairing.holds
    assert any(run.seed_offset for run in swarm.state.runs.values())
    assert swarm.replayed() == swarm.state


PARTS = {1: 0.012, 2: -0.02, 3: 0.011, 4: -0.003}
"""What each seed of the baseline is worth."""


def repeated(follows: bool, confirms: int, unpaired: int = 0) -> tuple[Division, Experiment]:
    """A step with a screen and fresh runs, in a division whose seeds are taken off. follows: its values go by
    its seeds; else it sets one of its own. unpaired: fresh runs on other seeds.
    """
    division = Division(name="cpu", baseline="b", pools={"b/0": list(PARTS.values())})
    division.seeds = {seed: (part,) for seed, part in PARTS.items()}
    pairing = Pairing(correlation=0.99, freedom=9, slope=1.0, sigma=0.001, holds=True)
    division.pairings = [(0, pairing)]
    step = Experiment(
        experiment="e", ordinal=1, division="cpu", arm="a", agent="a", parent="p", commit="c", digest="d",
        title="t", stepped=True,
    )  # fmt: skip
    for number, seed in enumerate([*list(PARTS)[: confirms + 1], *range(10, 10 + unpaired)]):
        part = PARTS.get(seed, 0.0)
        run = Run(
            run=f"e.{number}", experiment="e", purpose=Purpose.CONFIRM if number else Purpose.SCREEN,
            seed=seed, round=1, seed_offset=part,
        )  # fmt: skip
        value = 0.9 + 1e-4 * number + (part if follows else 0.0)
        run.result = RunResult(run=run.run, outcome=Measured(value), seed=seed)
        step.runs.append(run)
    return division, step


def test_a_program_that_goes_by_its_seed_is_measured_as_surely_as_paired_runs_are() -> None:
    assert noise_of(*repeated(follows=True, confirms=3)).sigma == 0.001


@pytest.mark.parametrize(("follows", "confirms", "unpaired"), [(False, 3, 0), (True, 2, 0), (True, 2, 1)])
def test_one_that_does_not_or_has_not_shown_it_is_less_sure_than_without_pairs(
    follows: bool, confirms: int, unpaired: int
) -> None:
    division, step = repeated(follows, confirms, unpaired)
    plain = pooled([list(PARTS.values())])
    assert plain is not None
    assert noise_of(division, step).sigma > plain.sigma / 2 > 5 * 0.001
