import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget, Unit, nominal_seconds
from evaluator.judging.messages import Counted
from evaluator.judging.metering.meter import MAX_ACCUMULATED, ClockMeter, CountMeter, meter
from evaluator.judging.metering.step_cost import (
    FEED_STEPS,
    LATE_COUNTED_STEPS,
    LATE_STEPS,
    PACE_EXCESS,
    PACE_SLACK,
    StepCost,
    exceeds_cores,
    exceeds_pace,
    largest_step,
    overrun,
)
from evaluator.judging.run_end import RunEndedError


def counted(flops: int, tokens: int) -> Counted:
    return Counted(flops=flops, ops=0, bytes_written=0, tokens=tokens)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_clock_runs_from_the_first_batch_handed_out() -> None:
    clock = Clock()
    seconds = ClockMeter(clock)
    clock.now += 50
    seconds.tell(0, None)
    seconds.hand_out(8)
    clock.now += 3
    seconds.tell(1, None)
    assert seconds.spent == 3


def test_uncharged_steps_do_not_run_the_clock() -> None:
    clock = Clock()
    seconds = ClockMeter(clock, uncharged_steps=2)
    for step in range(4):
        seconds.tell(step, None)
        seconds.hand_out(8)
        clock.now += 10
    seconds.tell(4, None)
    assert seconds.spent == 20


def test_a_count_charges_what_was_handed_out_before_it() -> None:
    work = CountMeter(Unit.FLOPS)
    for news in (None, None, counted(flops=300, tokens=10)):
        work.tell(0, news)
        work.hand_out(10)
    assert work.spent == 600  # two batches are done with, the third is in the variant's hands
    work.tell(3, None)
    assert work.spent == 900


def test_a_later_count_prices_only_what_comes_after() -> None:
    work = CountMeter(Unit.FLOPS)
    for news in (None, counted(flops=300, tokens=10), counted(flops=500, tokens=10), None):
        work.tell(0, news)
        work.hand_out(10)
    assert work.spent == 300 + 500 + 500


def test_larger_batches_cost_more_before_they_are_counted_again() -> None:
    work = CountMeter(Unit.FLOPS)
    work.tell(0, counted(flops=300, tokens=10))
    work.hand_out(20)
    work.tell(1, None)
    assert work.spent == 600


def test_virtual_seconds_price_operations_and_bytes_too() -> None:
    work = CountMeter(Unit.VIRTUAL_SECONDS)
    work.hand_out(1)
    work.tell(1, Counted(flops=10**9, ops=1000, bytes_written=10**9, tokens=1))
    assert work.spent == pytest.approx((7.12 + 1.60 + 171) / 1e3)


def test_the_unit_chooses_the_meter() -> None:
    assert isinstance(meter(Budget(Unit.SECONDS, 1, 9), Clock()), ClockMeter)
    assert isinstance(meter(Budget(Unit.FLOPS, 1, 9), Clock()), CountMeter)


def ticking(seconds: ClockMeter, clock: Clock, steps: list[int]) -> float:
    """What is spent when each batch takes a second and ``steps`` are told before each."""
    for reported in steps:
        seconds.tell(reported, None)
        seconds.hand_out(8)
        clock.now += 1
    seconds.tell(steps[-1], None)
    return seconds.spent


def test_uncharged_batches_follow_from_the_steps_seen_so_far() -> None:
    """Four batches a step, and then no more steps are told: two uncharged steps are eight batches, and the
    ninth begins the clock.
    """
    clock = Clock()
    assert (
        ticking(ClockMeter(clock, uncharged_steps=3), clock, [0, 0, 0, 0, 1, 1, 1, 1, 2] + 11 * [2])
        == 20 - 13
    )


@given(st.lists(st.integers(0, 9)))
def test_steps_that_a_variant_takes_back_stop_no_clock(steps: list[int]) -> None:
    clock = Clock()
    meter = ClockMeter(clock, uncharged_steps=100)
    for count in [5, 3, 5, *steps]:
        meter.hand_out(10)
        meter.tell(count, None)
    assert meter.spent == 0.0


def test_a_variant_that_tells_no_steps_is_charged_all_the_same() -> None:
    clock = Clock()
    assert ticking(ClockMeter(clock, uncharged_steps=2), clock, 100 * [0]) == 100 - 2 * MAX_ACCUMULATED - 1


@pytest.mark.parametrize(("allowance", "charged"), [(None, 0.0), (4.0, 4.0), (7.0, 0.0)])
def test_warm_up_beyond_one_and_a_half_times_the_baseline_s_is_charged(
    allowance: float | None, charged: float
) -> None:
    clock = Clock()
    seconds = ClockMeter(clock, 1, BaselineFacts(warmup_seconds=allowance))
    clock.now += 10
    seconds.tell(1, None)
    seconds.hand_out(8)
    seconds.tell(1, None)
    assert (seconds.warmup, seconds.spent) == (10.0, charged)


def test_a_run_that_takes_far_longer_than_its_count_explains_exceeds_its_pace() -> None:
    counted = Budget(Unit.VIRTUAL_SECONDS, 10.0, 99)
    assert not exceeds_pace(counted, 1e6, None)
    assert not exceeds_pace(counted, PACE_EXCESS * 20 + PACE_SLACK, 2.0)
    assert exceeds_pace(counted, PACE_EXCESS * 20 + PACE_SLACK + 0.1, 2.0)
    assert not exceeds_pace(Budget(Unit.SECONDS, 10.0, 99), 1e6, 2.0)


def test_warm_up_ends_with_four_and_a_half_times_the_baseline_s_tokens() -> None:
    clock = Clock()
    seconds = ClockMeter(clock, uncharged_steps=10, baseline=BaselineFacts(warmup_tokens=12))
    for step in range(8):
        seconds.tell(step, None)
        seconds.hand_out(16)
        clock.now += 1
    seconds.tell(8, None)
    assert (seconds.warmup, seconds.warmup_tokens, seconds.spent) == (3.0, 48, 5.0)


def test_a_count_that_costs_nothing_breaks_the_contract() -> None:
    with pytest.raises(RunEndedError, match="costs no flops"):
        CountMeter(Unit.FLOPS).tell(1, Counted(flops=0, ops=10, bytes_written=10, tokens=1))


def test_one_long_stall_is_not_what_a_step_costs() -> None:
    """A clock, a hundred equal steps, then one that takes a third of the budget."""
    budget, cost = Budget(Unit.SECONDS, 100.0, 999), StepCost()
    for step in range(1, 101):
        cost.tell(0.7 * step, step)
    cost.tell(70 + 33.0, 101)
    assert cost.value < 1.1
    assert not overrun(budget, 70 + 33.0, cost.value, FEED_STEPS)
    assert overrun(budget, 70 + 33.0 + 33.0, cost.value, LATE_STEPS)


@pytest.mark.parametrize(
    ("budget", "baseline", "largest"),
    [
        (Budget(Unit.SECONDS, 100.0, 999), BaselineFacts(), 5.0),
        (Budget(Unit.SECONDS, 100.0, 999), BaselineFacts(step_seconds=0.1), 0.5),
        (Budget(Unit.SECONDS, 100.0, 999), BaselineFacts(step_seconds=2.0, step_price=50.0), 2.5),
        (Budget(Unit.FLOPS, 1000.0, 999), BaselineFacts(), math.inf),
        (Budget(Unit.FLOPS, 1000.0, 999), BaselineFacts(step_price=20.0), 25.0),
        (Budget(Unit.FLOPS, 1000.0, 999), BaselineFacts(step_price=2.0, step_seconds=50.0), 5.0),
    ],
)
def test_what_counts_as_one_step_has_an_upper_bound(
    budget: Budget, baseline: BaselineFacts, largest: float
) -> None:
    assert largest_step(budget, baseline) == largest


@pytest.mark.parametrize(
    ("real", "cores", "baseline", "exceeds"),
    [(190.0, 1, 10.0, False), (191.0, 1, 10.0, True), (96.0, 2, 10.0, True), (1e6, 8, None, False)],
)
def test_real_time_on_all_cores_is_bounded_where_nothing_counts_cpu(
    real: float, cores: int, baseline: float | None, exceeds: bool
) -> None:
    assert exceeds_cores(real, cores, baseline) is exceeds


BUDGET = Budget(Unit.FLOPS, 1000.0, 9)


@given(st.integers(1, 2000), st.booleans())
def test_a_loop_that_stops_by_its_clock_is_never_refused(step: int, late: bool) -> None:
    """Equal steps. ``late``: it asks for a batch before it looks at the clock, which therefore does not show
    the last step.
    """
    cost, spent, steps = StepCost(), 0, 0
    while spent - late * step < BUDGET.amount:
        assert not overrun(BUDGET, spent, cost.value, FEED_STEPS)
        steps, spent = steps + 1, spent + step
        cost.tell(spent, steps)
    assert not overrun(BUDGET, spent, cost.value, LATE_COUNTED_STEPS)


@given(st.integers(1, 400), st.integers(1, 8))
def test_a_loop_whose_steps_grow_is_never_refused(step: int, factor: int) -> None:
    cost, spent, steps = StepCost(), 0, 0
    while spent < BUDGET.amount:
        assert not overrun(BUDGET, spent, cost.value, FEED_STEPS)
        steps, spent = steps + 1, spent + (step if spent < BUDGET.amount / 2 else factor * step)
        cost.tell(spent, steps)
    assert not overrun(BUDGET, spent, cost.value, LATE_COUNTED_STEPS)


@given(st.integers(1, 400))
def test_batches_end_within_two_per_cent_and_two_steps(step: int) -> None:
    cost, spent, steps = StepCost(), 0, 0
    while not overrun(BUDGET, spent, cost.value, FEED_STEPS):
        steps, spent = steps + 1, spent + step
        cost.tell(spent, steps)
    assert BUDGET.amount < spent <= 1020 + 2 * step


def test_batches_stand_for_steps_until_an_optimizer_is_seen() -> None:
    cost = StepCost()
    for batches in range(1, 5):
        cost.tell(10 * batches, batches)
    assert cost.value == 10
    cost.tell(50, 1)
    assert cost.value == 50


def test_nominal_seconds_are_seconds_of_the_reference_core() -> None:
    assert nominal_seconds(Unit.FLOPS, 4e11) == pytest.approx(2.848)
    assert nominal_seconds(Unit.VIRTUAL_SECONDS, 12) == 12
    assert nominal_seconds(Unit.SECONDS, 300) == 300


def test_work_of_many_small_operations_is_priced_by_what_dispatching_costs() -> None:
    usual = Counted(flops=1_000_000_000, ops=1_000, bytes_written=1_000_000, tokens=100)
    baseline = CountMeter(Unit.FLOPS)
    baseline.hand_out(100)
    baseline.tell(1, usual)
    facts = BaselineFacts(second_price=baseline.second_price)
    for ops, times in ((1_000, 1.0), (500, 1.0), (100_000, pytest.approx(18.9, rel=0.05))):
        meter = CountMeter(Unit.FLOPS, facts)
        meter.hand_out(100)
        meter.tell(1, Counted(flops=1_000_000_000, ops=ops, bytes_written=1_000_000, tokens=100))
        assert meter.spent / 1e9 == times
