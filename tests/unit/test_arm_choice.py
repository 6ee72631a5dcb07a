"""Whose turn it is: shares by weight, a bandit that finds the better arm, and floors under all of them."""

import random
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.domain import ArmChoice
from coordinator.protocol import Brief
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules.proposing import briefs
from coordinator.rules.proposing.turns.arm_choice import GOLDEN
from coordinator.rules.proposing.turns.bandit import Candidate, choose
from coordinator.rules.seeds import seed_of
from coordinator.state.arm_events import CallSettled
from coordinator.state.tallies.arm_tally import ArmTally
from tests.unit.swarm_of_rules import Swarm, rules
from tests.unit.test_campaign_properties import play

BANDIT = ArmChoice.BANDIT


class Bench:
    """Arms that merge at these rates, gaining 0.003 on the average, played one experiment after the other;
    one that merges costs twice as much.
    """

    def __init__(self, rates: Sequence[float], seed: int, floor: float = 0.05) -> None:
        self.rates = list(rates)
        self.tallies = [ArmTally() for _ in rates]
        self.floor = floor
        self.seed = seed
        self.chosen: list[int] = []
        self._draw = random.Random(seed)

    def play(self, number: int) -> list[int]:
        """The arms chosen."""
        for _ in range(number):
            finished = len(self.chosen)
            recent = [tally.recent.at(finished) for tally in self.tallies]
            arms = [
                Candidate(str(arm), self.floor, each.merges, each.gain, each.hours)
                for arm, each in enumerate(recent)
            ]
            arm = int(choose(arms, finished * GOLDEN % 1, seed_of(self.seed, f"arm:{finished}")))
            merged = self._draw.random() < self.rates[arm]
            self.tallies[arm].finish(
                self._draw.expovariate(1 / 0.003) if merged else 0.0, 0.2 if merged else 0.1, finished + 1
            )
            self.chosen.append(arm)
        return self.chosen[-number:]


def shares(rates: Sequence[float], number: int = 400, campaigns: int = 20) -> list[float]:
    """Mean share of each arm."""
    counts = Counter(arm for seed in range(campaigns) for arm in Bench(rates, seed).play(number))
    return [counts[arm] / (number * campaigns) for arm in range(len(rates))]


def test_a_clearly_better_arm_gets_most_of_the_briefs() -> None:
    better, worse = shares([0.1, 0.02])
    assert better > 0.7
    assert worse > 0.05


def test_among_four_arms_the_best_gets_more_than_twice_as_much_as_any_other() -> None:
    best, *others = shares([0.15, 0.05, 0.05, 0.01])
    assert best > 2 * max(others)


def test_equal_arms_share_evenly() -> None:
    one, other = shares([0.1, 0.1], number=200, campaigns=100)
    assert abs(one - other) < 0.1


def test_nothing_at_all_merging_spreads_the_cost_evenly() -> None:
    assert all(abs(share - 1 / 3) < 0.03 for share in shares([0.0, 0.0, 0.0]))


def test_an_arm_that_was_worse_recovers_when_it_becomes_better() -> None:
    recovered = []
    for seed in range(20):
        bench = Bench([0.1, 0.01], seed)
        assert bench.play(400)[-100:].count(0) > 40
        bench.rates.reverse()
        recovered.append(bench.play(400)[-100:].count(1))
    assert sum(recovered) / len(recovered) > 70


def test_a_worse_arm_keeps_its_floor_in_every_stretch() -> None:
    bench = Bench([0.5, 0.0], seed=1, floor=0.1)
    bench.play(200)
    assert all(bench.play(50).count(1) >= 4 for _ in range(10))


@given(
    arms=st.lists(
        st.tuples(st.integers(0, 50), st.floats(1e-6, 10.0), st.floats(0.0, 1e4)), min_size=1, max_size=6
    ),
    floor=st.floats(0.01, 1 / 6),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=50, deadline=None)
def test_floors_hold_whatever_arms_have_earned_and_equal_questions_get_equal_answers(
    arms: list[tuple[int, float, float]], floor: float, seed: int
) -> None:
    candidates = [
        Candidate(str(name), floor, merges, gain * merges, cost)
        for name, (merges, gain, cost) in enumerate(arms)
    ]

    def answers() -> list[str]:
        return [choose(candidates, turn * GOLDEN % 1, seed_of(seed, str(turn))) for turn in range(300)]

    chosen = answers()
    assert chosen == answers()
    assert all(chosen.count(each.name) >= int(300 * floor) - 3 for each in candidates)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_neither_the_metric_s_unit_nor_the_length_of_a_run_matters(scale: float) -> None:
    arms = [Candidate("a", 0.05, 4, 0.02, 3.0), Candidate("b", 0.05, 1, 0.001, 4.0), Candidate("c", 0.05)]
    scaled = [
        Candidate(each.name, each.floor, each.merges, each.gain * scale, each.cost / scale) for each in arms
    ]
    points = [turn * GOLDEN % 1 for turn in range(200)]
    assert [choose(arms, point, seed) for seed, point in enumerate(points)] == [
        choose(scaled, point, seed) for seed, point in enumerate(points)
    ]


# ---------------------------------------------------------------------- in the rules


def arms_of(swarm: Swarm, number: int) -> list[str]:
    """Arms of that many briefs, as if as many agents thought at once."""
    asked = [briefs.brief(swarm.state, "a0", thinking) for thinking in range(number)]
    return [brief.arm for brief in asked if isinstance(brief, Brief)]


def baseline(**changes: object) -> Swarm:
    swarm = Swarm(rules(ahead=10_000, **changes))
    swarm.join("a0")
    while swarm.state.divisions["cpu"].best is None:
        if run := swarm.lease("a0"):
            swarm.report("a0", run)
    return swarm


def test_weights_give_each_arm_its_share_of_any_stretch_of_briefs() -> None:
    swarm = baseline(arms=[ArmShare("a", 3.0), ArmShare("b", 1.0)])
    arms = arms_of(swarm, 100)
    assert all(13 <= arms[start : start + 20].count("a") <= 17 for start in range(80))


def test_a_control_keeps_the_higher_floor_under_a_bandit() -> None:
    swarm = baseline(arms=[ArmShare("a"), ArmShare("b"), ArmShare("c", control=True)], arm_choice=BANDIT)
    lucky = ArmTally()
    for number in range(1, 60):
        lucky.finish(1.0, 0.01, number)
    poor = [ArmTally(), ArmTally()]
    for each in poor:
        each.finish(0.0, 100.0, 59)
    swarm.state.tallies.update(a=lucky, b=poor[0], c=poor[1])
    counts = Counter(arms_of(swarm, 1000))
    assert counts["b"] == pytest.approx(50, abs=3)
    assert counts["c"] == pytest.approx(100, abs=3)
    assert counts["a"] == pytest.approx(850, abs=6)


def test_a_bandit_s_choice_is_a_function_of_the_state() -> None:
    arms = [ArmShare("a"), ArmShare("b"), ArmShare("c", control=True)]
    swarm = Swarm(rules(arms=arms, arm_choice=BANDIT))
    play(swarm, random.Random(3), 1500, agents=3)
    assert len({experiment.arm for experiment in swarm.state.experiments.values()} - {""}) == 3
    present = next(name for name, agent in swarm.state.agents.items() if agent.present)
    before = [briefs.brief(swarm.state, present, thinking) for thinking in range(3)]
    swarm.state = swarm.replayed()
    assert [briefs.brief(swarm.state, present, thinking) for thinking in range(3)] == before


@pytest.mark.parametrize(("gpu_hour", "unpriced", "share"), [(2.0, 0, 0.9), (0.0, 0, 0.5), (2.0, 1, 0.5)])
def test_a_bandit_counts_dollars_where_they_are_all_known(
    gpu_hour: float, unpriced: int, share: float
) -> None:
    """Two arms with the same gain for the same hours; the calls of the second are dear."""
    swarm = baseline(arms=[ArmShare("cheap"), ArmShare("dear")], arm_choice=BANDIT)
    for name in ("cheap", "dear"):
        tally = swarm.state.tallies.setdefault(name, ArmTally())
        for number in range(1, 41):
            tally.finish(0.01 if number % 2 else 0.0, 0.1, number)
        swarm.state.spend.trained(name, 4 * 3600, 4 * gpu_hour)
    bill = CallSettled(call="c", agent="a0", arm="dear", model="m", ordinal=1, cost_usd=200.0)
    for number in range(1 + unpriced):
        swarm.state.spend.settle(
            msgspec.structs.replace(bill, call=f"c{number}", cost_usd=None if number else 200.0)
        )
    assert arms_of(swarm, 400).count("cheap") / 400 == pytest.approx(share, abs=0.12)


def test_refusals_move_a_bandit_on() -> None:
    """An arm whose answers are all refused must not be asked for ever: no experiment comes of it, so no
    ordinal moves on.
    """
    swarm = baseline(arms=[ArmShare("a"), ArmShare("b")], arm_choice=BANDIT)
    arms = set()
    for refused in range(20):
        swarm.state.refused = refused
        arms |= set(arms_of(swarm, 1))
    assert arms == {"a", "b"}


def test_in_order_a_bandit_is_not_asked() -> None:
    """The configuration is refused; where such rules are in an older journal, weights decide."""
    arms = [ArmShare("a", 3.0), ArmShare("b", 1.0)]
    chosen = [
        [
            each.arm
            for each in played(rules(arms=arms, lookahead=4, arm_choice=choice)).state.experiments.values()
        ]
        for choice in ArmChoice
    ]
    assert chosen[0] == chosen[1]
    assert chosen[0].count("a") > chosen[0].count("b") > 2


def played(wanted: object) -> Swarm:
    swarm = Swarm(wanted)  # type: ignore[arg-type] # rules of any kind
    play(swarm, random.Random(7), 400, agents=2)
    return swarm
