"""Where a constant may go from its parent's value.

Every dimension has a coordinate in which one step means "about twice as much", so that one model fits
learning rates, widths and ratios alike. Values are rounded to two significant digits or snapped to a grid:
people read them, and equal ideas become equal texts.
"""

import math
import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from agents.proposers.search.constants import Constant, Value, read_choices

RATE = re.compile(r"(^|_)LR(_|$)|LEARNING_RATE")
"""Names of learning rates, which may exceed 1 although many are below it."""
SHARE = re.compile(r"(^|_)(RATIO|FRAC|FRACTION|SHARE|PROB|DROPOUT|MOMENTUM|BETA\d?)(_|$)")
"""Names of shares of a whole; 1.0 is their most."""
AVERAGE = re.compile(r"(^|_)(MOMENTUM|BETA\d?|EMA)(_|$)")
"""Names of moving averages' memories: what counts is their distance to 1, which they never reach."""
DIVISORS = re.compile(r"BATCH|HEAD|DIM|WIDTH|GROUP")
"""Names of integers that must divide others: powers of two among them stay powers of two however small."""
IDLE = re.compile(r"(^|_)SEED(_|$)|^(LOG|EVAL|PRINT)_|_FLOPS$")
"""Names of constants without an effect to find: the swarm's seeds go over the surface's, and the rest is
bookkeeping.
"""
AROUND_ZERO = (0.0, 0.01, 0.03, 0.1, 0.3)
"""A zero has no scale of its own: tried are the usual sizes of decays, shares and probabilities."""
FACTOR = 4.0
"""Farthest step from the parent, as a factor."""


class Scale(StrEnum):
    """How a value becomes a coordinate."""

    LOG = "log"
    COMPLEMENT = "complement"
    """Logarithm of the distance to 1: from 0.95 the next steps are 0.9 and 0.975."""
    LINEAR = "linear"
    RANK = "rank"
    """Position among the values, where they have an order and no common scale."""
    NONE = "none"
    """Choices without an order; the coordinate is their index."""


class Dimension(Struct, frozen=True, kw_only=True):
    """Where one constant may go."""

    name: str
    here: Value
    """The parent's."""
    scale: Scale
    low: float
    """A coordinate, as is ``high``."""
    high: float
    values: tuple[Value, ...] = ()
    """The only ones allowed; empty for any number between."""

    @property
    def ordered(self) -> bool:
        """Whether nearby coordinates mean similar values."""
        return self.scale is not Scale.NONE

    @property
    def step(self) -> float:
        """A change worth measuring, in coordinates: a doubling, a quarter of a linear range, two ranks."""
        match self.scale:
            case Scale.LINEAR:
                return (self.high - self.low) / 4
            case Scale.RANK:
                return 2.0
            case _:
                return 1.0

    def coordinate(self, value: Value) -> float | None:
        """Where ``value`` lies; None where it lies outside or is of another kind."""
        if self.scale in (Scale.NONE, Scale.RANK):
            return float(self.values.index(value)) if value in self.values else None
        if isinstance(value, str | bool):
            return None
        at = _to_coordinate(self.scale, value)
        return at if at is not None and self.low - 1e-9 <= at <= self.high + 1e-9 else None

    def value(self, coordinate: float) -> Value:
        """The allowed value nearest to a coordinate."""
        at = min(max(coordinate, self.low), self.high)
        if self.scale in (Scale.NONE, Scale.RANK):
            return self.values[round(at)]
        if self.values:
            return min(self.values, key=lambda value: abs((self.coordinate(value) or 0.0) - at))
        return _from_coordinate(self.scale, at, negative=isinstance(self.here, float) and self.here < 0)


class Point(Struct, frozen=True):
    """One variant."""

    at: Mapping[str, float | None]
    """Coordinates by constant; None where it cannot be placed."""
    loss: float | None
    """Less is better; None while it is running."""


def dimensions(constants: Mapping[str, Constant], choices: Mapping[str, list[str]]) -> list[Dimension]:
    """What may change, in the surface's order. choices: of the task, by name, with its file or for all files;
    they go before a comment's.
    """
    space = []
    for name, constant in constants.items():
        words = choices.get(name, choices.get(constant.name))
        listed = constant.choices if words is None else read_choices(constant.value, words)
        idle = constant.fixed or IDLE.search(constant.name)
        dimension = None if idle else _dimension(constant, listed if words is not None or listed else None)
        if dimension is not None:
            space.append(replace(dimension, name=name))
    return space


def _dimension(constant: Constant, listed: tuple[Value, ...] | None) -> Dimension | None:
    value = constant.value
    if listed is not None:
        return _among(constant, listed)
    match value:
        case bool():
            return _among(constant, (False, True))
        case int():
            return _grid(constant, _int_values(constant, value))
        case float():
            return _continuous(constant, value)
    return None


def _among(constant: Constant, listed: tuple[Value, ...]) -> Dimension | None:
    """Choices as listed, the parent's own among them; numbers have an order."""
    values = tuple(dict.fromkeys((*listed, constant.value)))
    if len(values) < 2:
        return None
    if all(isinstance(value, int | float) and not isinstance(value, bool) and value > 0 for value in values):
        return _grid(constant, values)
    return Dimension(
        name=constant.name,
        here=constant.value,
        scale=Scale.NONE,
        low=0.0,
        high=len(values) - 1.0,
        values=values,
    )


def _grid(constant: Constant, values: tuple[Value, ...]) -> Dimension | None:
    numbers = sorted(value for value in values if not isinstance(value, str))
    if len(numbers) < 2:
        return None
    scale = Scale.LOG if numbers[0] > 0 else Scale.LINEAR
    ends = [_to_coordinate(scale, number) or 0.0 for number in (numbers[0], numbers[-1])]
    return Dimension(
        name=constant.name, here=constant.value, scale=scale, low=ends[0], high=ends[1], values=tuple(numbers)
    )


def _int_values(constant: Constant, value: int) -> tuple[int, ...]:
    if constant.low is not None and constant.high is not None:
        return _ints_between(math.ceil(constant.low), math.floor(constant.high), value)
    if value < 0:
        return ()  # most often a sentinel, like -1 for "all"
    if value == 0:
        return (0, 1, 2, 4)
    if value & (value - 1) == 0 and (value >= 16 or DIVISORS.search(constant.name)):
        return tuple(2**power for power in range(max(0, value.bit_length() - 3), value.bit_length() + 2))
    if value <= 16:
        return tuple(
            sorted(
                {
                    near
                    for near in (value // 2, value - 2, value - 1, value, value + 1, value + 2, 2 * value)
                    if near >= 1
                }
            )
        )
    grain = min(value & -value, 64)  # keeps what a width is divisible by
    return tuple(
        sorted(
            {value}
            | {
                max(grain, round(value * factor / grain) * grain)
                for factor in (0.25, 0.5, 0.75, 1.25, 1.5, 2.0, 4.0)
            }
        )
    )


def _ints_between(low: int, high: int, value: int) -> tuple[int, ...]:
    if high - low <= 32:
        return tuple(sorted({*range(low, high + 1), value}))
    steps = (low + round((high - low) * step / 16) for step in range(17))
    powers = (2**power for power in range(high.bit_length()) if low <= 2**power <= high)
    return tuple(sorted({*(powers if value > 0 and value & (value - 1) == 0 else steps), value}))


def _continuous(constant: Constant, value: float) -> Dimension | None:
    if not math.isfinite(value):
        return None
    if constant.low is not None and constant.high is not None:
        low, high = min(constant.low, value), max(constant.high, value)
        return _between(constant, Scale.LOG if low > 0 and high >= 8 * low else Scale.LINEAR, low, high)
    if value == 0:
        return Dimension(
            name=constant.name,
            here=value,
            scale=Scale.RANK,
            low=0.0,
            high=len(AROUND_ZERO) - 1.0,
            values=AROUND_ZERO,
        )
    size = abs(value)
    share = size < 1 or (size == 1 and bool(SHARE.search(constant.name)))
    if share and not RATE.search(constant.name):
        if value < 1 and value >= (0.5 if AVERAGE.search(constant.name) else 0.9):
            return _between(
                constant, Scale.COMPLEMENT, max(0.0, 1 - FACTOR * (1 - value)), 1 - (1 - value) / FACTOR
            )
        return _between(constant, Scale.LOG, size / FACTOR, min(1.0, size * FACTOR))
    return _between(constant, Scale.LOG, size / FACTOR, size * FACTOR)


def _between(constant: Constant, scale: Scale, low: float, high: float) -> Dimension:
    ends = [_to_coordinate(scale, end) or 0.0 for end in (low, high)]
    return Dimension(name=constant.name, here=constant.value, scale=scale, low=ends[0], high=ends[1])


def _to_coordinate(scale: Scale, value: float) -> float | None:
    match scale:
        case Scale.LOG:
            return math.log2(abs(value)) if value and math.isfinite(value) else None
        case Scale.COMPLEMENT:
            return -math.log2(1 - value) if value < 1 else None
        case _:
            return float(value)


def _from_coordinate(scale: Scale, at: float, negative: bool) -> float:
    match scale:
        case Scale.LOG:
            size = float(f"{2.0**at:.2g}")
            return -size if negative else size
        case Scale.COMPLEMENT:
            return round(1 - float(f"{2.0**-at:.2g}"), 12)
        case _:
            return float(f"{at:.2g}")
