"""Runs of the same programs on several slots: what one slot measured beside what the others did. Statistics
only.

Values of one program differ by noise and by whatever is wrong with a slot. So each slot is held against the
others' mean of the same program, over all programs that it ran, and against the spread of the others alone:
what is wrong with it does not hide in the noise it is measured by. The sums are those of a two-way layout
(H. Scheffé, The Analysis of Variance, 1959, chapter 4): the contrasts of different programs are independent,
and a contrast of m runs with k others has the variance σ²(1/m + 1/k).
"""

from collections.abc import Sequence
from math import sqrt

from msgspec import Struct, field
from msgspec.structs import replace

ALIKE = 1e-12
"""Of the observations: a standard deviation below that is what sums of floating-point numbers leave of none.
"""
OFF = 2.0
"""Standard deviations from the others' mean at which a run is called off: one of twenty is by chance."""


class Contrast(Struct, frozen=True, kw_only=True):
    """One slot beside the others. The unit is that of what was observed."""

    runs: int
    """Of the slot."""
    weight: float
    """1 / variance of ``difference``, in runs: Σ mk/(m+k) over programs."""
    difference: float
    """How much more the slot observes than the others, on average; 0 where nobody else ran its programs."""
    squares: float
    """Of the slot's runs about the others' mean, weighted so that σ² is to be expected of each of them."""
    others: float
    """Squares of the others' runs about their own means."""
    freedom: int
    """Degrees of freedom of these."""
    off: int
    """Runs of the slot that are far off, more than the others' observe."""
    below: int
    """The same, less than the others observe."""

    @property
    def sigma(self) -> float:
        """Standard deviation of one run of the others; 0 where that is not known."""
        return sqrt(self.others / self.freedom) if self.freedom and self.others > 0 else 0.0

    @property
    def spread(self) -> float:
        """Of the slot's runs, in σ of the others; 0 where that is not known."""
        return sqrt(self.squares / self.runs) / self.sigma if self.runs and self.sigma else 0.0


class Pool(Struct):
    """Runs of one program."""

    origin: float
    """What is subtracted, so that squares do not drown in the mean."""
    by: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Observed by slot, less the origin, each with its number among all that the slot observed, from 0."""
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    """Sums over all slots."""

    def add(self, slot: str, number: int, value: float) -> None:
        """Another run. number: among all that the slot observed."""
        less = value - self.origin
        self.by.setdefault(slot, []).append((number, less))
        self._count((less,), 1)

    def remove(self, slot: str) -> None:
        """The slot ran none of them."""
        self._count([value for _, value in self.by.pop(slot)], -1)

    def _count(self, values: Sequence[float], sign: int) -> None:
        self.count += sign * len(values)
        self.total += sign * sum(values)
        self.squares += sign * sum(value * value for value in values)


class Observations(Struct):
    """Everything that was observed of programs that were run more than once, in one unit."""

    pools: dict[str, Pool] = field(default_factory=dict)
    """By program."""
    of_slot: dict[str, list[str]] = field(default_factory=dict)
    """Programs that a slot ran, in order, one for each run."""
    squares: float = 0.0
    """About the means of programs, of all slots."""
    freedom: int = 0

    def add(self, program: str, slot: str, value: float) -> None:
        """Another run of the program on the slot."""
        pool = self.pools.setdefault(program, Pool(value))
        self._count(pool, -1)
        ran = self.of_slot.setdefault(slot, [])
        pool.add(slot, len(ran), value)
        ran.append(program)
        self._count(pool, 1)

    def remove(self, slot: str) -> None:
        """Nothing was observed on that slot."""
        for program in dict.fromkeys(self.of_slot.pop(slot, [])):
            pool = self.pools[program]
            self._count(pool, -1)
            pool.remove(slot)
            self._count(pool, 1)

    def runs_of(self, slot: str) -> int:
        """How many were observed on the slot."""
        return len(self.of_slot.get(slot, ()))

    def is_alone(self, slot: str) -> bool:
        """Whether nothing was observed on any other slot."""
        return not self.of_slot.keys() - {slot}

    def beside(self, slot: str, first: int = 0) -> Contrast:
        """The slot beside the others; takes time by the runs that it made itself. first: number of its first
        run that counts, as if there were none before.
        """
        programs = dict.fromkeys(self.of_slot.get(slot, ()))
        runs, weight, weighted, squares, freedom = 0, 0.0, 0.0, 0.0, self.freedom
        others, rests = self.squares, []
        for program in programs:
            pool = self.pools[program]
            rest = _rest(pool, [value for _, value in pool.by[slot]])
            others -= _about_mean(pool.count, pool.total, pool.squares) - _about_mean(*rest)
            freedom -= max(0, pool.count - 1) - max(0, rest[0] - 1)
            mine = [value for number, value in pool.by[slot] if number >= first]
            own = _sums(mine)
            squares += _about_mean(*own)
            runs += own[0] if rest[0] else max(0, own[0] - 1)  # alone they only differ among themselves
            if not (own[0] and rest[0]):
                continue
            less, share = own[1] / own[0] - rest[1] / rest[0], own[0] * rest[0] / (own[0] + rest[0])
            weight, weighted = weight + share, weighted + share * less
            squares += share * less * less
            rests.append((mine, rest))
        size = max((abs(self.pools[program].origin) for program in programs), default=0.0)
        contrast = Contrast(
            runs=runs,
            weight=weight,
            difference=weighted / weight if weight else 0.0,
            squares=squares,
            others=others if others > freedom * (ALIKE * size) ** 2 else 0.0,
            freedom=freedom,
            off=0,
            below=0,
        )
        return _with_runs_off(contrast, rests)

    def _count(self, pool: Pool, sign: int) -> None:
        self.squares += sign * _about_mean(pool.count, pool.total, pool.squares)
        self.freedom += sign * max(0, pool.count - 1)


def _with_runs_off(
    contrast: Contrast, rests: Sequence[tuple[Sequence[float], tuple[int, float, float]]]
) -> Contrast:
    """rests: for each program the slot's runs, and the sums of the others'."""
    off = below = 0
    for mine, (count, total, _) in rests:
        bar = OFF * contrast.sigma * sqrt(1 + 1 / count)
        off += sum(value - total / count > bar for value in mine)
        below += sum(total / count - value > bar for value in mine)
    return replace(contrast, off=off, below=below)


def _sums(values: Sequence[float]) -> tuple[int, float, float]:
    return len(values), sum(values), sum(value * value for value in values)


def _rest(pool: Pool, mine: Sequence[float]) -> tuple[int, float, float]:
    count, total, squares = _sums(mine)
    return pool.count - count, pool.total - total, pool.squares - squares


def _about_mean(count: int, total: float, squares: float) -> float:
    return max(0.0, squares - total * total / count) if count > 1 else 0.0
