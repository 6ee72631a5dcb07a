"""Whether runs of different programs with the same seed are alike, and what a seed is worth then. Statistics
only.

- The order of the data and the first weights follow from a run's seed. Where programs agree in what seeds do
  to them, comparing runs of the same seeds takes that out of the noise (common random numbers); where they do
  not, it buys nothing and may cost. So it is measured, on what was run more than once.
- A *pair* is what the unmodified surface's value on a seed deviates from its mean, and the value of another
  program on that seed. Only deviations within a program count: its effect is no correlation.
"""

from collections.abc import Iterable, Sequence
from math import atanh, sqrt, tanh
from statistics import fmean

from msgspec import Struct

LEAST_FREEDOM = 4
"""Degrees of freedom below which a correlation says nothing: Fisher's standard error is 1/√(ν − 2)."""
SURE = 2.5
"""Standard errors by which Fisher's z has to be above that of a correlation of ``WORTH``."""
WORTH = 0.5
"""Correlation from which on a difference of paired runs is less noisy than one of others: its variance is
2·(1 − ρ)·σ² instead of 2·σ².
"""

Pair = tuple[float, float]


class Pairing(Struct, frozen=True, kw_only=True):
    """How alike runs of the same seed are in a division."""

    correlation: float
    """Within programs, over all of them, −1 to 1."""
    freedom: int
    """Degrees of freedom it rests on."""
    slope: float
    """Part of a deviation of the unmodified surface that others share, 0 to 1."""
    sigma: float
    """Of one run with that taken off, in the metric's unit."""
    holds: bool
    """Whether it is sure enough to take it off."""


def paired(pools: Iterable[Sequence[Pair]]) -> Pairing | None:
    """The correlation within pools, each of one program: deviations of the unmodified surface and values.
    None where too few programs were run twice, or nothing varies.
    """
    freedom, squares, seeds, products = 0, 0.0, 0.0, 0.0
    for pool in pools:
        if len(pool) < 2:
            continue
        seed, value = fmean(one for one, _ in pool), fmean(one for _, one in pool)
        freedom += len(pool) - 1
        seeds += sum((one - seed) ** 2 for one, _ in pool)
        squares += sum((one - value) ** 2 for _, one in pool)
        products += sum((one - seed) * (other - value) for one, other in pool)
    if freedom < LEAST_FREEDOM or seeds <= 0 or squares <= 0:
        return None
    correlation = max(-1.0, min(1.0, products / sqrt(seeds * squares)))
    slope = max(0.0, min(1.0, products / seeds))
    rest = max(0.0, squares - 2 * slope * products + slope**2 * seeds)
    return Pairing(
        correlation=correlation,
        freedom=freedom,
        slope=slope,
        sigma=sqrt(rest / (freedom - 1)),
        holds=lower_bound(correlation, freedom) > WORTH,
    )


def lower_bound(correlation: float, freedom: int) -> float:
    """Of a correlation with so many degrees of freedom, by Fisher's z (Fisher 1921)."""
    if correlation >= 1:
        return 1.0
    return tanh(atanh(max(-1 + 1e-12, correlation)) - SURE / sqrt(freedom - 2))
