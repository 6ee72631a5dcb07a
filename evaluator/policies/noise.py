"""Noise of runs, as policies reckon with it."""

from collections.abc import Sequence
from math import sqrt
from statistics import stdev


def sigma(values: Sequence[float]) -> float:
    """Sample standard deviation of runs of unchanged code. Raises ValueError below two values."""
    if len(values) < 2:
        raise ValueError("σ needs at least two runs")
    return stdev(values)


def standard_error(noise: float, runs: int, best_runs: int) -> float:
    """Of the difference of two means of independent runs with the same σ: σ·sqrt(1/n + 1/m)."""
    return noise * sqrt(1 / runs + 1 / best_runs)
