"""Upper tails of the normal distribution and of Student's t, whose degrees of freedom need not be whole."""

from math import erfc, exp, inf, isfinite, lgamma, log, log1p, sqrt

STEPS = 10_000
"""Terms of a continued fraction at most; some dozens do."""
PRECISION = 1e-15
"""Of its value, relative."""
SMALLEST = 1e-300
"""Takes the place of a denominator of 0."""
LARGEST = 1e150
"""Beyond it the square of a t is no number any more."""


def normal_tail(z: float) -> float:
    """Probability that a standard normal variable is larger than ``z``."""
    return 0.5 * erfc(z / sqrt(2))


def student_tail(t: float, freedom: float) -> float:
    """Probability that Student's t with ``freedom`` degrees, whole or not, is larger than ``t``: half the
    regularised incomplete beta function of (ν/2, ½) at ν/(ν + t²), Abramowitz and Stegun 26.7.1. Raises
    ValueError for degrees that are not above 0.
    """
    if not freedom > 0:
        raise ValueError("degrees of freedom are above 0")
    ratio = (abs(t) / sqrt(freedom)) ** 2 if abs(t) < LARGEST else inf
    tail = 0.5 * _beta(freedom / 2, 0.5, 1 / (1 + ratio), ratio / (1 + ratio) if isfinite(ratio) else 1.0)
    return tail if t >= 0 else 1 - tail


def _beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b). rest: 1 - x, kept exact where x is close to 1.

    By the continued fraction of DLMF 8.17.22, which converges quickly for x below (a+1)/(a+b+2); else by
    I_x(a, b) = 1 - I_{1-x}(b, a), DLMF 8.17.4.
    """
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    if x >= (a + 1) / (a + b + 2):
        return 1 - _beta_by_fraction(b, a, rest, x)
    return _beta_by_fraction(a, b, x, rest)


def _beta_by_fraction(a: float, b: float, x: float, rest: float) -> float:
    tiny_rest = log1p(-x) if x < 0.5 else log(rest)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * tiny_rest) / a
    return front / _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    """1 + d₁/(1 + d₂/(1 + …)), from the front, by Lentz's method as Thompson and Barnett (1986) give it."""
    value = numerator = 1.0
    denominator = 0.0
    for step in range(1, STEPS):
        half = step // 2
        if step % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        denominator = 1 / _away_from_zero(1 + term * denominator)
        numerator = _away_from_zero(1 + term / numerator)
        value *= numerator * denominator
        if abs(numerator * denominator - 1) < PRECISION:
            break
    return value


def _away_from_zero(number: float) -> float:
    return number if abs(number) > SMALLEST else SMALLEST
