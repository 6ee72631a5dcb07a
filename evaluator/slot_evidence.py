"""Whether a slot is off, by runs of the same programs on several slots: evidence that may be looked at after
every run. Statistics only.

A slot is looked at each time it has run such a program, as often as the campaign likes. So p-values do not
do; what is kept is an *e-value*: how many times likelier the observations are if the slot is off than if it
is like the others. If it is like the others, the probability that this is ever 1/α or more, at whatever run
and whoever chose when to look, is at most α (J. Ville, Étude critique de la notion de collectif, 1939).

- Noise and the programs' means are not known and must not matter: every ratio is one of what is left when the
  observations may be shifted by program and scaled together. Such ratios obey Ville's bound too (M. F.
  Pérez-Ortiz, T. Lardy, R. de Heide, P. Grünwald, E-statistics, group invariance and anytime-valid testing,
  Annals of Statistics 52, 2024). For n runs of the slot with squares S beside T of the others with ν degrees
  of freedom (``beside_others.Contrast``; W its weight, b its difference):
  - **off**: its runs are shifted by a normal of variance g times σ²:
    (1 + gW)^-½ · ((T + S) / (T + S - W b² · gW/(1 + gW)))^((ν + n)/2);
  - **noisier**, its σ being r times the others': r^-n · ((T + S) / (T + S/r²))^((ν + n)/2). This one is an
    exact ratio at each look; over looks it is one up to runs of others that come after the slot's.
- Value, spread and rate are looked at together: the mean of e-values is one. One α holds for all three.
- A slot may go off late, and what was well before must not hide it. So the same is asked of its runs from the
  8th on, the 16th, and so on, as if there were none before: with half of the weight, of which the j-th has
  1/(j(j+1)). One α holds for all of them.
- What is sure need not matter: a slot is off only where it is so by more than a floor, and where two of its
  runs are far off. One run that went wrong says nothing of the slot.
- Slow alone counts, not fast: the first run on a slot is slow for many reasons, and all that have made one
  only would look slow beside one that has made two.
"""

from enum import StrEnum
from math import exp, inf, log, log1p

from msgspec import Struct
from msgspec.structs import replace

from evaluator.beside_others import Contrast, Observations

ALPHA = 0.005
"""Probability that a slot like the others is ever called off, at most; in simulations it is about half of
that (docs/slots.md).
"""
VALUE_SHIFT, RATE_SHIFT = 4.0, 25.0
"""g of a value, and of a rate: offsets of about two σ, and of about five. Rates spread little where a slot
has its GPU alone, so what matters is many of their σ.
"""
NOISIER = (2.0, 4.0)
"""r, half of the weight each."""
LEAST_OFF = 1.0
"""σ by which the values of a slot have to be off: less is less than one run is known by."""
LEAST_SPREAD = 1.5
"""Times the others' σ that its own has to be."""
LEAST_SLOWER = 0.03
"""Share by which it has to be slower. Machines alike differ by one or two per cent."""
BEGINS_EVERY = 8
"""Runs of the slot from one beginning of what is looked at to the next."""
LEAST_RUNS = 2
"""Runs that have to be far off."""
LEAST_FREEDOM = 3
"""Degrees of freedom of the others' spread: two slots that differ do not say which of them is off."""
EVENLY = {2: [1 / 2] * 2, 3: [1 / 3] * 3}
MOST = 700.0
"""Logarithm of the largest e-value that is told apart."""


class SlotTest(StrEnum):
    """What a slot can be off by."""

    VALUE = "value"
    """Its values are better or worse than the others'."""
    SPREAD = "spread"
    """They spread more."""
    RATE = "rate"
    """It is slower."""


class SlotEvidence(Struct, frozen=True, kw_only=True):
    """How a slot stands beside the others."""

    runs: int
    """Of programs that others ran too."""
    offset: float | None
    """How much more its values are, in σ of one run; None where that is not known."""
    spread: float | None
    """σ of its values, in that of the others; None where that is not known."""
    rate: float | None
    """How much faster it is, as a share; negative when slower. None where that is not known."""
    e_value: float
    """Of all three together; 1 says nothing."""
    strongest: SlotTest
    """The one that says most."""
    off: SlotTest | None = None
    """What it is off by, as far as that is sure and large enough; None where it is not."""


ALONE = SlotEvidence(runs=0, offset=None, spread=None, rate=None, e_value=1.0, strongest=SlotTest.VALUE)
"""Of a slot where nobody else ran anything twice: nothing is known."""


def evidence_of(values: Observations, rates: Observations, slot: str, *, by_rate: bool) -> SlotEvidence:
    """How a slot stands by values, and by logarithms of the rates of the same runs. by_rate: whether a slower
    slot measures something else, as under a budget in seconds; if not, its rate is no evidence.
    """
    runs = values.runs_of(slot)
    if values.is_alone(slot):
        return ALONE if not runs else replace(ALONE, runs=runs)
    looks = [
        _Look(values.beside(slot, first), rates.beside(slot, first if by_rate else 0), by_rate)
        for first in range(0, max(1, runs - LEAST_RUNS + 1), BEGINS_EVERY)
    ]
    weights = _weights(len(looks))
    whole = _mean([look.whole for look in looks], weights)
    best = max(zip(looks, weights, strict=True), key=lambda one: one[0].whole + log(one[1]))[0]
    since, rate = best.values, best.rates
    return SlotEvidence(
        runs=runs,
        offset=since.difference / since.sigma if since.sigma and since.weight else None,
        spread=since.spread if since.sigma and since.runs else None,
        rate=exp(rate.difference) - 1 if rate.weight else None,
        e_value=exp(min(whole, MOST)),
        strongest=best.strongest,
        off=best.strongest if best.is_large and whole >= -log(ALPHA) else None,
    )


class _Look:
    """At a slot's runs from one of them on."""

    def __init__(self, values: Contrast, rates: Contrast, by_rate: bool) -> None:
        self.values, self.rates = values, rates
        logs = {
            SlotTest.VALUE: _shifted(values, VALUE_SHIFT),
            SlotTest.SPREAD: _mean([_noisier(values, ratio) for ratio in NOISIER], EVENLY[2]),
            SlotTest.RATE: _shifted(rates, RATE_SHIFT) if by_rate and rates.difference < 0 else 0.0,
        }
        self.whole = _mean(list(logs.values()), EVENLY[3])
        """Logarithm of the e-value of all three."""
        self.strongest = max(logs, key=logs.__getitem__)
        self.is_large = _is_large(self.strongest, values, rates)


def _weights(looks: int) -> list[float]:
    """Of looks that begin ever later; together they are 1 at most."""
    return [1.0] if looks == 1 else [0.5, *(0.5 / (j * (j + 1)) for j in range(1, looks))]


def _is_large(test: SlotTest, values: Contrast, rates: Contrast) -> bool:
    match test:
        case SlotTest.VALUE:
            side = values.off if values.difference > 0 else values.below
            return abs(values.difference) >= LEAST_OFF * values.sigma and side >= LEAST_RUNS
        case SlotTest.SPREAD:
            return values.spread >= LEAST_SPREAD and values.off + values.below >= LEAST_RUNS
        case SlotTest.RATE:
            return rates.difference <= log1p(-LEAST_SLOWER) and rates.below >= LEAST_RUNS


def _is_tested(contrast: Contrast) -> bool:
    """Whether there is a spread of the others to test against."""
    return contrast.runs > 0 and contrast.freedom >= LEAST_FREEDOM and contrast.sigma > 0


def _shifted(contrast: Contrast, shift: float) -> float:
    """Logarithm of the e-value of a slot whose observations are shifted."""
    if not _is_tested(contrast) or not contrast.weight:
        return 0.0
    whole, scale = contrast.others + contrast.squares, shift * contrast.weight
    explained = contrast.weight * contrast.difference**2 * scale / (1 + scale)
    return -0.5 * log1p(scale) + (contrast.freedom + contrast.runs) / 2 * log(whole / (whole - explained))


def _noisier(contrast: Contrast, ratio: float) -> float:
    """Logarithm of the e-value of a slot whose σ is so many times the others'."""
    if not _is_tested(contrast):
        return 0.0
    whole = contrast.others + contrast.squares
    less = contrast.others + contrast.squares / ratio**2
    return -contrast.runs * log(ratio) + (contrast.freedom + contrast.runs) / 2 * log(whole / less)


def _mean(logs: list[float], weights: list[float]) -> float:
    """Logarithm of a weighted mean of numbers by their logarithms; what the weights lack of 1 counts as 1."""
    terms = [one + log(weight) for one, weight in zip(logs, weights, strict=True)]
    rest = 1 - sum(weights)
    terms.append(log(rest) if rest > 0 else -inf)
    most = max(terms)
    return most + log(sum(exp(one - most) for one in terms))
