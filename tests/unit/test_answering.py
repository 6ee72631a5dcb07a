from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judging.metering.answering import (
    HAND_OVER_RATE,
    HAND_OVER_SECONDS,
    MOST_TIMES,
    SHARE_OF_STEP,
    SLACK,
    SLACK_CPU,
    TIMES,
    Answering,
    Training,
    TwinAnswering,
    live_allowance,
    twin_allowance,
    uncounted_allowance,
)

TOKENS = 1000
"""Of all validation rows."""
BASELINE = Training(cost=100.0, tokens=10_000, evaluation=4.0)
"""A hundredth of a second a training token, four thousandths a validation token."""


class Clock:
    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def answered(own: Training, answers: Sequence[float], baseline: Training | None = BASELINE) -> Answering:
    """Claims in batches that took so many seconds."""
    clock = Clock()
    answering = Answering(clock, live_allowance(own, baseline, TOKENS, SLACK_CPU))
    for taken in answers:
        clock.now += taken
        answering.answered(TOKENS // len(answers))
    return answering


def test_the_baselines_own_evaluation_is_covered() -> None:
    assert answered(BASELINE, 8 * [0.5]).excess == 0


def test_half_as_much_again_is_covered_and_what_goes_beyond_is_charged() -> None:
    slack = SLACK * BASELINE.cost + SLACK_CPU
    assert answered(BASELINE, 8 * [(TIMES * 4 + slack) / 8]).excess == pytest.approx(0)
    over = answered(BASELINE, 8 * [(TIMES * 4 + slack + 10) / 8])
    assert over.excess == pytest.approx(10)
    assert over.excess_share == pytest.approx(0.1)


@given(st.floats(1.0, MOST_TIMES), st.floats(0.0, 1.0))
def test_a_larger_model_may_take_as_much_longer_as_its_training_does(times: float, used: float) -> None:
    own = Training(100.0, int(10_000 / times))
    assert answered(own, 8 * [times * used * TIMES * 4 / 8]).excess_share < 0.001


@given(st.floats(0.001, MOST_TIMES), st.floats(0.0, 1.0))
def test_a_forward_of_half_a_step_is_covered(times: float, used: float) -> None:
    own = Training(100.0 * times, 10_000)
    assert answered(own, 8 * [used * SHARE_OF_STEP * times * 0.01 * TOKENS / 8]).excess == 0


def test_few_tokens_and_much_work_on_each_buy_no_long_evaluation() -> None:
    own = Training(100.0, 10)
    assert answered(own, 8 * [1000.0]).excess > 7900


def test_training_that_hides_in_the_first_answer_is_charged() -> None:
    slack = SLACK * BASELINE.cost + SLACK_CPU
    hiding = answered(Training(100.0, 1000), [20.0, *7 * [0.5]])
    assert hiding.excess == pytest.approx(20.0 - 2 * 0.5 - slack)
    assert hiding.largest_answer == 20.0


def test_one_answer_has_no_middle_but_a_sum() -> None:
    assert answered(BASELINE, [4.0]).excess == 0
    assert answered(BASELINE, [40.0]).excess > 30


def test_without_a_baseline_its_own_training_is_the_measure() -> None:
    own = Training(100.0, 10_000)
    assert answered(own, 8 * [10.0 / 8], baseline=None).excess == 0
    assert answered(own, 8 * [10.0], baseline=None).excess > 50


def test_a_model_that_was_never_trained_has_nothing_to_pay_with() -> None:
    assert answered(Training(0.0, 0), 8 * [1.0], baseline=None).excess_share == 0


@pytest.mark.parametrize(("seconds", "charged"), [(0.2, 0.0), (2.2, 0.0), (12.2, 10.0)])
def test_a_hand_over_is_free_for_as_long_as_its_bytes_take(seconds: float, charged: float) -> None:
    clock = Clock()
    answering = Answering(clock, live_allowance(BASELINE, BASELINE, TOKENS, SLACK_CPU))
    clock.now += seconds
    answering.handed_over(int(2 * HAND_OVER_RATE))
    assert HAND_OVER_SECONDS == 0.2
    assert answering.excess == pytest.approx(charged)


def test_a_twin_may_take_twice_what_the_claims_took_per_token() -> None:
    live = live_allowance(BASELINE, BASELINE, TOKENS, SLACK_CPU)
    clock = Clock()
    twin = TwinAnswering(lambda: Answering(clock, twin_allowance(live, used=40.0, tokens=TOKENS)))
    assert twin.used is None
    clock.now += 100.0
    twin.given()
    twin.loaded(0)
    for _ in range(4):
        clock.now += 40.0
        assert not twin.uses_too_much(TOKENS // 2)
    clock.now += 13.0
    assert twin.uses_too_much(1)
    assert twin.used == pytest.approx(173.0)


@pytest.mark.parametrize(("beyond", "late"), [(-0.1, False), (0.1, True)])
def test_what_a_twin_does_before_it_says_that_it_holds_its_weights_is_bounded_too(
    beyond: float, late: bool
) -> None:
    allowance = twin_allowance(live_allowance(BASELINE, BASELINE, TOKENS, SLACK_CPU), 4.0, TOKENS)
    clock = Clock()
    twin = TwinAnswering(lambda: Answering(clock, allowance))
    twin.given()
    clock.now += allowance.slack + 3.0 + beyond
    twin.loaded(int(3.0 * HAND_OVER_RATE))
    assert twin.uses_too_much(1) == late
    assert twin.used == 0.0


def test_where_nothing_counts_cpu_only_a_multiple_is_too_much() -> None:
    clock = Clock()
    answering = Answering(clock, uncounted_allowance(Training(1.0, 1000)))
    clock.now += 29.0
    answering.handed_over(0)
    clock.now += 40.0
    answering.answered(1000)
    assert answering.excess == 0
    clock.now += 40.0
    answering.answered(1000)
    assert answering.excess > 0
