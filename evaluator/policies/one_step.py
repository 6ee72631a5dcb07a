"""Policies that decide by a fixed number of runs: ``naive``, ``min_delta``, ``confirm``."""

from collections.abc import Sequence
from statistics import fmean
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from evaluator.policies.contract import Choice, Decision, in_words
from evaluator.policies.noise import standard_error


class OneRun(Struct, frozen=True, tag_field="kind"):
    """Base of policies whose one run decides."""

    refresh_every: int = 0
    refresh_to: int = 0

    @property
    def bar(self) -> float:
        """Gain that is not enough, in the metric's unit."""
        return 0.0

    def decide(
        self,
        gains: Sequence[float],
        best_runs: int,
        noise: float,
        freedom: int = 0,  # noqa: ARG002 - its bars are knobs, tried with an estimated σ
    ) -> Decision:
        """See ``Policy.decide``."""
        mean, error = fmean(gains), standard_error(noise, len(gains), best_runs)
        return Decision(
            choice=Choice.MERGE if mean > self.bar else Choice.REJECT,
            gain=mean,
            standard_error=error,
            reason=in_words(mean, error, len(gains), f"any gain above {self.bar:g} merges"),
        )

    def screen_bar(self, best_runs: int, noise: float) -> float:  # noqa: ARG002 - depends on neither
        """See ``Policy.screen_bar``."""
        return 0.0

    def runs_wanted(self, runs: int = 0) -> int:
        """See ``Policy.runs_wanted``."""
        return 1 - runs

    def after_screen(self, left_out: int) -> Self:  # noqa: ARG002 - one run is asked for in any case
        """See ``Policy.after_screen``."""
        return self


class Naive(OneRun, frozen=True, tag="naive"):
    """Whatever is strictly better merges: what a single loop with a git reset does. Every third to second of
    its merges is no better in truth (docs/decide.md).
    """


class MinDelta(OneRun, frozen=True, tag="min_delta"):
    """A gain that is large enough merges, whatever the noise."""

    min_delta: float = 0.001
    """Gain a merge needs, in the metric's unit."""

    @property
    def bar(self) -> float:
        """See ``OneRun.bar``."""
        return self.min_delta


class Confirm(Struct, frozen=True, tag="confirm", tag_field="kind"):
    """One screen run; when it looks better, confirm runs on other seeds; a merge when the mean gain exceeds z
    standard errors.
    """

    confirm_runs: int = 1
    """Runs a merge needs besides the screen."""
    z: float = 2.0
    """Standard errors a merge needs."""
    screen_z: float = 0.0
    """Standard errors a screen needs to go on."""
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
        mean, error = fmean(gains), standard_error(noise, len(gains), best_runs)
        screening = len(gains) <= self.confirm_runs
        needed = self.screen_z if screening else self.z
        passed = mean > needed * error
        return Decision(
            choice=Choice.REJECT if not passed else Choice.CONFIRM if screening else Choice.MERGE,
            gain=mean,
            standard_error=error,
            reason=in_words(mean, error, len(gains), f"more than {needed:g} needed"),
            more=self.confirm_runs if passed and screening else 0,
        )

    def screen_bar(self, best_runs: int, noise: float) -> float:
        """See ``Policy.screen_bar``."""
        return min(0.0, self.screen_z) * standard_error(noise, 1, best_runs)

    def runs_wanted(self, runs: int = 0) -> int:
        """See ``Policy.runs_wanted``."""
        return self.confirm_runs + 1 - runs

    def after_screen(self, left_out: int) -> Self:
        """See ``Policy.after_screen``."""
        return replace(self, confirm_runs=max(0, self.confirm_runs - left_out))
