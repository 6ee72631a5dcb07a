"""How likely merges are false, as a campaign says it: against sums by hand, and where the truth is known."""

from collections.abc import Sequence
from itertools import product
from math import exp
from statistics import NormalDist

import pytest
from msgspec.structs import replace

from coordinator.views.false_merges import FalseMergesMemory, all_false_merges, false_merges
from deploy.simulate.effect_model import EffectModel, shaped_model
from deploy.simulate.engine import Engine
from deploy.simulate.measuring import Conditions
from deploy.simulate.named_policies import named_policy
from deploy.simulate.played import Played, outcome
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot
from evaluator.false_merges.doubts import LEAST, doubts, no_better
from evaluator.false_merges.effect_shares import CELL, EDGE, PARTS, USUAL, helpful_at_nothing, mixed
from evaluator.false_merges.lineage import Lineage, Program
from tests.unit.swarm_of_rules import RULES

NOTHING = tuple(NormalDist(0, 1).inv_cdf((n + 0.5) / 40) for n in range(40))
"""Runs of forty variants that change nothing."""


def root(variants: Sequence[float] = (), runs: Sequence[float] = (-1.2, -0.4, 0.4, 1.2)) -> Program:
    return Program(parent=None, runs=tuple(runs), variants=tuple(variants))


def child(parent: int, *runs: float, variants: Sequence[float] = ()) -> Program:
    return Program(parent=parent, runs=runs, variants=tuple(variants))


# ---------------------------------------------------------------------- arithmetic


def test_messages_come_to_what_adding_everything_up_does() -> None:
    """A baseline, a step and a step on it, each with runs, the second certified: every value of each of them
    on the lattice, one by one.
    """
    runs = ([0.1, -0.2], [1.4], [1.9, 2.2])
    programs = [root(runs=runs[0]), child(0, *runs[1]), child(1, *runs[2])]
    lineage = Lineage(programs, 1.0)
    lineage.fit(0)
    gains, whole, false = mixed(USUAL, PARTS), 0.0, 0.0

    def measured(cell: int, values: Sequence[float]) -> float:
        return exp(-sum((value - CELL * cell) ** 2 for value in values) / 2)

    for a, b, c in product(range(-9, 10), range(-6, 12), range(-5, 14)):
        here = measured(a, runs[0]) * measured(b, runs[1]) * measured(c, runs[2])
        likely = here * gains[EDGE + b - a] * gains[EDGE + c - b]
        whole, false = whole + likely, false + (likely if c <= a else 0.0)
    assert no_better(lineage, [0, 1, 2]) == pytest.approx(false / whole, rel=0.01)


def test_a_single_merge_is_bayes_theorem() -> None:
    """Null or a gain, one run, a baseline that is known exactly: a sum over the gains."""
    lineage = Lineage([root(runs=[0.0] * 4000), child(0, 2.0)], 1.0)
    lineage.fit(0)
    gains = mixed(USUAL, PARTS)
    likely = [part * exp(-((2.0 - CELL * (n - EDGE)) ** 2) / 2) for n, part in enumerate(gains)]
    nothing = likely[EDGE] * (1 - helpful_at_nothing(USUAL))
    assert no_better(lineage, [0, 1]) == pytest.approx((sum(likely[:EDGE]) + nothing) / sum(likely), rel=0.02)


# ---------------------------------------------------------------------- what it says


def test_a_large_gain_is_not_doubted_and_a_lucky_one_of_many_is() -> None:
    sure = doubts([root(NOTHING), child(0, 8.0)], [(0, 1)], 40)[0]
    lucky = doubts([root(NOTHING), child(0, 2.2)], [(0, 1)], 40)[0]
    assert sure is not None
    assert lucky is not None
    assert sure < 0.01
    assert lucky > 0.4, "the largest of forty that change nothing is about 2.2 σ"


def test_fresh_runs_of_a_merge_settle_it() -> None:
    doubted = [doubts([root(NOTHING), child(0, 2.2, *more)], [(0, 1)], 40)[0] or 0.0 for more in (
        [], [2.0, 2.3, 2.1, 2.2], [0.1, -0.2, 0.0, 0.1])]  # fmt: skip
    assert doubted[1] < 0.1 < doubted[0] < 0.65 < doubted[2]


def test_what_was_made_from_a_merge_measures_it_too() -> None:
    """Its variants are about as good as it was measured, or about as good as its parent."""
    lasting = doubts([root(NOTHING), child(0, 2.2, variants=[v + 2.2 for v in NOTHING])], [(0, 1)], 40)[0]
    gone = doubts([root(NOTHING), child(0, 2.2, variants=NOTHING)], [(0, 1)], 40)[0]
    assert (lasting or 0.0) < 0.1
    assert (gone or 0.0) > 0.8


def test_where_sigma_rests_on_few_runs_a_merge_is_doubted_more() -> None:
    said = [doubts([root(NOTHING[::4]), child(0, 3.0)], [(0, 1)], freedom)[0] or 0.0 for freedom in (3, 100)]
    assert said[0] > 1.3 * said[1]


def test_a_run_on_other_rows_only_says_that_it_was_better() -> None:
    """How much better a screen was is not believed; that it was better makes a null change less likely."""
    plain, chosen = (
        doubts([root(NOTHING), replace(child(0, 1.5, 1.5), chosen=chosen)], [(0, 1)], 40)[0] or 0.0
        for chosen in (False, True)
    )
    assert 0.3 * plain < chosen < plain


def test_what_was_tried_on_an_earlier_program_counts_for_a_step_that_was_not_run_again() -> None:
    said = []
    for gain in (0.5, 6.0):
        stacked = Program(parent=1, runs=(), earlier=((0, gain),))
        programs = [root(NOTHING), child(0, 7.0), stacked]
        said.append(doubts(programs, [(1, 2)], 40)[0] or 0.0)
    assert said[1] < 0.02 < 0.2 < said[0]


def test_odd_values_break_nothing() -> None:
    wild = [1e6, -1e6, 0.0, -300.0, 90.0]
    programs = [root([*NOTHING, *wild]), child(0, 5e5, variants=wild), child(1, -5e5)]
    for probability in doubts(programs, [(0, 1), (0, 2), (1, 2)], 3):
        assert probability is not None
        assert 0 <= probability <= 1


def test_too_few_variants_or_another_line_say_nothing() -> None:
    few = [root(NOTHING[: LEAST - 2]), child(0, 3.0)]
    assert doubts(few, [(0, 1)], 40) == [None]
    beside = [root(NOTHING), child(0, 1.0), child(0, 2.0)]
    assert doubts(beside, [(1, 2)], 40) == [None]


# ---------------------------------------------------------------------- of campaigns


def played(policy: str, seed: int, runs: int = 125, sigma: float = 0.001, model: EffectModel | None = None,
           slots: int = 1) -> Engine:  # fmt: skip
    scenario = SwarmScenario(
        rules=replace(RULES, policy=named_policy(policy, RULES.policy)),
        model=model or shaped_model(),
        conditions=Conditions(sigma=sigma),
        slots=(Slot(),) * slots,
        runs=runs,
    )
    engine = Engine(scenario, seed)
    engine.play()
    return engine


@pytest.mark.parametrize(("policy", "slots"), [
    ("naive", 8), ("confirm", 1), ("race", 8), ("trunk", 1),
])  # fmt: skip
def test_as_many_merges_are_false_as_are_said_to_be(policy: str, slots: int) -> None:
    """Where the truth is known, over some campaigns: at most twice as many, or eight points more; never much
    too few. docs/decide.md has a table.
    """
    ends: list[Played] = [outcome(played(policy, seed, slots=slots)) for seed in range(1, 17)]
    merges = sum(end.merges for end in ends)
    false, said = (sum(getattr(end, name) for end in ends) / merges for name in ("false", "said"))
    assert merges > 16
    assert sum(end.said_of for end in ends) == merges
    assert false - 0.05 < said < max(2 * false, false + 0.08), (false, said)


def test_where_nothing_helps_merges_are_said_to_be_false() -> None:
    ends = [outcome(played("naive", seed, model=shaped_model(real=0.0, null=1.0))) for seed in (1, 2, 3)]
    merges = sum(end.merges for end in ends)
    assert sum(end.false for end in ends) == merges > 5
    assert sum(end.said for end in ends) > 0.75 * merges


def test_every_merge_has_its_own_probability_and_they_add_up() -> None:
    state = played("trunk", 3, runs=300).state
    division = next(iter(state.divisions.values()))
    said = all_false_merges(state)[division.name]
    assert list(said.by_experiment) == [best.experiment for best in division.history[1:]]
    assert said.merges == len(said.by_experiment) > 1
    assert said.expected == pytest.approx(sum(said.by_experiment.values()))


def test_what_cannot_be_said_is_said_as_that() -> None:
    state = played("naive", 1, runs=60).state
    division = next(iter(state.divisions.values()))
    assert false_merges(state, division).unknown == ""
    division.sigma = 0.0
    said = false_merges(state, division)
    assert (said.expected, said.unknown) == (None, "the noise of a run, σ, is not known")
    short = played("naive", 1, runs=9).state
    said = false_merges(short, next(iter(short.divisions.values())))
    assert said.expected is None
    assert said.unknown


def test_the_estimate_of_a_state_that_goes_on_is_made_again_when_that_moves_it() -> None:
    engine = Engine(played("naive", 2, runs=100).scenario, 2)
    memory, made, latest = FalseMergesMemory(), 0, None
    while engine.state.phase.value != "finished":
        engine.step()
        if (now := memory.of(engine.state)) is not latest:
            made, latest = made + 1, now
    division = next(iter(engine.state.divisions.values()))
    assert latest is not None
    assert latest[division.name].merges == len(division.history) - 1 > 3
    assert made < 60
    fresh = all_false_merges(engine.state)[division.name].expected
    assert latest[division.name].expected == pytest.approx(fresh, rel=0.2)
