"""What a run on a virtual slot measures: the program's true value, noise, and what is wrong with the slot.
Pure.

Noise is drawn by the experiment and the number of its run, so the first run of the k-th proposal is as lucky
under every policy.
"""

from math import sqrt
from statistics import fmean, stdev

from msgspec import Struct

from coordinator.domain import Metric
from deploy.simulate.draws import Kind, normal, uniform
from deploy.simulate.virtual_slot import Slot

START = 0.9979
"""Bits per byte of the unmodified surface in the public trace (H100, five minutes)."""
MINUTES = 5.6
"""Of a slot for one run of five minutes with its start and evaluation, as in that trace: about 10.5 an hour.
"""
EARLY_NOISE = 0.001
"""Of a loss at the look, about the value the run comes to, in bits per byte."""
JITTER = 0.02
"""Runs take up to this share more or less time than usual, each its own, so that slots do not march."""


class Conditions(Struct, frozen=True, kw_only=True):
    """How runs are measured. σ and start are in the metric's unit."""

    sigma: float = 0.001
    """Standard deviation of one run."""
    start: float = START
    """True value of the baseline."""
    minutes: float = MINUTES
    """A run holds a slot of usual speed."""
    jitter: float = JITTER
    correlation: float = 0.0
    """Of the noise of two runs with the same seed, 0 to 1."""
    early_noise: float = EARLY_NOISE
    """Standard deviation by which a run's loss at the look differs from its value, in the metric's unit."""
    known_sigma: int = 0
    """So many first runs of the baseline differ by exactly σ, as if that were known; 0 draws them as all
    others.
    """

    def seconds(self, slot: Slot, seed: int, ordinal: int, run: int) -> float:
        """A run holds its slot. seed: the campaign's. ordinal: of its experiment, 0 or
        less for a baseline. run: its number there, from 1.
        """
        share = 2 * uniform(Kind.LENGTH, seed, ordinal, run) - 1 if self.jitter else 0.0
        return 60 * self.minutes / slot.speed * (1 + self.jitter * share)

    def value(
        self,
        metric: Metric,
        gain: float,
        slot: Slot,
        place: tuple[int, int, int],
        run_seed: int,
        hours: float = 0.0,
    ) -> float:
        """What a run measures, in the metric's unit. gain: its program is better than the baseline by, in
        truth. place: the campaign's seed, the experiment's ordinal (0 or less for a baseline), the run's
        number there. run_seed: the training's own. hours: since the campaign began.
        """
        noise = self.sigma * slot.noise * self._noise(place, run_seed)
        return metric.improved(self.start, gain - slot.offset - slot.drift * hours) + noise

    def early_loss(self, value: float, place: tuple[int, int, int]) -> float:
        """What its log says at the look of a run that comes to ``value``. place: as above."""
        return value + self.early_noise * normal(Kind.EARLY, *place)

    def _noise(self, place: tuple[int, int, int], run_seed: int) -> float:
        seed, ordinal, number = place
        own = normal(Kind.NOISE, *place)
        if ordinal <= 0 and number <= self.known_sigma:
            own = _standardised(seed, ordinal, self.known_sigma)[number - 1]
        if not self.correlation:
            return own
        shared = normal(Kind.SEED, seed, run_seed)
        return sqrt(self.correlation) * shared + sqrt(1 - self.correlation) * own


def _standardised(seed: int, ordinal: int, runs: int) -> list[float]:
    """Noise of the baseline's first runs, with their own mean and a standard deviation of 1."""
    draws = [normal(Kind.NOISE, seed, ordinal, number) for number in range(1, runs + 1)]
    mean, spread = fmean(draws), stdev(draws)
    return [mean + (draw - mean) / spread for draw in draws]
