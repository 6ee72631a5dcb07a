"""When a variant counts as better: statistics only, no states.

- Works on *gains*: how much better each run of the variant was than the mean of the best, positive is better.
  So it knows no metric and no direction.
- The rule of this version: one screen run; when it looks better, confirm runs on other seeds; merge when the
  mean gain exceeds z standard errors.
- Whoever needs to know what a merge takes asks the ``Policy``: verdicts, and leases for the judge's audit. A
  richer one answers the same three questions, and its knobs are read from ``acceptance`` in the configuration
  by the names of its fields.
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


class Decision(Struct, frozen=True, kw_only=True):
    """What the statistics say of a variant, and why."""

    choice: Choice
    gain: float
    """Mean, in the metric's unit."""
    standard_error: float
    """Of that gain, in the same unit."""
    reason: str
    """For people."""
    more: int = 0
    """Runs that a CONFIRM asks for."""


class Policy(Struct, frozen=True):
    """One rule of what is better. Gains and noise are in the metric's unit; noise is σ of one run."""

    confirm_runs: int = 1
    """Runs a merge needs besides the screen."""
    z: float = 2.0
    """Standard errors a merge needs."""
    screen_z: float = 0.0
    """Standard errors a screen needs to go on."""

    def decide(self, gains: Sequence[float], best_runs: int, noise: float) -> Decision:
        """What to do with a variant after ``gains`` of its runs, against a best whose mean rests on
        ``best_runs`` runs.
        """
        mean, error = fmean(gains), standard_error(noise, len(gains), best_runs)
        screening = len(gains) <= self.confirm_runs
        needed = self.screen_z if screening else self.z
        passed = mean > needed * error
        return Decision(
            choice=Choice.REJECT if not passed else Choice.CONFIRM if screening else Choice.MERGE,
            gain=mean,
            standard_error=error,
            reason=_reason(mean, error, len(gains), needed),
            more=self.confirm_runs if passed and screening else 0,
        )

    def screen_bar(self, best_runs: int, noise: float) -> float:
        """A screen run that gains no more than this leads nowhere. Never above 0, so that whatever is better
        than the best is looked at.
        """
        return min(0.0, self.screen_z) * standard_error(noise, 1, best_runs)

    def runs_wanted(self, runs: int = 0) -> int:
        """How many runs a merge needs beyond ``runs`` that it may rest on; 0 or less when it has enough."""
        return self.confirm_runs + 1 - runs


def sigma(values: Sequence[float]) -> float:
    """Sample standard deviation of runs of unchanged code. Raises ValueError below two values."""
    if len(values) < 2:
        raise ValueError("σ needs at least two runs")
    return stdev(values)


def standard_error(noise: float, runs: int, best_runs: int) -> float:
    """Of the difference of two means of independent runs with the same σ: σ·sqrt(1/n + 1/m)."""
    return noise * sqrt(1 / runs + 1 / best_runs)


def _reason(mean: float, error: float, runs: int, needed: float) -> str:
    word = "better" if mean > 0 else "worse"
    count = f" {abs(mean) / error:.1f} standard errors" if error > 0 else ""
    return (
        f"{word} by {abs(mean):.4f}{' =' if count else ''}{count} over {runs} run{'s' if runs > 1 else ''};"
        f" more than {needed:g} needed"
    )
