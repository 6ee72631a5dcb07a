"""What came of a question: runs, the comparison, and in a word what was shown. Values only.

The same values are ``record.json`` in a record's folder and in a package. What is good for a claim and what
speaks against it are of one form, and nothing is left out of either.
"""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from deploy.cli.comparisons.question import Plan
from evaluator.result import Audit, CpuSeconds, Seconds
from evaluator.significance import Comparison

SCHEMA: Literal[1] = 1


class Shown(StrEnum):
    """What a record shows of its program."""

    BETTER = "better"
    NOT_BETTER = "not better"
    WORSE = "worse"
    CHEATED = "cheated"
    NOT_BELIEVED = "not believed"
    """It was measured, and its audits do not vouch for the values."""
    NOT_MEASURED = "not measured"
    REFUSED = "refused"
    """By its text: it cost no run."""

    @property
    def measured(self) -> bool:
        """Whether the runs came to values, whatever these are worth."""
        return self not in (Shown.CHEATED, Shown.NOT_MEASURED, Shown.REFUSED)


class RunMade(Struct, frozen=True, kw_only=True):
    """One run. Times are seconds since the epoch."""

    run: str
    which: str
    seed: int
    outcome: str
    value: float | None
    """In the metric's unit; None where it was not measured."""
    reason: str
    """Why there is none; empty where there is one."""
    seconds: Seconds
    cpu: CpuSeconds | None
    spent: float
    """Of the budget, in its unit."""
    sandbox: str
    audit: Audit | None
    started_at: float
    finished_at: float


class ClaimCheck(Struct, frozen=True, kw_only=True):
    """A claim beside what was measured here. Gains are in the metric's unit."""

    claimed: float | None
    """Gain; None where nothing can be compared."""
    measured: float | None
    p_less: float | None
    """Probability of so small a gain, or a smaller one, if the claim were true; None without a test."""
    holds: bool | None
    """None where nothing can be said."""
    reason: str
    """In words."""


class Conclusion(Struct, frozen=True, kw_only=True):
    """What the runs show."""

    shown: Shown
    certified: bool
    """Better, on rows that no search saw, by values that a strict audit vouches for."""
    reason: str
    """Why it is not better, or not certified; empty where nothing is missing."""
    comparison: Comparison | None
    """None where a run gave no value."""
    marks: str
    """What is open about where it was measured, in words."""
    remarks: tuple[str, ...] = ()
    """What to know of it."""
    claim: ClaimCheck | None = None
    """Of the package that was verified."""


class Record(Struct, frozen=True, kw_only=True):
    """``record.json``."""

    schema: Literal[1]
    plan: Plan
    runs: tuple[RunMade, ...]
    """In the order they were made in."""
    conclusion: Conclusion
    finished_at: float
    """Seconds since the epoch."""
    files: dict[str, str] = {}
    """In a package: SHA-256, in hex, of every file but this one, by its path."""
