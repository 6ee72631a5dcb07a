"""What a simplification has to show: not that it is better, but that it is not worse by more than a margin.

With n fresh runs beside a best of m runs the gain is known with a standard error of σ·sqrt(1/n + 1/m); the
lower bound of the gain, z of these below its mean, has to lie above −margin·σ. One that changes nothing
passes with the probability Φ(margin/sqrt(1/n + 1/m) − z): .64 with a margin of 1 σ, 8 runs of either and z
1.645; one that is worse by the margin in one of twenty, and a little more often as it is looked at before.
"""

from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from evaluator.policies.contract import Choice, Decision, in_words
from evaluator.policies.noise import standard_error
from evaluator.policies.several_runs import Bars, looked_at

FIRST = 4
"""Runs that are made at once, before the first look."""
BARS = Bars(early=2.5, last=1.645, drop=0.0)
"""Standard errors beyond the margin: before the last run, at the last (one-sided .05), and to give it up."""


class NonInferior(Struct, frozen=True, kw_only=True):
    """Meets ``Policy``."""

    margin: float
    """σ that it may be worse by."""
    runs: int = 8
    """Most fresh runs."""
    refresh_every: int = 0
    refresh_to: int = 0

    def decide(
        self,
        gains: Sequence[float],
        best_runs: int,
        noise: float,
        freedom: int = 0,  # noqa: ARG002 - its bars are knobs, tried with an estimated σ
    ) -> Decision:
        """See ``Policy.decide``."""
        allowed = self.margin * noise
        decision = looked_at([gain + allowed for gain in gains], best_runs, noise, self.runs, BARS, FIRST)
        mean, error, left = fmean(gains), standard_error(noise, len(gains), best_runs), self.runs - len(gains)
        word = {Choice.MERGE: "is excluded", Choice.REJECT: "is not excluded"}.get(decision.choice, "is open")
        return replace(
            decision,
            gain=mean,
            reason=in_words(mean, error, len(gains), f"a loss of {self.margin:g} σ {word}"),
            more=min(FIRST, max(1, left)) if decision.choice is Choice.CONFIRM else 0,
        )

    def screen_bar(self, best_runs: int, noise: float) -> float:  # noqa: ARG002 - depends on one of them
        """See ``Policy.screen_bar``."""
        return -self.margin * noise

    def runs_wanted(self, runs: int = 0) -> int:
        """See ``Policy.runs_wanted``."""
        return FIRST - runs

    def after_screen(self, left_out: int) -> "NonInferior":  # noqa: ARG002 - it has no screen
        """See ``Policy.after_screen``."""
        return self
