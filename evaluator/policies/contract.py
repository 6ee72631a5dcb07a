"""What every policy answers, and the shapes of its answers: statistics only, no states.

- Works on *gains*: how much better each run of a variant was than what it is compared with, positive is
  better. So it knows no metric and no direction.
- Gains and noise are in the metric's unit; noise is σ of one run.
- Whoever needs to know what a merge takes asks the policy: verdicts, and leases for the judge's audit.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Choice(StrEnum):
    """What the statistics advise."""

    MERGE = "merge"
    REJECT = "reject"
    CONFIRM = "confirm"
    STEP = "step"
    """The trunk goes on from it; whether that is better will be found out for several steps together."""


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


class Policy(Protocol):
    """One rule of what is better."""

    @property
    def refresh_every(self) -> int:
        """Experiments of a division that end without moving its heads, after which its best is run once more;
        0 means never.
        """
        ...

    @property
    def refresh_to(self) -> int:
        """Runs of the best up to which that is done."""
        ...

    def decide(self, gains: Sequence[float], best_runs: int, noise: float, freedom: int = 0) -> Decision:
        """What to do with a variant after ``gains`` of its runs, against something whose mean rests on
        ``best_runs`` runs. freedom: degrees of freedom that the noise was estimated with; 0 where it is
        given.
        """
        ...

    def screen_bar(self, best_runs: int, noise: float) -> float:
        """A screen run that gains no more than this leads nowhere. Never above 0, so that whatever is better
        than the best is looked at.
        """
        ...

    def runs_wanted(self, runs: int = 0) -> int:
        """How many runs a merge needs at least beyond ``runs`` that it may rest on; 0 or less when it has
        enough.
        """
        ...

    def after_screen(self, left_out: int) -> "Policy":
        """The policy for gains without so many runs that only chose the variant."""
        ...


def in_words(gain: float, error: float, runs: int, needed: str) -> str:
    """``better by 0.0020 = 2.1 standard errors over 3 runs; more than 2 needed``."""
    word = "better" if gain > 0 else "worse"
    count = f" {abs(gain) / error:.1f} standard errors" if error > 0 else ""
    return (
        f"{word} by {abs(gain):.4f}{' =' if count else ''}{count} over {runs} run{'s' if runs > 1 else ''};"
        f" {needed}"
    )
