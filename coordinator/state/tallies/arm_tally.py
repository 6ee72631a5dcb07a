"""What an arm earned and what that cost: running sums, and rates with their errors. Pure; constant time per
experiment.

- *Gain* is how much better the arm's merges made the best, in the metric's unit; an experiment that did not
  merge gained 0.
- *Cost* is hours of slots, as their trainers timed the runs, or dollars. What a machine lost is charged to no
  arm.
- An interval covers 90 %. It is a closed form of the sums, so nothing is drawn and the same journal gives the
  same rates everywhere.
"""

from math import sqrt

from msgspec import Struct, field

Z90 = 1.6448536269514722
"""Two-sided 90 % of a normal distribution."""
RULE_OF_THREE = 2.995732273553991
"""-ln .05: after no event in a time T, a rate above this over T would be seen to be wrong 95 times in 100."""
HALF_LIFE = 100.0
"""Finished experiments after which an old one counts half for the choice of arms: a bit more than an hour of
eight GPUs at five minutes a run.
"""


class Interval(Struct, frozen=True):
    """An estimate and its 90 % interval."""

    value: float
    low: float | None = None
    """None where too little is known to give one."""
    high: float | None = None
    """The same."""


class Recent(Struct, frozen=True):
    """Sums in which an experiment counts less the longer ago it ended."""

    merges: float = 0.0
    gain: float = 0.0
    """In the metric's unit."""
    hours: float = 0.0
    as_of: int = 0
    """Experiments of all arms that had finished when these were the sums."""

    def at(self, finished: int) -> "Recent":
        """The same, seen when ``finished`` experiments have ended."""
        left = 0.5 ** ((finished - self.as_of) / HALF_LIFE)
        return Recent(self.merges * left, self.gain * left, self.hours * left, finished)


class ArmTally(Struct):
    """Sums over an arm's finished experiments."""

    experiments: int = 0
    merges: int = 0
    gain: float = 0.0
    """In the metric's unit."""
    hours: float = 0.0
    """Of slots."""
    gain_squared: float = 0.0
    hours_squared: float = 0.0
    product: float = 0.0
    """Of gain and hours, each experiment's own."""
    recent: Recent = field(default_factory=Recent)

    def finish(self, gain: float, hours: float, finished: int) -> None:
        """An experiment has ended; it merged when its gain is positive. finished: how many have by now, of
        all arms.
        """
        self.experiments += 1
        self.merges += gain > 0
        self.gain += gain
        self.gain_squared += gain**2
        self._spend(gain, 0.0, hours)
        was = self.recent.at(finished)
        self.recent = Recent(was.merges + (gain > 0), was.gain + gain, was.hours + hours, finished)

    def amend(self, gain: float, before: float, after: float) -> None:
        """A run of an experiment that has ended came in after all: its hours are ``after``, not
        ``before``.
        """
        self._spend(gain, before, after)
        self.recent = Recent(
            self.recent.merges, self.recent.gain, self.recent.hours + after - before, self.recent.as_of
        )

    def _spend(self, gain: float, before: float, after: float) -> None:
        self.hours += after - before
        self.hours_squared += after**2 - before**2
        self.product += gain * (after - before)


def gain_per_hour(arm: ArmTally, typical: float) -> Interval | None:
    """Gain per hour of slots, in the metric's unit; None without any hours. typical: mean gain of a merge of
    any arm, 0 where there was none.

    The ratio of two sums over the same n experiments, with the usual linear approximation of its variance (W.
    G. Cochran, Sampling Techniques, 3rd ed., section 6.3): n / (n - 1) · Σ(gain - ratio · hours)² / (Σ
    hours)². It wants several merges: of one or two it only says "little is known".
    """
    if arm.hours <= 0:
        return None
    ratio = arm.gain / arm.hours
    residual = arm.gain_squared - 2 * ratio * arm.product + ratio**2 * arm.hours_squared
    return _interval(arm, ratio, max(0.0, residual), arm.hours, typical)


def gain_per_dollar(arm: ArmTally, dollars: float, typical: float) -> Interval | None:
    """Gain per dollar, likewise; None where nothing was spent. The dollars are taken as exact: only the gains
    vary.
    """
    if dollars <= 0:
        return None
    residual = arm.gain_squared - arm.gain**2 / max(1, arm.experiments)
    return _interval(arm, arm.gain / dollars, max(0.0, residual), dollars, typical)


def _interval(arm: ArmTally, ratio: float, residual: float, cost: float, typical: float) -> Interval:
    """Gains are never negative, so neither is the interval. Without a merge it ends at the rate of typical
    ones that would have shown by now.
    """
    if not arm.merges:
        return Interval(ratio, 0.0, RULE_OF_THREE * typical / cost) if typical > 0 else Interval(ratio)
    if arm.experiments < 2:
        return Interval(ratio)
    half = Z90 * sqrt(residual * arm.experiments / (arm.experiments - 1)) / cost
    return Interval(ratio, max(0.0, ratio - half), ratio + half)


def difference(one: Interval, other: Interval) -> Interval:
    """How much more ``one`` is, from both intervals (G. Y. Zou and A. Donner, Statistics in Medicine 27,
    2008: no symmetry is needed).
    """
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Interval(value)
    below = sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    above = sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(value, value - below, value + above)
