"""Policies that ask for one run after the other until it is clear: ``sequential``, ``race``, ``strict``.

Only fresh runs decide; the screen chose the variant and is too good by luck.
"""

from collections.abc import Sequence
from statistics import NormalDist, fmean
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from evaluator.policies.contract import Choice, Decision, in_words
from evaluator.policies.noise import Noise, standard_error


class Bars(Struct, frozen=True):
    """In standard errors of the mean of the fresh runs."""

    early: float
    """A merge before the last run."""
    last: float
    """A merge at the last."""
    drop: float
    """Not more than this is dropped."""


class OneByOne(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of policies that look after every fresh run."""

    runs: int = 4
    """Most fresh runs of a variant."""
    refresh_every: int = 20
    refresh_to: int = 12
    screens: int = 1
    """Runs among the gains, the first, that only chose the variant."""

    @property
    def bars(self) -> Bars:
        """For fresh runs."""
        raise NotImplementedError

    def bars_for(self, noise: Noise) -> Bars:  # noqa: ARG002 - they are knobs, tried with an estimated σ
        """The same where σ is known so well."""
        return self.bars

    @property
    def screened_at(self) -> float:
        """Standard errors a screen needs to go on."""
        return 0.0

    def decide(self, gains: Sequence[float], best_runs: int, noise: float, freedom: int = 0) -> Decision:
        """See ``Policy.decide``."""
        fresh = gains[self.screens :]
        if not fresh:
            return _screened(gains, best_runs, noise, self.screened_at)
        return looked_at(fresh, best_runs, noise, self.runs, self.bars_for(Noise(noise, freedom)))

    def screen_bar(self, best_runs: int, noise: float) -> float:
        """See ``Policy.screen_bar``."""
        return min(0.0, self.screened_at) * standard_error(noise, 1, best_runs)

    def runs_wanted(self, runs: int = 0) -> int:
        """See ``Policy.runs_wanted``."""
        return self.screens + 1 - runs

    def after_screen(self, left_out: int) -> Self:
        """See ``Policy.after_screen``."""
        return replace(self, screens=max(0, self.screens - left_out))


class Sequential(OneByOne, frozen=True, kw_only=True, tag="sequential"):
    """A merge as soon as the mean of the fresh runs exceeds z standard errors, dropped as soon as it is no
    better.
    """

    z: float = 2.0
    """Standard errors a merge needs, at every look."""
    screen_z: float = 0.0
    """Standard errors a screen needs to go on."""

    @property
    def bars(self) -> Bars:
        """See ``OneByOne.bars``."""
        return Bars(early=self.z, last=self.z, drop=0.0)

    @property
    def screened_at(self) -> float:
        """See ``OneByOne.screened_at``."""
        return self.screen_z


class Race(OneByOne, frozen=True, kw_only=True, tag="race"):
    """A screen that has to be clearly better, few fresh runs, a low bar at the last of them, and a best that
    is run again.
    """

    early_z: float = 2.3
    """Standard errors of a merge before the last run."""
    z: float = 1.0
    """Standard errors of a merge at the last."""
    screen_z: float = 0.5
    """Standard errors a screen needs to go on."""

    @property
    def bars(self) -> Bars:
        """See ``OneByOne.bars``."""
        return Bars(early=self.early_z, last=self.z, drop=0.0)

    @property
    def screened_at(self) -> float:
        """See ``OneByOne.screened_at``."""
        return self.screen_z


class Strict(OneByOne, frozen=True, kw_only=True, tag="strict"):
    """For whoever wants few false merges above all. A variant that is no better merges with a probability of
    at most ``alpha``, however often it is looked at: each look spends an equal part of it (Bonferroni's
    bound, which holds whatever depends on what).
    """

    runs: int = 8
    alpha: float = 0.001
    """Probability that a variant merges that is no better."""
    drop_z: float = -0.5
    """Standard errors at which a variant is given up."""

    @property
    def bars(self) -> Bars:
        """See ``OneByOne.bars``."""
        z = NormalDist().inv_cdf(1 - self.alpha / self.runs)
        return Bars(early=z, last=z, drop=self.drop_z)

    def bars_for(self, noise: Noise) -> Bars:
        """Those of Student's t where σ is an estimate: what is stated of ``alpha`` holds for these alone."""
        bars = self.bars
        return replace(bars, early=noise.bar(bars.early), last=noise.bar(bars.last))


def _screened(gains: Sequence[float], best_runs: int, noise: float, needed: float) -> Decision:
    mean, error = fmean(gains), standard_error(noise, len(gains), best_runs)
    passed = mean > needed * error
    return Decision(
        choice=Choice.CONFIRM if passed else Choice.REJECT,
        gain=mean,
        standard_error=error,
        reason=in_words(mean, error, len(gains), f"more than {needed:g} needed"),
        more=int(passed),
    )


def looked_at(
    fresh: Sequence[float], best_runs: int, noise: float, most: int, bars: Bars, least: int = 1
) -> Decision:
    """A look at fresh runs, the ``most``-th of which is the last. least: runs before any is dropped."""
    mean, error, count = fmean(fresh), standard_error(noise, len(fresh), best_runs), len(fresh)
    last = count >= most
    needed = bars.last if last else bars.early
    if mean > needed * error:
        choice = Choice.MERGE
    elif last or (count >= least and mean <= bars.drop * error):
        choice = Choice.REJECT
    else:
        choice = Choice.CONFIRM
    return Decision(
        choice=choice,
        gain=mean,
        standard_error=error,
        reason=in_words(mean, error, count, f"more than {needed:.3g} needed"),
        more=int(choice is Choice.CONFIRM),
    )
