"""Numbers drawn for a place in a campaign, so that the same place draws the same under every policy. Pure.

A place is a few integers: which kind of number it is, the campaign's seed, an experiment, a run. Nothing is
drawn one after the other, so what one policy does not ask for shifts nothing of what another does.
"""

import struct
from enum import IntEnum
from hashlib import blake2b
from statistics import NormalDist

STANDARD = NormalDist()


class Kind(IntEnum):
    """What is drawn; the first number of every place."""

    CLASS = 1
    IDEA = 2
    HARM = 3
    NOISE = 4
    SEED = 5
    CONFLICT = 6
    LENGTH = 7
    SIZE = 8
    COMBINED = 9
    EARLY = 10
    TRANSFER = 11
    CARRIES = 12


def uniform(kind: Kind, *place: int) -> float:
    """Between 0 and 1, neither of them."""
    body = struct.pack(f"<{len(place) + 1}q", kind, *place)
    bits = int.from_bytes(blake2b(body, digest_size=8).digest(), "little") >> 11
    return (bits + 0.5) * 2.0**-53


def normal(kind: Kind, *place: int) -> float:
    """Of mean 0 and standard deviation 1."""
    return STANDARD.inv_cdf(uniform(kind, *place))
