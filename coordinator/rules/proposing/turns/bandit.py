"""Which arm thinks next, from what arms earned for their cost: Thompson sampling with a floor under every
arm. Pure.

Model: merges of an arm come at an unknown rate λ per unit of cost (Poisson), and each gains an amount of
unknown mean μ (exponential). What an arm earns for its cost is λ·μ. Both have conjugate priors, so three
running sums are all that is needed::

    λ ~ Gamma(PRIOR_MERGES + merges, rate: what that many merges cost over all arms + cost)
    μ ~ inverse Gamma(PRIOR_SIZES + merges, scale: (PRIOR_SIZES - 1) · mean gain of all merges + gain)

So an arm nobody has tried is taken for an average one of this campaign, with the weight of one merge in how
often and how much: the unit of the metric and the length of a run cancel out. Before the first merge arms
differ in their cost alone, and the one that had least mostly goes first.

Each choice draws one λ·μ per arm and takes the greatest (W. R. Thompson, Biometrika 25, 1933; O. Chapelle and
L. Li, NIPS 2011). Old experiments count less (``coordinator.state.tallies.arm_tally.HALF_LIFE``): gains get
smaller as a search goes on, and an arm that was bad may be good later.
"""

import random
from collections.abc import Sequence

from msgspec import Struct

PRIOR_MERGES = 1.0
PRIOR_SIZES = 2.0


class Candidate(Struct, frozen=True):
    """An arm to choose, with its recent sums."""

    name: str
    floor: float
    """Least share of the briefs."""
    merges: float = 0.0
    gain: float = 0.0
    """In the metric's unit."""
    cost: float = 0.0
    """Hours or dollars, the same for all."""


def choose(arms: Sequence[Candidate], point: float, seed: int) -> str:
    """The arm of one brief. point: 0 to 1, evenly spread over briefs; below the floors' sum it belongs to one
    of them. seed: of this choice.
    """
    for arm in arms:
        point -= arm.floor
        if point < 0:
            return arm.name
    rng = random.Random(seed)
    merges, gain, cost = (sum(getattr(arm, what) for arm in arms) for what in ("merges", "gain", "cost"))
    price = cost / max(merges, PRIOR_MERGES) if cost > 0 else 1.0
    size = gain / merges if merges > 0 and gain > 0 else 1.0
    drawn = [_earns(arm, price, size, rng) for arm in arms]
    return arms[drawn.index(max(drawn))].name


def _earns(arm: Candidate, price: float, size: float, rng: random.Random) -> float:
    """A draw of gain per cost. price: mean cost of a merge, size: its mean gain, over all arms."""
    rate = rng.gammavariate(PRIOR_MERGES + arm.merges, 1.0) / (PRIOR_MERGES * price + arm.cost)
    mean = ((PRIOR_SIZES - 1) * size + arm.gain) / rng.gammavariate(PRIOR_SIZES + arm.merges, 1.0)
    return rate * mean
