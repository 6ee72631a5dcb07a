"""One-sided tests of better: tails by printed tables and an integral, directions, what has no spread."""

from collections.abc import Callable
from itertools import pairwise
from math import atan, cos, exp, isfinite, lgamma, pi, sqrt, tan
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.distributions import normal_tail, student_tail
from evaluator.significance import (
    ENOUGH,
    Comparison,
    Relation,
    compare,
    compare_with,
    p_in_words,
    pooled_deviation,
)

TABLE = {  # upper critical values, as in any printed table of Student's t
    1: {0.25: 1.000, 0.10: 3.078, 0.05: 6.314, 0.025: 12.706, 0.01: 31.821, 0.005: 63.657, 0.001: 318.31},
    2: {0.10: 1.886, 0.05: 2.920, 0.025: 4.303, 0.01: 6.965, 0.005: 9.925, 0.001: 22.327},
    5: {0.10: 1.476, 0.05: 2.015, 0.025: 2.571, 0.01: 3.365, 0.005: 4.032, 0.001: 5.893},
    10: {0.10: 1.372, 0.05: 1.812, 0.025: 2.228, 0.01: 2.764, 0.005: 3.169, 0.001: 4.144},
    14: {0.10: 1.345, 0.05: 1.761, 0.025: 2.145, 0.01: 2.624, 0.005: 2.977, 0.001: 3.787},
    30: {0.10: 1.310, 0.05: 1.697, 0.025: 2.042, 0.01: 2.457, 0.005: 2.750, 0.001: 3.385},
    120: {0.10: 1.289, 0.05: 1.658, 0.025: 1.980, 0.01: 2.358, 0.005: 2.617, 0.001: 3.160},
}
NORMAL = {0.10: 1.2816, 0.05: 1.6449, 0.025: 1.9600, 0.01: 2.3263, 0.005: 2.5758, 0.001: 3.0902}


@pytest.mark.parametrize("freedom", TABLE)
def test_the_tail_of_t_is_that_of_the_printed_table(freedom: int) -> None:
    for p, critical in TABLE[freedom].items():
        assert student_tail(critical, freedom) == pytest.approx(p, rel=2e-3)


def test_the_tail_of_the_normal_distribution_is_that_of_the_printed_table() -> None:
    for p, critical in NORMAL.items():
        assert normal_tail(critical) == pytest.approx(p, rel=2e-4)
        assert student_tail(critical, 1e9) == pytest.approx(p, rel=2e-4)


def simpson(f: Callable[[float], float], low: float, high: float, steps: int = 4000) -> float:
    width = (high - low) / steps
    inner = sum(f(low + i * width) * (4 if i % 2 else 2) for i in range(1, steps))
    return (f(low) + inner + f(high)) * width / 3


@pytest.mark.parametrize("freedom", [0.7, 1.0, 1.6, 2.5, 7.3, 14.0, 41.9])
@pytest.mark.parametrize("t", [-2.5, -0.1, 0.0, 0.3, 1.0, 2.7, 6.0, 25.0])
def test_the_tail_of_t_is_the_integral_of_its_density(t: float, freedom: float) -> None:
    """Over an angle, x = sqrt(ν) tan θ, on which nothing is infinite."""
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(pi)

    def density(angle: float) -> float:
        height: float = scale * max(cos(angle), 0.0) ** (freedom - 1)
        return height

    low, most = atan(t / sqrt(freedom)), pi / 2
    if freedom < 1:  # the end is a peak: up to a point from which the tail is that of a power
        most = pi / 2 - 1e-9
        beyond = scale * 1e-9**freedom / freedom
        pieces = [pi / 2 - 10.0**-k for k in range(10) if pi / 2 - 10.0**-k > low]
    else:
        beyond, pieces = 0.0, []
    edges = [low, *[edge for edge in pieces if edge < most], most]
    integral = sum(simpson(density, a, b) for a, b in pairwise(edges)) + beyond
    assert student_tail(t, freedom) == pytest.approx(integral, rel=1e-6)
    assert tan(low) * sqrt(freedom) == pytest.approx(t)


@given(st.floats(-1e6, 1e6), st.floats(0.5, 500))
def test_a_tail_is_a_probability_and_both_sides_make_one(t: float, freedom: float) -> None:
    tail = student_tail(t, freedom)
    assert 0 <= tail <= 1
    assert tail + student_tail(-t, freedom) == pytest.approx(1)
    assert student_tail(t + 1, freedom) <= tail


@pytest.mark.parametrize("t", [1e200, float("inf")])
def test_far_out_the_tail_is_none(t: float) -> None:
    assert student_tail(t, 3.0) == 0
    assert student_tail(-t, 3.0) == 1


A = [0.9721, 0.9718, 0.9730, 0.9709, 0.9725, 0.9715, 0.9722, 0.9719]
B = [0.9741, 0.9752, 0.9739, 0.9748, 0.9744, 0.9737, 0.9755, 0.9740]


def test_welchs_t_is_that_of_the_textbook() -> None:
    result = compare(A, B, lower_is_better=True)
    va, vb = stdev(A) ** 2 / 8, stdev(B) ** 2 / 8
    assert result.gain == pytest.approx(fmean(B) - fmean(A))
    assert result.statistic == pytest.approx((fmean(B) - fmean(A)) / sqrt(va + vb))
    assert result.freedom == pytest.approx((va + vb) ** 2 / (va**2 / 7 + vb**2 / 7))
    assert (result.relation, result.test, result.remark) == (Relation.BETTER, "Welch's t", "")
    assert result.p is not None
    assert result.p < 0.001
    assert p_in_words(result.p) == "p < .001"


def test_a_published_example_comes_out() -> None:
    """Student's sleep data (1908), of which R's documentation of ``t.test`` prints the test: t = -1.8608,
    df = 17.776, two-sided p = .07939.
    """
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    result = compare(first, second, lower_is_better=True)
    assert result.statistic == pytest.approx(1.8608, abs=5e-5)
    assert result.freedom == pytest.approx(17.776, abs=5e-4)
    assert result.p == pytest.approx(0.07939 / 2, abs=5e-6)


@given(
    st.lists(st.floats(-10, 10), min_size=2, max_size=9),
    st.lists(st.floats(-10, 10), min_size=2, max_size=9),
    st.sampled_from([None, 0.01, 3.0]),
)
def test_directions_are_mirrors_and_nothing_is_nan(
    a: list[float], b: list[float], sigma: float | None
) -> None:
    low = compare(a, b, lower_is_better=True, sigma=sigma)
    high = compare([-v for v in a], [-v for v in b], lower_is_better=False, sigma=sigma)
    assert (low.relation, low.p, low.gain) == (high.relation, high.p, high.gain)
    back = compare(b, a, lower_is_better=True, sigma=sigma)
    assert low.p == pytest.approx(back.p_worse)
    assert {low.relation, back.relation} in (
        {Relation.BETTER, Relation.WORSE},
        {Relation.NOT_BETTER},
    )
    numbers = (low.p, low.p_worse, low.statistic, low.freedom, low.gain, low.standard_error)
    assert all(number is None or isfinite(number) for number in numbers)


def test_a_declared_sigma_makes_a_z() -> None:
    result = compare([1.0], [1.002], lower_is_better=True, sigma=0.0005)
    assert result.statistic == pytest.approx(0.002 / (0.0005 * sqrt(2)))
    assert (result.test, result.freedom, result.sigma) == ("z", None, 0.0005)
    assert result.p == pytest.approx(0.00234, abs=1e-5)
    assert (result.relation, p_in_words(result.p)) == (Relation.BETTER, "p < .01")


def test_a_declared_sigma_that_the_runs_contradict_is_not_believed() -> None:
    honest = compare(A, B, lower_is_better=True, sigma=0.0007)
    assert (honest.relation, honest.remark) == (Relation.BETTER, "")
    rosy = compare(A, B, lower_is_better=True, sigma=0.0002)
    assert (rosy.relation, rosy.p, rosy.p_worse) == (Relation.NOT_BETTER, None, None)
    assert "is not believed" in rosy.remark


def test_a_sound_sigma_is_contradicted_once_in_a_thousand() -> None:
    draw = Random(5)
    wrong = sum(
        "believed" in compare(*sides, lower_is_better=True, sigma=1.0).remark
        for _ in range(4000)
        if (sides := [[draw.gauss(0, 1) for _ in range(4)] for _ in range(2)])
    )
    assert wrong <= 14  # 4 expected; more than 14 once in 20,000 times


def test_equal_programs_are_called_better_as_often_as_the_level_says() -> None:
    draw, level, times = Random(3), 0.05, 4000
    hits = sum(
        compare(
            [draw.gauss(0, 1) for _ in range(8)],
            [draw.gauss(0, 2) for _ in range(8)],
            lower_is_better=True,
            level=level,
        ).relation
        is Relation.BETTER
        for _ in range(times)
    )
    assert hits / times == pytest.approx(level, abs=4 * sqrt(level * (1 - level) / times))


def few(values: int) -> Comparison:
    return compare(A[:values], B[:values], lower_is_better=True)


@pytest.mark.parametrize("runs", [2, 5, ENOUGH - 1])
def test_few_runs_work_and_say_so(runs: int) -> None:
    assert f"{runs} runs a side, fewer than 8" in few(runs).remark
    assert few(ENOUGH).remark == ""


def test_no_spread_is_no_p() -> None:
    equal = compare([1.5, 1.5], [1.5, 1.5], lower_is_better=True)
    assert (equal.relation, equal.p, equal.statistic) == (Relation.NOT_BETTER, None, None)
    assert "gave the same value: no difference" in equal.remark
    apart = compare([0.1 + 0.2, 0.3], [1.5, 1.5], lower_is_better=True)
    assert (apart.relation, apart.p) == (Relation.NOT_BETTER, None)
    assert "seeds change nothing here" in apart.remark
    assert p_in_words(None) == "no p"
    declared = compare([1.4, 1.4], [1.5, 1.5], lower_is_better=True, sigma=0.01)
    assert declared.relation is Relation.BETTER


def test_one_side_without_spread_leaves_the_freedom_of_the_other() -> None:
    result = compare(A, [0.98] * 8, lower_is_better=True)
    assert result.freedom == pytest.approx(7)
    assert result.relation is Relation.BETTER


def test_better_by_more_than_a_margin() -> None:
    assert compare(A, B, lower_is_better=True, margin=0.001).relation is Relation.BETTER
    beyond = compare(A, B, lower_is_better=True, margin=0.005)
    assert beyond.relation is Relation.NOT_BETTER
    assert beyond.p is not None
    assert beyond.p > 0.99


def test_a_claim_is_a_number_without_noise() -> None:
    kept = compare_with(A, 0.9720, lower_is_better=True)
    assert (kept.relation, kept.test, kept.freedom, kept.b.runs) == (Relation.NOT_BETTER, "Student's t", 7, 0)
    assert compare_with(A, 0.9650, lower_is_better=True).relation is Relation.WORSE
    assert compare_with(A, 0.9650, lower_is_better=False).relation is Relation.BETTER
    assert compare_with(A[:1], 0.9750, lower_is_better=True, sigma=0.0005).relation is Relation.BETTER
    assert "2 runs a side" in compare_with(A[:2], 0.9650, lower_is_better=True).remark


@pytest.mark.parametrize(("a", "b", "sigma"), [
    ([1.0], [2.0, 3.0], None),
    ([], [2.0], 1.0),
    ([1.0, float("nan")], [2.0, 3.0], None),
    ([1.0, 2.0], [2.0, float("inf")], None),
    ([1.0, 2.0], [2.0, 3.0], 0.0),
    ([1.0, 2.0], [2.0, 3.0], -1.0),
    ([1.0, 2.0], [2.0, 3.0], float("nan")),
])  # fmt: skip
def test_what_cannot_be_tested_is_refused(a: list[float], b: list[float], sigma: float | None) -> None:
    with pytest.raises(ValueError):
        compare(a, b, lower_is_better=True, sigma=sigma)


def test_p_is_said_as_public_boards_say_it() -> None:
    words = [p_in_words(p) for p in (0.0, 0.00099, 0.001, 0.0099, 0.01, 0.034, 0.5, 1.0)]
    assert words == [
        "p < .001",
        "p < .001",
        "p < .01",
        "p < .01",
        "p = .010",
        "p = .034",
        "p = .500",
        "p = 1.000",
    ]


def test_the_pooled_spread_is_about_the_mean_of_each_side() -> None:
    assert pooled_deviation([[1.0, 3.0], [11.0, 13.0]]) == pytest.approx(sqrt(2))
    assert pooled_deviation([[1.0], [9.0]]) == 0
