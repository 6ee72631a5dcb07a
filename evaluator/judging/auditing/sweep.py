"""Which positions are compared next, and when it is enough. Pure but for the generator it draws from.

- The rows come in ``WAVES`` random parts, one after the other, and never again: a process that was shown a
  row up to some position knows the targets before it, so nothing could be asked there a second time.
- In a wave a third of the positions is drawn uniformly, a third in proportion to a reference loss, a third in
  proportion to the claimed advantage over it: leaks pay where losses are large or claims are good, and a
  cheat that only erases its own worst losses is invisible to the last two.
- A difference that is *odd*, far beyond what the unmodified surface shows, makes the next waves denser, up to
  ``MOST`` times, and half of their draws look where the first ones rarely do. Where nearly all differ, as
  with coarse arithmetic, the sample grows only until its error is small.
- How dense a wave is depends on what was drawn before it and on the size of differences, never on their sign:
  every wave's estimate is unbiased, and noise that has either sign is not taken for a leak.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evaluator.judging.auditing.audit import (
    FAR,
    NEAR,
    ONE_SIDED,
    SMALL,
    SYSTEMATIC,
    UNSEEN,
    Drawn,
    Finding,
    Nats,
    Places,
    Sample,
    conclude,
    shares,
)

WAVES = 8
"""Parts of the rows. Something odd is followed up in those that are left, and the first is one in eight."""

LEAST_OF_WAVE = 8
"""Draws of a wave at least: small samples have fewer waves."""

MOST = 16.0
"""Times the planned sample that it grows to at most."""

ODD_TIMES, LEAST_ODD, ODD_UNKNOWN = 100.0, 1e-5, 1e-4
"""Times the baseline's largest difference from which on one is odd; nats it is at least; nats where the
baseline's is not known. Never more than NEAR.
"""

STEEPEST = 4.0
"""Times the density of the wave before that one has at most."""

RARE = 0.05
"""Share of odd differences up to which they are not the arithmetic's."""

ENOUGH = 128
"""Draws after which what is plainly wrong needs no more."""


class Claimed(NamedTuple):
    """What is examined; flat arrays of one length, row by row."""

    claims: Nats
    """Nats."""

    reference: Nats
    """Nats of a model of the judge's."""

    counted: npt.NDArray[np.bool_]
    """Which positions count."""

    length: int
    """Positions of a row."""


def odd_beyond(largest: float | None) -> float:
    """Nats from which on a difference is odd. largest: that of the baseline, None where not known."""
    return ODD_UNKNOWN if largest is None else min(max(ODD_TIMES * largest, LEAST_ODD), NEAR)


class Sweep:
    """Once over the rows of one run's claims."""

    def __init__(
        self, count: int, claimed: Claimed, odd: float, chance: np.random.Generator, most: float = MOST
    ) -> None:
        """count: draws where nothing is odd. odd: nats of a difference that is. most: times that count."""
        self._claimed = claimed
        self._odd = odd
        self._chance = chance
        self._most = most
        self._eligible = np.flatnonzero(claimed.counted)
        self._advantage = np.maximum(claimed.reference - claimed.claims, 0.0)
        rows = chance.permutation(np.unique(self._eligible // claimed.length))
        waves = max(1, min(WAVES, len(rows), count // LEAST_OF_WAVE))
        self._waves = np.array_split(rows, waves)
        self._counts = [len(part) for part in np.array_split(np.arange(count), waves)]
        self._drawn: list[Drawn] = []
        self._escaped = 0.0
        self._density = 1.0

    @property
    def grew(self) -> bool:
        """Whether more was drawn than planned."""
        return sum(len(part.differences) for part in self._drawn) > sum(self._counts[: len(self._drawn)])

    def next(self) -> Sample | None:
        """What to compare next, None when it is enough."""
        wave = len(self._drawn)
        if wave == len(self._waves) or self._is_plain():
            return None
        self._density = self._wanted(sum(self._counts[wave:]))
        return self._draw(self._waves[wave], round(self._counts[wave] * self._density))

    def take(self, sample: Sample, blind: Nats) -> None:
        """The blind losses at the places of the sample that came last."""
        self._drawn.append(Drawn(sample, blind - self._claimed.claims[sample.places]))

    def finding(self, kind: str, unit: float) -> Finding:
        """What all of it came to. unit: nats in all that make one of the metric."""
        return conclude(kind, self._drawn, self._claimed.length, self._escaped, self.grew, unit)

    def _is_plain(self) -> bool:
        """Whether it is clear already that the claims are not what is answered."""
        sizes = self._sizes()
        return len(sizes) >= ENOUGH and bool((sizes > FAR).any() or (sizes > NEAR).mean() > SYSTEMATIC)

    def _sizes(self) -> Nats:
        sizes: Nats = np.abs(np.concatenate([np.empty(0), *(part.differences for part in self._drawn)]))
        return sizes

    def _wanted(self, left: int) -> float:
        """Density of the next wave. left: draws of all that are left at density 1."""
        odd = self._sizes() > self._odd
        if not odd.any():
            return 1.0
        goal = self._most if odd.mean() <= RARE else (self._draws_wanted() - len(odd)) / left
        return max(1.0, min(STEEPEST * self._density, goal, self._most))

    def _draws_wanted(self) -> float:
        """Draws after which the error leaves less open than is too small to mind."""
        per_token = [part.totals / (1 / part.sample.chances).mean() for part in self._drawn]
        mean_square = float(np.square(np.concatenate(per_token)).mean())
        return mean_square * (ONE_SIDED / SMALL) ** 2

    def _draw(self, rows: Places, count: int) -> Sample:
        inside = self._eligible[np.isin(self._eligible // self._claimed.length, rows)]
        parts = [
            shares(weights)
            for weights in (np.ones(len(inside)), self._claimed.reference[inside], self._advantage[inside])
        ]
        if self._density > 1:
            usual = sum(parts, np.zeros(len(inside)))
            parts += [shares(1 / usual)] * len(parts)
        mixture = sum(parts, np.zeros(len(inside))) / len(parts)
        sizes = [len(part) for part in np.array_split(np.arange(count), len(parts))]
        drawn = np.concatenate(
            [self._chance.choice(len(inside), size, p=part) for size, part in zip(sizes, parts, strict=True)]
        )
        most = float((self._advantage[inside] / (count * mixture)).max())
        self._escaped = max(self._escaped, UNSEEN * most)
        return Sample(inside[drawn], mixture[drawn])
