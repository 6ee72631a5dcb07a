"""What an arm earned for its cost: the running sums are those of all its experiments, and intervals cover
what they say.
"""

import random
from statistics import fmean

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.rule_values.prices import MoneyRules
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules.slots import leases
from coordinator.state.arm_events import CallSettled
from coordinator.state.tallies.arm_tally import (
    HALF_LIFE,
    RULE_OF_THREE,
    ArmTally,
    Interval,
    Recent,
    difference,
    gain_per_dollar,
    gain_per_hour,
)
from coordinator.views import arm_report
from deploy.views.arms import arms_page
from evaluator.policies.one_step import Confirm
from evaluator.result import Crashed, CrashKind, Measured
from tests.unit.metered_swarm import played
from tests.unit.swarm_of_rules import Swarm, rules
from tests.unit.test_campaign_properties import play
from tests.unit.test_views import printed

ARMS = [ArmShare("thinker", 2.0), ArmShare("control", 1.0, control=True)]


def tally(outcomes: list[tuple[float, float]]) -> ArmTally:
    """Of experiments with these gains and hours."""
    out = ArmTally()
    for number, (gain, hours) in enumerate(outcomes, start=1):
        out.finish(gain, hours, number)
    return out


@given(seed=st.integers(0, 2**32), steps=st.integers(50, 500))
@settings(max_examples=25, deadline=None)
def test_running_sums_are_those_of_all_finished_experiments(seed: int, steps: int) -> None:
    swarm = Swarm(rules(arms=ARMS))
    play(swarm, random.Random(seed), steps, agents=4)
    finished = [swarm.state.experiments[name] for name in swarm.state.finished if name.startswith("e")]
    assert swarm.replayed() == swarm.state
    for name, sums in swarm.state.tallies.items():
        own = [experiment for experiment in finished if experiment.arm == name]
        assert sums.experiments == len(own)
        assert (
            sums.merges == swarm.state.arms[name]["merged"] == sum(experiment.gain > 0 for experiment in own)
        )
        assert sums.gain == pytest.approx(sum(experiment.gain for experiment in own))
        assert sums.hours == pytest.approx(sum(experiment.hours for experiment in own))
        assert sums.hours_squared == pytest.approx(sum(experiment.hours**2 for experiment in own))
        assert sums.product == pytest.approx(sum(experiment.hours * experiment.gain for experiment in own))
        assert sums.recent.merges <= sums.merges


def test_the_gains_of_all_merges_are_the_way_from_the_baseline_to_the_best() -> None:
    swarm = Swarm(rules(arms=ARMS))
    play(swarm, random.Random(4), 2500, agents=3)
    first, *_, last = swarm.state.divisions["cpu"].history
    assert swarm.state.verdicts["merge"] > 3
    assert sum(sums.gain for sums in swarm.state.tallies.values()) == pytest.approx(first.value - last.value)


def test_a_run_that_comes_in_after_the_verdict_is_paid_for_all_the_same() -> None:
    swarm = Swarm(rules(policy=Confirm(confirm_runs=2)))
    for agent in ("a0", "a1"):
        swarm.join(agent)
    while swarm.state.divisions["cpu"].best is None:
        if run := swarm.lease("a0"):
            swarm.report("a0", run, Measured(1.0 + 0.001 * (swarm.state.runs[run].seed % 7)))
    swarm.think("a0")
    screen = swarm.lease("a0")
    assert screen is not None
    swarm.now += 10
    swarm.report("a0", screen, Measured(0.5))
    confirms = [swarm.lease(agent) for agent in ("a0", "a1")]
    assert confirms[0] is not None
    assert confirms[1] is not None
    swarm.now += 10
    swarm.report("a0", confirms[0], Crashed(CrashKind.EXCEPTION, "boom"))
    assert swarm.state.tallies["search"].hours == pytest.approx(10 / 3600)
    swarm.report("a1", confirms[1], Measured(0.5))
    sums = swarm.state.tallies["search"]
    assert sums.experiments == 1
    assert [sums.hours, sums.hours_squared] == pytest.approx([15 / 3600, (15 / 3600) ** 2])


def test_hours_of_a_lost_lease_are_charged_to_nobody() -> None:
    swarm = Swarm()
    swarm.join("a0")
    while swarm.state.divisions["cpu"].best is None:
        if run := swarm.lease("a0"):
            swarm.report("a0", run)
    experiment = swarm.think("a0")
    assert experiment is not None
    swarm.lease("a0")
    swarm.now += 1000
    swarm.commit_settled(leases.leave(swarm.state, "a0", "gone", charged=True))
    assert swarm.state.experiments[experiment].hours == 0


def test_what_is_refused_for_a_fault_of_its_own_lowers_the_applied_rate() -> None:
    (row,) = arm_report.arms(played().state).arms
    assert row.refused == 1
    assert row.applied_rate == row.proposals / (row.proposals + 1)


def test_old_experiments_count_half_after_a_half_life() -> None:
    assert Recent(8.0, 0.4, 2.0, 10).at(10 + int(HALF_LIFE)) == Recent(4.0, 0.2, 1.0, 10 + int(HALF_LIFE))


def test_the_interval_is_that_of_a_ratio_of_sums() -> None:
    """Against the sum of squares written out."""
    outcomes = [(0.0, 1.0), (0.3, 2.0), (0.0, 1.0), (0.1, 2.5), (0.0, 0.1)]
    ratio = 0.4 / 6.6
    half = 1.645 * (5 / 4 * sum((gain - ratio * hours) ** 2 for gain, hours in outcomes)) ** 0.5 / 6.6
    estimate = gain_per_hour(tally(outcomes), 1.0)
    assert estimate is not None
    assert [estimate.value, estimate.low, estimate.high] == pytest.approx(
        [ratio, ratio - half, ratio + half], rel=0.01
    )


def test_an_interval_ends_at_0_because_no_gain_is_negative() -> None:
    estimate = gain_per_hour(tally([(0.0, 1.0), (0.3, 1.0), (0.0, 1.0)]), 1.0)
    assert estimate is not None
    assert estimate.low == 0.0
    assert estimate.value == pytest.approx(0.1)


@pytest.mark.parametrize(("outcomes", "typical", "wanted"), [
    ([], 1.0, None),
    ([(0.0, 0.0)], 1.0, None),
    ([(0.2, 2.0)], 0.2, Interval(0.1)),
    ([(0.0, 2.0), (0.0, 4.0)], 0.0, Interval(0.0)),
    ([(0.0, 2.0), (0.0, 4.0)], 0.2, Interval(0.0, 0.0, RULE_OF_THREE * 0.2 / 6)),
])  # fmt: skip
def test_too_little_is_said_to_be_too_little(
    outcomes: list[tuple[float, float]], typical: float, wanted: Interval | None
) -> None:
    assert gain_per_hour(tally(outcomes), typical) == wanted


def test_nine_of_ten_intervals_hold_the_truth() -> None:
    """150 experiments of which 15 % merge, each costing twice what another does: the usual approximation is a
    little too narrow, and not more.
    """
    draw = random.Random(1)
    truth = 0.15 * 0.01 / (0.1 * 1.15)
    held = 0
    for _ in range(1000):
        merged = [draw.random() < 0.15 for _ in range(150)]
        estimate = gain_per_hour(
            tally([(draw.expovariate(100), 0.2) if won else (0.0, 0.1) for won in merged]), 0.01
        )
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= truth <= estimate.high
    assert 0.82 < held / 1000 < 0.93


def test_dollars_are_taken_as_they_are() -> None:
    outcomes = tally([(0.0, 1.0), (0.3, 1.0), (0.1, 1.0)])
    assert gain_per_dollar(outcomes, 0.0, 1.0) is None
    estimate = gain_per_dollar(outcomes, 4.0, 1.0)
    assert estimate is not None
    assert estimate.value == pytest.approx(0.1)
    mean = fmean([0.0, 0.3, 0.1])
    half = 1.645 * (3 / 2 * sum((gain - mean) ** 2 for gain in (0.0, 0.3, 0.1))) ** 0.5 / 4
    assert estimate.high == pytest.approx(0.1 + half, rel=1e-3)


@pytest.mark.parametrize(("one", "other", "wanted"), [
    (Interval(3.0, 2.0, 4.0), Interval(1.0, 1.0, 1.0), Interval(2.0, 1.0, 3.0)),
    (Interval(3.0, 2.0, 4.0), Interval(3.0, 2.0, 4.0), Interval(0.0, -(2**0.5), 2**0.5)),
    (Interval(1.0, 0.0, 1.0), Interval(0.0, 0.0, 3.0), Interval(1.0, 1 - 10**0.5, 1.0)),
    (Interval(1.0), Interval(0.0, 0.0, 3.0), Interval(1.0)),
])  # fmt: skip
def test_a_difference_is_as_uncertain_as_both(one: Interval, other: Interval, wanted: Interval) -> None:
    estimate = difference(one, other)
    assert estimate.value == wanted.value
    assert estimate.low == (None if wanted.low is None else pytest.approx(wanted.low))
    assert estimate.high == (None if wanted.high is None else pytest.approx(wanted.high))


def test_every_arm_is_compared_with_every_control_but_itself() -> None:
    arms = [ArmShare("one"), ArmShare("tpe", control=True), ArmShare("many", control=True)]
    swarm = Swarm(rules(arms=arms))
    play(swarm, random.Random(2), 1500, agents=3)
    report = arm_report.arms(swarm.state)
    assert {arm.name: set(arm.versus) for arm in report.arms} == {
        "one": {"tpe", "many"},
        "tpe": {"many"},
        "many": {"tpe"},
    }
    one, tpe, _ = report.arms
    gap = one.versus["tpe"].gain_per_gpu_hour
    assert gap is not None
    assert gap.low is not None
    assert gap.high is not None
    assert one.gain_per_gpu_hour is not None
    assert tpe.gain_per_gpu_hour is not None
    assert gap.value == pytest.approx(one.gain_per_gpu_hour.value - tpe.gain_per_gpu_hour.value)
    assert gap.low < gap.value < gap.high
    assert tpe.versus["many"].gain_per_usd is None
    text = printed(arms_page(report))
    assert "more gain per GPU-hour" in text
    assert "gain in val_bpb" in text
    assert [line.split()[0] for line in text.splitlines() if line.startswith(("one ", "tpe ", "many "))] == [
        *("one", "tpe", "many") * 2,
        *("one", "one", "tpe", "many"),
    ]


def test_dollars_are_those_of_slots_and_calls_and_unpriced_calls_leave_no_rate() -> None:
    swarm = Swarm(rules(arms=ARMS, money=MoneyRules(gpu_hour_usd=3.0)))
    play(swarm, random.Random(2), 1500, agents=3)
    bill = CallSettled(call="c1", agent="a0", arm="thinker", model="m", ordinal=1, cost_usd=5.0)
    swarm.commit([bill, msgspec.structs.replace(bill, call="c2", arm="control", cost_usd=None)])
    thinker, control = arm_report.arms(swarm.state).arms
    assert thinker.usd == pytest.approx(5.0 + swarm.state.spend.by_arm["thinker"].gpu_usd)
    assert thinker.gain_per_usd is not None
    assert thinker.gain_per_usd.value == pytest.approx(thinker.gain / thinker.usd)
    assert control.unpriced == 1
    assert control.gain_per_usd is None
    assert thinker.versus["control"].gain_per_usd is None
    assert "+ 1 unpriced" in printed(arms_page(arm_report.arms(swarm.state)))


def test_the_page_of_a_campaign_that_has_just_begun_is_all_dashes() -> None:
    report = arm_report.arms(Swarm(rules(arms=ARMS)).state)
    assert [(arm.proposals, arm.applied_rate, arm.gain_per_gpu_hour) for arm in report.arms] == [
        (0, None, None)
    ] * 2
    assert "thinker" in printed(arms_page(report))
