"""Which trainings are ended before their end, by the loss that their logs print. Pure.

- A run is looked at once, when it has spent a share of its budget: its *early loss* is the mean of the later
  half of the losses it printed until then. That is the variant's own word. One that prints too good a loss
  trains to its end and is measured like any other; one that prints too bad a loss harms itself.
- The *bar* is learnt from runs that have both, an early loss and a value, in the same division. The loss is
  regressed on the value, over the half that is best: the bar is what a run that ends exactly as good as the
  head would exceed with a probability of ``RISK``; one that ends better exceeds it more rarely. This way
  round, the few good runs need not be many, and choosing the half by value distorts nothing.
- Runs over their bars are missing among those that have a value, but for the audited ones, which run on. Each
  of these stands for all that had the same chance to (a Horvitz–Thompson weight, one over that chance).
- It is off until ``LEAST`` runs have both; where early losses and values go together too little; and where
  more of the audited runs turned out better than their heads than the risk explains.
"""

from collections.abc import Sequence
from math import comb, isfinite, sqrt
from statistics import correlation, median

from msgspec import Struct
from msgspec.structs import replace

from evaluator.policies.noise import quantile

RISK = 0.01
"""Probability that a run is ended that would come out exactly as good as the head."""
AIM = 2.576
"""Standard errors, of a normal distribution, that half of this is beyond. A bar is drawn for half: where runs
are ended, those that the next bar is learnt from are too much alike, and the risk grows (a test plays that).
"""
LEAST = 20
"""Runs with both that a bar needs: by fewer, Student's t alone doubles the margin."""
MOST = 200
"""The latest of them count: what a search tries changes, and so does what it prints."""
TOGETHER = 0.5
"""Rank correlation of early losses and values below which nobody is ended. At 40 % of the budget published
searches have .93 to .98 over wide changes, and little among near-ties.
"""
OTHER_SCALE = 2.0
"""A loss that is so many times another's, or a part of it, is not the same kind of number: it is summed, or
in bits. It is left out of what is learnt.
"""
TOO_MANY = 0.05
"""Of losses among audited runs: what has a smaller probability under ``RISK`` switches it off."""


class BothKnown(Struct, frozen=True, kw_only=True):
    """A run that was looked at and has a value."""

    ordinal: int
    """Of its experiment."""
    slot: str = ""
    """It was made on."""
    at: float = 0.0
    """Share of the budget at which it was looked at."""
    loss: float
    worse: float
    """Its value in the metric's unit, with the sign under which higher is worse."""
    over: bool = False
    """It was over its bar and ran on."""
    chance: float = 1.0
    """With which one over the bar was to run on."""
    better: bool | None = None
    """Whether it came out better than the head it was compared with; None where it had no bar."""

    @property
    def weight(self) -> float:
        """Runs that it stands for."""
        return 1 / self.chance if self.over else 1.0


class Learnt(Struct, frozen=True, kw_only=True):
    """What the runs with both say."""

    bar: float | None = None
    """Mean loss above which a run is not expected to come out as good as the head; None without one."""
    line: tuple[float, float] | None = None
    """Expected ``worse`` at a loss of 0, and per unit of loss."""
    off: str = ""
    """Why nobody is ended, in words; empty where some may be."""
    runs: int = 0
    """With both, that it rests on."""
    together: float | None = None
    """Rank correlation of early losses and values; None where there are too few."""


def learn(runs: Sequence[BothKnown], head: float) -> Learnt:
    """The bar by the latest of these runs. head: value of the head, as ``BothKnown.worse``."""
    latest = sorted(runs, key=lambda run: run.ordinal)[-MOST:]
    alike = _of_one_scale(latest)
    if len(alike) < LEAST:
        return Learnt(off=f"{len(alike)} of {LEAST} runs with a loss and a value are there", runs=len(alike))
    together = rank_correlation([run.loss for run in alike], [run.worse for run in alike])
    facts = Learnt(line=_line(alike), runs=len(alike), together=together)
    if together < TOGETHER:
        return replace(facts, off=f"losses and values go together too little ({together:.2f})")
    learnt = replace(facts, bar=_bar(alike, head))
    return replace(learnt, off=too_many_losses(latest))


def too_many_losses(runs: Sequence[BothKnown]) -> str:
    """Why nobody may be ended, where more runs over their bars came out better than their heads than ``RISK``
    explains; empty where it explains them.
    """
    winners = [run for run in runs if run.better]
    lost = sum(run.over for run in winners)
    if not lost:
        return ""
    rate = RISK * sum(run.chance for run in winners) / len(winners)
    fewer = sum(comb(len(winners), n) * rate**n * (1 - rate) ** (len(winners) - n) for n in range(lost))
    if 1 - fewer >= TOO_MANY:
        return ""
    return (
        f"{lost} of {len(winners)} better runs were over their bars, more than a risk of {RISK:.0%} explains"
    )


def rank_correlation(some: Sequence[float], others: Sequence[float]) -> float:
    """Spearman's, ties sharing the mean of their ranks; 0 where one of them does not vary."""
    ranks = _ranks(some), _ranks(others)
    return correlation(*ranks) if all(len(set(line)) > 1 for line in ranks) else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(order)))}
    last = {value: place for place, value in enumerate(order)}
    return [(first[value] + last[value]) / 2 for value in values]


def _of_one_scale(runs: Sequence[BothKnown]) -> list[BothKnown]:
    """Those whose losses can be the same kind of number as the best half's."""
    usual = [run for run in runs if isfinite(run.loss) and isfinite(run.worse)]
    if not usual:
        return []
    middle = median(run.loss for run in _best_half(usual))
    if middle <= 0:
        return usual
    return [run for run in usual if middle / OTHER_SCALE <= run.loss <= middle * OTHER_SCALE]


def _best_half(runs: Sequence[BothKnown]) -> list[BothKnown]:
    return sorted(runs, key=lambda run: run.worse)[: max(LEAST, (len(runs) + 1) // 2)]


class _Fit(Struct, frozen=True):
    """A line through points that stand for several, and how far they are from it."""

    middle: float
    height: float
    slope: float
    spread: float
    """Standard deviation of what is left."""
    squares: float
    """Of the points about their middle, each once on average."""
    count: float
    """Points that would say as much if each stood for one."""

    def at(self, point: float) -> float:
        """Its height there."""
        return self.height + self.slope * (point - self.middle)

    def error(self, point: float) -> float:
        """Standard error of a new point there."""
        far = (point - self.middle) ** 2 / self.squares if self.squares else 0.0
        return self.spread * sqrt(1 + 1 / self.count + far)


def _fit(points: Sequence[tuple[float, float, float]]) -> _Fit:
    """By weighted least squares. points: where, how high, for how many it stands."""
    whole = sum(weight for _, _, weight in points)
    middle = sum(weight * x for x, _, weight in points) / whole
    height = sum(weight * y for _, y, weight in points) / whole
    squares = sum(weight * (x - middle) ** 2 for x, _, weight in points)
    slope = sum(weight * (x - middle) * (y - height) for x, y, weight in points) / squares if squares else 0.0
    left = sum(weight * (y - height - slope * (x - middle)) ** 2 for x, y, weight in points) / whole
    count = whole**2 / sum(weight**2 for _, _, weight in points)
    return _Fit(
        middle=middle,
        height=height,
        slope=slope,
        spread=sqrt(left * count / max(count - 2, 1)),
        squares=squares * count / whole,
        count=count,
    )


def _bar(runs: Sequence[BothKnown], head: float) -> float:
    """What a run as good as the head exceeds with a probability of ``RISK``; nor would it have ended one of
    those that are known to have come out better.
    """
    half = _best_half(runs)
    fit = _fit([(run.worse, run.loss, run.weight) for run in half])
    margin = quantile(AIM, max(int(fit.count) - 2, 1)) * fit.error(head)
    wrong = [run.loss - fit.at(run.worse) for run in half if run.over and run.better]
    return fit.at(head) + max(margin, *wrong, 0.0)


def _line(runs: Sequence[BothKnown]) -> tuple[float, float]:
    """The value expected by a loss: at 0, and per unit."""
    fit = _fit([(run.loss, run.worse, run.weight) for run in runs])
    return fit.at(0.0), fit.slope
