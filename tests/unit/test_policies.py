"""Policies: what each of them makes of the same gains."""

import random
import re
from math import sqrt
from statistics import fmean

import msgspec
import pytest

from configs.errors import ConfigError
from coordinator.rule_values.rule_set import Rules
from coordinator.state.encoding import decode, encode
from coordinator.state.events import CampaignStarted
from deploy.simulate.named_policies import named_policy, rules_apart
from evaluator.policies.any_policy import KINDS, AnyPolicy
from evaluator.policies.contract import Choice, Policy
from evaluator.policies.noise import Noise, pooled, quantile
from evaluator.policies.one_step import Confirm, MinDelta, Naive
from evaluator.policies.several_runs import Race, Sequential, Strict
from evaluator.policies.trunk import Trunk
from tests.unit.swarm_of_rules import started

NOISE, MANY = 0.01, 10**9


def choice(policy: Policy, *sigmas: float, best_runs: int = MANY) -> Choice:
    """sigmas: gains, in σ."""
    return policy.decide([NOISE * gain for gain in sigmas], best_runs, NOISE).choice


@pytest.mark.parametrize("kind", KINDS)
def test_every_policy_looks_at_whatever_is_better_than_the_best(kind: str) -> None:
    policy = KINDS[kind]()
    assert policy.screen_bar(4, NOISE) <= 0
    bar = policy.screen_bar(MANY, NOISE) / NOISE
    assert choice(policy, bar - 1e-6) is Choice.REJECT
    assert policy.runs_wanted() >= 1
    assert policy.runs_wanted(9) < policy.runs_wanted()


@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_keeps_a_policy(kind: str) -> None:
    policy = KINDS[kind]()
    assert msgspec.json.decode(msgspec.json.encode(policy), type=AnyPolicy) == policy


def test_a_journal_of_before_names_no_kind() -> None:
    event = started()
    body = encode(event).replace(b'"kind":"confirm",', b"").replace(b',"refresh_every":0,"refresh_to":0', b"")
    assert b'"policy":{"confirm_runs":1,"z":2.0,"screen_z":0.0}' in body
    assert decode(body) == event
    assert isinstance(event, CampaignStarted)
    assert isinstance(event.rules, Rules)


def test_one_run_decides() -> None:
    assert choice(Naive(), 1e-9) is Choice.MERGE
    assert choice(Naive(), 0.0) is Choice.REJECT
    assert choice(MinDelta(min_delta=2 * NOISE), 1.9) is Choice.REJECT
    assert choice(MinDelta(min_delta=2 * NOISE), 2.1) is Choice.MERGE


def test_a_race_drops_early_merges_early_and_has_a_low_bar_at_its_last_run() -> None:
    race = Race(runs=3, early_z=2.3, z=1.0, screen_z=0.5)
    assert choice(race, 0.4) is Choice.REJECT
    assert choice(race, 0.6) is Choice.CONFIRM
    assert choice(race, 9.0, -0.1) is Choice.REJECT, "the screen does not count"
    assert choice(race, 0.6, 2.4) is Choice.MERGE
    assert choice(race, 0.6, 2.2) is Choice.CONFIRM
    assert choice(race, 0.6, 0.5, 0.5, 0.5) is Choice.REJECT
    assert choice(race, 0.6, 0.7, 0.7, 0.7) is Choice.MERGE, "more than 1 / sqrt(3)"
    assert choice(race.after_screen(1), 2.4) is Choice.MERGE, "where rows are fresh, gains have no screen"


def test_sequential_asks_until_it_is_clear() -> None:
    policy = Sequential(runs=4, z=2.0)
    assert choice(policy, 0.1, 0.5) is Choice.CONFIRM
    assert choice(policy, 0.1, 0.5, 0.5, 0.5, 0.5) is Choice.REJECT
    assert choice(policy, 0.1, 1.1, 1.1, 1.1, 1.1) is Choice.MERGE
    assert policy.decide([0.1 * NOISE], MANY, NOISE).more == 1


def test_strict_spends_its_alpha_over_all_looks() -> None:
    policy = Strict(alpha=0.001, runs=8)
    at = policy.bars.early
    assert at == pytest.approx(3.662, abs=0.001), "the quantile of 1 - 0.001 / 8"
    assert choice(policy, 1.0, at - 0.01) is Choice.CONFIRM
    assert choice(policy, 1.0, at + 0.01) is Choice.MERGE
    assert choice(policy, 1.0, *[(at - 0.01) / sqrt(8)] * 8) is Choice.REJECT
    assert choice(Strict(), 1.0, -0.6) is Choice.REJECT


def test_a_trunk_steps_on_one_run_and_is_certified_on_fresh_ones() -> None:
    trunk = Trunk(runs=4, early_z=2.5, z=1.5, drop_z=-0.5)
    assert choice(trunk, 1e-9) is Choice.STEP
    assert choice(trunk, 0.0) is Choice.REJECT

    def certified(*sigmas: float, before: int = 1, freedom: int = 0) -> Choice:
        return trunk.certify([NOISE * gain for gain in sigmas], MANY, Noise(NOISE, freedom), before).choice

    assert certified(2.6) is Choice.MERGE
    assert certified(-9.0) is Choice.CONFIRM, "one run may be bad luck"
    assert certified(-0.4, -0.4) is Choice.REJECT
    assert certified(1.0, 1.0, 1.0) is Choice.CONFIRM
    assert certified(0.74, 0.74, 0.74, 0.74) is Choice.CONFIRM, "it is better, and goes on by single runs"
    assert certified(-0.1, -0.1, -0.1, -0.1) is Choice.REJECT
    assert certified(*[0.52] * 8) is Choice.REJECT, "1.5 / sqrt(8): not clear after twice the runs"
    assert certified(*[0.54] * 7) is Choice.CONFIRM
    assert certified(*[0.54] * 8) is Choice.MERGE
    assert certified(0.76, 0.76, 0.76, 0.76) is Choice.MERGE, "1.5 / sqrt(4)"
    assert certified(2.9, before=0) is Choice.CONFIRM, "the first has to be clearer"
    assert certified(*[1.4] * 4, before=0) is Choice.CONFIRM, "and takes more runs, up to eight"
    assert certified(*[1.05] * 8, before=0) is Choice.REJECT
    assert certified(*[1.07] * 8, before=0) is Choice.MERGE, "3 / sqrt(8)"
    assert certified(3.1, before=0) is Choice.MERGE
    assert certified(3.1, before=0, freedom=3) is Choice.CONFIRM, "a σ of four runs may be too small by luck"
    assert certified(9.3, before=0, freedom=3) is Choice.MERGE


def test_a_bar_for_an_estimated_noise_is_that_of_students_t() -> None:
    assert quantile(1.959964, 10) == pytest.approx(2.2281, abs=1e-4), "tables of t"
    assert quantile(1.644854, 3) == pytest.approx(2.3534, abs=1e-4)
    assert quantile(-1.644854, 3) == pytest.approx(-2.3534, abs=1e-4)
    assert quantile(0.0, 5) == pytest.approx(0.0, abs=1e-9)
    assert Noise(NOISE, 0).bar(2.5) == 2.5 == Noise(NOISE, MANY).bar(2.5)


def test_noise_is_pooled_within_what_was_run_more_than_once() -> None:
    assert pooled([[1.0, 3.0], [5.0], [10.0, 12.0, 14.0]]) == Noise(sqrt((2 + 8) / 3), 3)
    assert pooled([[1.0], []]) is None


@pytest.mark.parametrize(
    ("quiet", "steps", "fresh", "due"),
    [
        (20, 0, 0, False),
        (7, 1, 0, False),
        (8, 1, 0, True),
        (15, 1, 1, False),
        (16, 1, 1, True),
        (0, 10, 3, True),
        (0, 9, 0, False),
    ],
)
def test_a_trunk_is_certified_by_instalments_or_at_once_when_it_is_long(
    quiet: int, steps: int, fresh: int, due: bool
) -> None:
    assert Trunk(still=8, steps=10).is_due(quiet, steps, fresh) is due


def test_the_policy_of_before_decides_as_before() -> None:
    policy = Confirm(confirm_runs=1, z=2.0)
    assert choice(policy, 0.1) is Choice.CONFIRM
    assert choice(policy, 1.5, 1.5) is Choice.MERGE
    assert choice(policy, 1.4, 1.4) is Choice.REJECT
    assert choice(policy.after_screen(1), 2.1) is Choice.MERGE


def test_what_else_can_be_compared_is_written_as_knobs_are() -> None:
    left, changes = rules_apart("trunk:early_stop_at=.4:still=12:combine=true:early_stop_audit=0.2")
    assert left == "trunk:still=12"
    assert changes == {"early_stop_at": 0.4, "combine": True, "early_stop_audit": 0.2}
    for wrong in (
        "trunk:early_stop_at=1",
        "trunk:early_stop_audit=0",
        "trunk:combine=maybe",
        "trunk:early_stop_at",
    ):
        with pytest.raises(ConfigError, match=re.escape(wrong)):
            rules_apart(wrong)


def test_a_policy_to_compare_is_written_with_its_knobs() -> None:
    assert named_policy("trunk:still=12:shrink=.5:drop_z=-.25", Confirm()) == Trunk(
        still=12, shrink=0.5, drop_z=-0.25
    )
    assert named_policy("confirm:z=3", Confirm(confirm_runs=2)) == Confirm(confirm_runs=2, z=3.0)


@pytest.mark.parametrize("freedom", [3, 10, 60])
def test_strict_keeps_its_promise_where_sigma_is_an_estimate(freedom: int) -> None:
    """A variant that is no better merges no more often than ``alpha`` says, however σ was estimated."""
    policy, draw, campaigns = Strict(alpha=0.05, runs=4), random.Random(freedom), 4000
    merged = 0
    for _ in range(campaigns):
        sigma = sqrt(sum(draw.gauss(0, 1) ** 2 for _ in range(freedom)) / freedom)
        best, gains = fmean(draw.gauss(0, 1) for _ in range(4)), [1.0]
        for _ in range(policy.runs):
            gains.append(draw.gauss(0, 1) - best)
            choice = policy.decide(gains, 4, sigma, freedom).choice
            if choice is not Choice.CONFIRM:
                break
        merged += choice is Choice.MERGE
    assert merged / campaigns <= policy.alpha + 2 * sqrt(policy.alpha / campaigns)
