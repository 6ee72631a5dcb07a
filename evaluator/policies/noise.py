"""Noise of runs, as policies reckon with it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import inf, sqrt
from statistics import fmean, stdev

from msgspec import Struct

from evaluator.distributions import normal_tail, student_tail

HALVINGS = 60
"""Of an interval in which a quantile is looked for."""
MANY = 200
"""Degrees of freedom from which on t is normal to three digits."""


class Noise(Struct, frozen=True):
    """σ of one run, in the metric's unit, and how well it is known."""

    sigma: float
    freedom: int
    """Degrees of freedom that its estimate rests on; 0 where it is given."""

    def bar(self, z: float) -> float:
        """Standard errors that are as improbable by luck as z of them would be with a known σ."""
        return quantile(z, self.freedom) if 0 < self.freedom < MANY else z


def pooled(pools: Iterable[Sequence[float]]) -> Noise | None:
    """σ within pools of comparable values, each of one program; None where none has two."""
    several = [values for values in pools if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if not freedom:
        return None
    squares = sum((value - mean) ** 2 for values in several for mean in [fmean(values)] for value in values)
    return Noise(sqrt(squares / freedom), freedom)


@lru_cache(maxsize=4096)
def quantile(z: float, freedom: int) -> float:
    """Of Student's t with so many degrees, above which there is as much as above z of the normal
    distribution: the t-test's bar, for a σ that was estimated (Student 1908).
    """
    tail, low, high = normal_tail(abs(z)), 0.0, 1.0
    while student_tail(high, freedom) > tail and high < inf:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > tail else (low, middle)
    return high if z >= 0 else -high


def sigma(values: Sequence[float]) -> float:
    """Sample standard deviation of runs of unchanged code. Raises ValueError below two values."""
    if len(values) < 2:
        raise ValueError("σ needs at least two runs")
    return stdev(values)


def standard_error(noise: float, runs: int, best_runs: int) -> float:
    """Of the difference of two means of independent runs with the same σ: σ·sqrt(1/n + 1/m)."""
    return noise * sqrt(1 / runs + 1 / best_runs)
