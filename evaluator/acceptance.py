"""When a variant counts as better: statistics only, no states.

- Works on *gains*: how much better each run of the variant was than the mean of the best, positive is better.
  So it knows no metric and no direction.
- The rule of this version: one screen run; when it looks better, confirm runs on other seeds; merge when the
  mean gain exceeds z standard errors.
- A richer policy replaces ``decide`` behind the same signature.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import sqrt
from statistics import fmean, stdev

from msgspec import Struct


class Choice(StrEnum):
    """What the statistics advise."""

    MERGE = "merge"
    REJECT = "reject"
    CONFIRM = "confirm"


class Policy(Struct, frozen=True):
    """confirm_runs: runs needed besides the screen. z: standard errors a merge needs. screen_z: standard
    errors a screen needs to go on.
    """

    confirm_runs: int = 1
    z: float = 2.0
    screen_z: float = 0.0


class Decision(Struct, frozen=True):
    """gain: mean, in the metric's unit. standard_error: of that gain, in the same unit. reason: for
    people.
    """

    choice: Choice
    gain: float
    standard_error: float
    reason: str


def sigma(values: Sequence[float]) -> float:
    """Sample standard deviation of runs of unchanged code. Raises ValueError below two values."""
    if len(values) < 2:
        raise ValueError("σ needs at least two runs")
    return stdev(values)


def decide(gains: Sequence[float], best_runs: int, noise: float, policy: Policy) -> Decision:
    """What to do with a variant after ``gains`` of its runs, against a best whose mean rests on ``best_runs``
    runs.

    The standard error of the difference of two means of independent runs with the same σ is σ·sqrt(1/n +
    1/m).
    """
    mean, error = fmean(gains), noise * sqrt(1 / len(gains) + 1 / best_runs)
    screening = len(gains) <= policy.confirm_runs
    needed = policy.screen_z if screening else policy.z
    passed = mean > needed * error
    choice = Choice.REJECT if not passed else Choice.CONFIRM if screening else Choice.MERGE
    return Decision(choice, mean, error, _reason(mean, error, len(gains), needed))


def _reason(mean: float, error: float, runs: int, needed: float) -> str:
    word = "better" if mean > 0 else "worse"
    count = f" {abs(mean) / error:.1f} standard errors" if error > 0 else ""
    return (
        f"{word} by {abs(mean):.4f}{' =' if count else ''}{count} over {runs} run{'s' if runs > 1 else ''};"
        f" more than {needed:g} needed"
    )
