"""Whether one program is better than another, by the values of their runs: one-sided tests. Statistics only.

- With a declared σ of one run the test is z, whose tail is the normal one. Without one it is Welch's t: each
  side's spread is its own, and the degrees of freedom follow from both (Welch 1947, Satterthwaite 1946).
- What it assumes: runs are independent and their noise is about normal. Welch's t leans on that the more, the
  fewer runs there are: below ``ENOUGH`` a side it says so.
- Where a spread is 0 there is no noise to test against, and then there is no p: never 0, never NaN.
- A declared σ that the runs themselves contradict is not believed.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import isfinite, sqrt
from statistics import fmean, stdev

from msgspec import Struct

from evaluator.distributions import normal_tail, student_tail

ENOUGH = 8
"""Runs a side from which on the words of Welch's t need no reservation."""
LEVEL = 0.01
"""p below which something is shown: what public boards of training runs ask for."""
WORDS = ((0.001, "p < .001"), (0.01, "p < .01"))
"""The words of those boards, the stronger first."""
CONTRADICTED = 3.0902
"""Normal quantile of .999: a spread that a declared σ explains only once in a thousand contradicts it."""
TOO_ALIKE = 1e-12
"""Of a mean: a standard error below that is what sums of floating-point numbers leave of none."""


class Relation(StrEnum):
    """What was shown of A beside B."""

    BETTER = "better"
    NOT_BETTER = "not better"
    """Neither the one nor the other was shown."""
    WORSE = "worse"


class Side(Struct, frozen=True, kw_only=True):
    """The runs of one side; values are in the metric's unit."""

    runs: int
    mean: float
    deviation: float | None
    """Sample standard deviation; None of one run or a number that is given."""
    standard_error: float
    """Of the mean, as the test takes it; 0 for a number that is given."""


class Comparison(Struct, frozen=True, kw_only=True):
    """What a test came to. Values are in the metric's unit."""

    relation: Relation
    test: str
    """``z``, ``Welch's t`` or ``Student's t``."""
    a: Side
    b: Side
    gain: float
    """How much better the mean of A is; negative when worse."""
    margin: float
    """By more than so much it had to be better."""
    standard_error: float
    """Of the gain."""
    sigma: float | None
    """Of one run, as declared; None where it was taken from the runs."""
    statistic: float | None
    """Gain beyond the margin in standard errors; None where nothing is tested."""
    freedom: float | None
    """Degrees of freedom of a t that is tested."""
    p: float | None
    """Probability of such a gain or a larger one if A were better by no more than the margin; None where
    nothing is tested: without a spread, or with a σ that is contradicted.
    """
    p_worse: float | None
    """Probability of such a loss or a larger one if A were not worse than B."""
    level: float
    """Below which a p shows something."""
    remark: str = ""
    """What weakens the words, or why there is no p; empty where nothing does."""


def compare(
    a: Sequence[float],
    b: Sequence[float],
    *,
    lower_is_better: bool,
    sigma: float | None = None,
    margin: float = 0.0,
    level: float = LEVEL,
) -> Comparison:
    """Test whether A is better than B by more than ``margin``. a, b: values of their runs. sigma: standard
    deviation of one run of either; None takes it from the runs. level: p that is asked for. Raises ValueError
    for a value that is no number, a σ that is not above 0, and for too few runs: one a side with a σ, two
    without.
    """
    _require(a, b, sigma)
    least = 1 if sigma else 2
    if min(len(a), len(b)) < least:
        raise ValueError(f"needs {least} runs a side {'with' if sigma else 'without'} a declared σ")
    sides = _side(a, sigma), _side(b, sigma)
    freedom = None if sigma else _welch(sides)
    return _tested("Welch's t", sides, lower_is_better, sigma, margin, level, freedom, (a, b))


def compare_with(
    a: Sequence[float],
    value: float,
    *,
    lower_is_better: bool,
    sigma: float | None = None,
    margin: float = 0.0,
    level: float = LEVEL,
) -> Comparison:
    """Test whether A is better than a number that is given, such as a claim, by more than ``margin``; as
    ``compare``, with Student's t.
    """
    _require(a, [value], sigma)
    if len(a) < (1 if sigma else 2):
        raise ValueError(f"needs {1 if sigma else 2} runs {'with' if sigma else 'without'} a declared σ")
    sides = _side(a, sigma), Side(runs=0, mean=value, deviation=None, standard_error=0.0)
    freedom = None if sigma else len(a) - 1.0
    return _tested("Student's t", sides, lower_is_better, sigma, margin, level, freedom, (a,))


def _require(a: Sequence[float], b: Sequence[float], sigma: float | None) -> None:
    if not all(map(isfinite, (*a, *b))):
        raise ValueError("a value is no number")
    if sigma is not None and not (isfinite(sigma) and sigma > 0):
        raise ValueError("σ is not above 0")


def _side(values: Sequence[float], sigma: float | None) -> Side:
    deviation = stdev(values) if len(values) > 1 else None
    noise = sigma if sigma is not None else deviation or 0.0
    return Side(
        runs=len(values),
        mean=fmean(values),
        deviation=deviation,
        standard_error=noise / sqrt(len(values)),
    )


def _welch(sides: tuple[Side, Side]) -> float | None:
    """Degrees of freedom of the difference of two means, not whole; None without any spread."""
    largest = max(side.standard_error for side in sides)
    if not largest:
        return None
    parts = [(side.standard_error / largest) ** 2 for side in sides]  # so that no square is lost to underflow
    return sum(parts) ** 2 / sum(
        part**2 / (side.runs - 1) for part, side in zip(parts, sides, strict=True) if part
    )


def _tested(
    test: str,
    sides: tuple[Side, Side],
    lower_is_better: bool,
    sigma: float | None,
    margin: float,
    level: float,
    freedom: float | None,
    runs: Sequence[Sequence[float]],
) -> Comparison:
    a, b = sides
    gain = b.mean - a.mean if lower_is_better else a.mean - b.mean
    error = sqrt(a.standard_error**2 + b.standard_error**2)
    spread = error > TOO_ALIKE * max(abs(a.mean), abs(b.mean))
    contradicted = sigma is not None and _contradicts(sigma, runs)
    sound = spread and not contradicted
    t, worse = ((gain - margin) / error, -gain / error) if sound else (None, None)
    p, p_worse = _tail(t, freedom), _tail(worse, freedom)
    return Comparison(
        relation=_relation(p, p_worse, level),
        test="z" if sigma is not None else test,
        a=a,
        b=b,
        gain=gain,
        margin=margin,
        standard_error=error,
        sigma=sigma,
        statistic=t,
        freedom=freedom if sound else None,
        p=p,
        p_worse=p_worse,
        level=level,
        remark=_remark(spread, contradicted, sigma, gain, runs),
    )


def _relation(p: float | None, p_worse: float | None, level: float) -> Relation:
    if p is not None and p < level:
        return Relation.BETTER
    return Relation.WORSE if p_worse is not None and p_worse < level else Relation.NOT_BETTER


def _remark(
    spread: bool, contradicted: bool, sigma: float | None, gain: float, runs: Sequence[Sequence[float]]
) -> str:
    if contradicted and sigma is not None:
        return (
            f"the runs of a side spread by {pooled_deviation(runs):.2g}, which a σ of {sigma:.2g} does not"
            " explain: it is not believed"
        )
    if not spread and gain == 0:
        return "every run of both sides gave the same value: no difference, and no noise to test it against"
    if not spread:
        return (
            "the runs of a side all gave the same value: seeds change nothing here, or the runs are not"
            " independent; without a spread or a declared σ nothing is tested"
        )
    few = min(map(len, runs))
    if sigma is None and few < ENOUGH:
        return f"{few} runs a side, fewer than {ENOUGH}: the p leans on noise that is exactly normal"
    return ""


def pooled_deviation(runs: Sequence[Sequence[float]]) -> float:
    """Standard deviation of one run about the mean of its own side; 0 where no side has two runs."""
    freedom = sum(len(values) - 1 for values in runs)
    squares = sum((len(values) - 1) * stdev(values) ** 2 for values in runs if len(values) > 1)
    return sqrt(squares / freedom) if freedom else 0.0


def _contradicts(sigma: float, runs: Sequence[Sequence[float]]) -> bool:
    """Whether runs spread more than a σ explains once in a thousand: their variance is a χ² of it, whose
    quantile is that of Wilson and Hilferty (1931).
    """
    freedom = sum(len(values) - 1 for values in runs)
    if not freedom:
        return False
    part = 2 / (9 * freedom)
    return (pooled_deviation(runs) / sigma) ** 2 > (1 - part + CONTRADICTED * sqrt(part)) ** 3


def _tail(statistic: float | None, freedom: float | None) -> float | None:
    if statistic is None:
        return None
    return normal_tail(statistic) if freedom is None else student_tail(statistic, freedom)


def p_in_words(p: float | None) -> str:
    """``p < .001``, ``p < .01``, ``p = .034``, or ``no p``."""
    if p is None:
        return "no p"
    return next((words for limit, words in WORDS if p < limit), f"p = {f'{p:.3f}'.lstrip('0')}")
