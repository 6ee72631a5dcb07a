"""Chance in integers: the same seed draws the same on every Python and platform.

- Random bits come from splitmix64 (Steele, Lea, Flood 2014: "Fast splittable pseudorandom number
  generators"), computed on Python integers.
- A distribution is a list of integer weights; floating point appears only in ``Weights.bits``, what an
  outcome tells, and never steers a draw.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from math import log2

MASK = (1 << 64) - 1


class Stream:
    """An endless stream of draws."""

    def __init__(self, seed: int) -> None:
        self._state = seed & MASK

    def below(self, bound: int) -> int:
        """A number from 0 to ``bound`` - 1, uniform within ``bound`` / 2^64."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((self._state ^ (self._state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return ((mixed ^ (mixed >> 31)) * bound) >> 64


class Weights:
    """A distribution over the numbers 0, 1, 2 … by positive integer weights."""

    def __init__(self, weights: Iterable[int]) -> None:
        self.values = list(weights)
        self._ends = list(accumulate(self.values))
        self.total = self._ends[-1]
        self.bits = [log2(self.total / weight) for weight in self.values]
        """Information in each outcome: -log2 of its probability."""

    def draw(self, stream: Stream) -> int:
        """One outcome."""
        return self.at(stream.below(self.total))

    def at(self, point: int) -> int:
        """The outcome whose share of 0 to ``total`` - 1 holds ``point``."""
        return bisect_right(self._ends, point)


def zipf(count: int) -> list[int]:
    """Weights of ``count`` words by rank: rank r from 1 is worth 1 / (r + 2), so that the first does not
    drown the rest.
    """
    return [1_000_000 // (rank + 2) for rank in range(1, count + 1)]
