"""What proposals do to a program's true value: a few real ideas, nothing at all, or harm. Pure.

The default is shaped on the one public trace of a single GPU (125 experiments of five minutes on an H100,
.9979 → .9697 bits per byte, 22 kept): its largest improvements were .0119 and .0042, all of them together
.028, and most proposals made the value worse. How large what nobody kept would have been, and how many ideas
there are, no trace says: those constants are assumptions.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from math import exp

from msgspec import Struct

from deploy.simulate.draws import Kind, normal, uniform

IDEAS = 60
"""Real ideas that a campaign can find. An assumption."""
LARGEST = 0.0119
"""Gain of the largest: halving the batch in the trace, .9979 → .9860."""
FALL = 1.35
"""Gain of the n-th largest is ``LARGEST / n**FALL``: the second is .0047 (the trace's: .0043), all sixty
together .033 (the 22 that the trace kept: .028).
"""
LIKELIER = 0.35
"""The n-th largest is proposed ``n**-LIKELIER`` as often as the largest: what helps most is what people write
about. With it 125 proposals hold about .021, and a naive search of σ .0005 ends near .979 after 125 runs.
"""
REAL, NULL = 0.30, 0.25
"""Shares of proposals that try a real idea, or change nothing; the rest harms. Of the trace's 125 proposals
22 were kept, 14 of these by less than its noise.
"""
HARM, HARM_SPREAD = 0.003, 1.2
"""Median loss of what harms, and the standard deviation of its logarithm: from lost in the noise to a run
that went wrong. An assumption: the trace says only that they were worse.
"""


CARRIES = 0.8
"""Share of changes that do the same on other hardware. An assumption: nobody has published it."""
FURTHER = 10_000_000
"""Ordinals of a further division's proposals begin here, times its number."""


class Change(Struct, frozen=True):
    """What one proposal tries."""

    idea: int | None
    """Number of a real idea, from 0; None for what is the proposal's own."""
    gain: float
    """How much better it makes the true value, in the metric's unit, where it is not in the program yet."""


class EffectModel(Struct, frozen=True, kw_only=True):
    """Shares and sizes of effects. Gains are in the metric's unit, positive is better."""

    gains: tuple[float, ...]
    """Of the real ideas."""
    shares: tuple[float, ...]
    """Cumulative: how often one of the first n is proposed, as a share of all real ones; the last is 1."""
    real: float = REAL
    null: float = NULL
    harm: float = HARM
    """Median loss of what harms."""
    carries: float = CARRIES
    """Share of changes that do in a further division what they do in the first; the others do something drawn
    anew, so it is the correlation of effects.
    """

    def change(self, seed: int, ordinal: int) -> Change:
        """The ordinal-th proposal of the campaign of that seed: the same under every policy."""
        share = uniform(Kind.CLASS, seed, ordinal)
        if share < self.real and self.gains:
            place = bisect_right(self.shares, uniform(Kind.IDEA, seed, ordinal))
            idea = min(place, len(self.gains) - 1)
            return Change(idea, self.gains[idea])
        if share < self.real + self.null:
            return Change(None, 0.0)
        return Change(None, -self.harm * exp(HARM_SPREAD * normal(Kind.HARM, seed, ordinal)))

    def elsewhere(self, gain: float, seed: int, division: int, place: int) -> float:
        """What a change does in a division: an idea may do nothing there or harm, what is none helps nowhere.
        gain: in the first. division: its number, from 0. place: the change's ordinal, or the number of its
        idea, negative.
        """
        if not division or uniform(Kind.CARRIES, seed, division, place) < self.carries:
            return gain
        anew = self.change(-1 - seed, division * FURTHER + place).gain
        return anew if place < 0 else min(0.0, anew)


def cumulative(weights: Iterable[float]) -> tuple[float, ...]:
    """Sums of the weights up to each of them, the last one 1."""
    sums = list(accumulate(weights))
    return tuple(part / sums[-1] for part in sums)


def shaped_model(
    largest: float = LARGEST, harm: float = HARM, real: float = REAL, null: float = NULL
) -> EffectModel:
    """A model of the family described above; by default the one shaped on the public trace. largest, harm: in
    the metric's unit.
    """
    numbers = range(1, IDEAS + 1)
    return EffectModel(
        gains=tuple(largest / number**FALL for number in numbers),
        shares=cumulative(number**-LIKELIER for number in numbers),
        real=real,
        null=null,
        harm=harm,
    )
