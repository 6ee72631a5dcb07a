"""Programs, each made from another, and what all their runs together say each is worth. Pure.

- The programs are a tree. A run says what its own program is worth, and with the shares of effects what the
  one it was made from is: many of those that were made from it are neither better nor worse. What all of it
  says is computed exactly, by messages from program to program (J. Pearl, 1988), on a lattice of values.
- Which runs were made depended on values of earlier ones alone, and these are all in it. So it needs no
  correction for having picked the best.
- Values are gains over the baseline, in σ; cells of them are numbered from 0.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from operator import add, mul
from statistics import NormalDist, fmean

from msgspec import Struct

from evaluator.false_merges.effect_shares import (
    CELL,
    EDGE,
    PARTS,
    USUAL,
    WIDTH,
    likelier,
    measured_parts,
    mixed,
)

REACH = 4.5
"""σ to both sides of its mean, in which a program's value is looked for."""
UNLIKELY = 1e-5
"""Of the likeliest value: values below that are not looked at again."""
LEAST = 1e-300


class Program(Struct, frozen=True, kw_only=True):
    """One that others were made from. Values are gains over the baseline, in σ."""

    parent: int | None
    """Number of the program that it was made from, which comes before it; None of the baseline."""
    runs: tuple[float, ...]
    """Of it, all that are comparable."""
    earlier: tuple[tuple[int, float], ...] = ()
    """Runs of the same change on other programs: their numbers, and the values."""
    chosen: bool = False
    """A run that is not among these, on other rows, was better than what it was made from: how much by is not
    believed, and that it was so is.
    """
    variants: tuple[float, ...] = ()
    """First runs of what was made from it and led nowhere."""


class Node:
    """A program and what is known of it."""

    def __init__(self, program: Program, before: Sequence["Node"], noise: float) -> None:
        self.program = program
        self.runs = len(program.runs)
        if program.runs:
            self.mean = fmean(program.runs)
        else:
            luck = [value - before[number].mean for number, value in program.earlier]
            start = before[program.parent].mean if program.parent is not None else 0.0
            self.mean = start + (fmean(luck) if luck else 0.0)
        self.has_more = bool(program.earlier) or program.chosen
        """Whether more is known of its gain than its runs and its parent's say."""
        self.scatter = sum((value - self.mean) ** 2 for value in program.runs)
        centre, reach = round(self.mean / CELL), round(REACH * max(1.0, noise) / CELL)
        self.low, self.size = centre - reach, 2 * reach + 1
        """Its first cell, and how many it has."""
        counts = Counter(
            max(centre - EDGE + reach, min(round(value / CELL), centre + EDGE - reach))
            for value in program.variants
        )
        self.first = min(counts, default=0)
        self.variants = [counts[self.first + n] for n in range(max(counts, default=-1) + 1 - self.first)]
        """How many by cell, from ``first`` on."""
        self.children: list[Node] = []
        self.parent = None if program.parent is None else before[program.parent]
        if self.parent is not None:
            self.parent.children.append(self)
        self.tilt: list[float] | None = None
        """Of its gain, by the earlier runs."""
        self.up: list[float] = []
        """By cell: how likely what was measured of it and of all that was made from it is."""
        self.message: list[float] = []
        """The same by cell of its parent."""
        self.belief: list[float] = []
        """By cell: its probability by everything."""
        self.scale = 0.0
        """Logarithm of what ``up`` was divided by."""

    def moments(self) -> tuple[float, float]:
        """Mean and variance of what it is worth."""
        mean = CELL * sum((self.low + n) * share for n, share in enumerate(self.belief))
        spread = sum((CELL * (self.low + n) - mean) ** 2 * share for n, share in enumerate(self.belief))
        return mean, spread

    def narrow(self) -> None:
        """Leave out what it is not worth."""
        least = UNLIKELY * max(self.belief)
        likely = [n for n, share in enumerate(self.belief) if share > least]
        self.low, self.size = self.low + max(0, likely[0] - 1), likely[-1] - likely[0] + 3


class Lineage:
    """Programs under one noise, and shares of effects fitted to them."""

    def __init__(self, programs: Sequence[Program], noise: float) -> None:
        """noise: of one run, in σ. Every parent comes before what was made from it."""
        self.noise = noise
        self.shares = list(USUAL)
        self.nodes: list[Node] = []
        for program in programs:
            self.nodes.append(Node(program, self.nodes, noise))
        self._gains: list[float] = []

    def fit(self, rounds: int) -> None:
        """Fit values and shares in turn."""
        for _ in range(rounds):
            gains, measured = self._weigh()
            for node in self.nodes:
                node.narrow()
            self.shares = likelier(self.shares, gains, measured, self.noise)
        self._weigh()

    def under(self, noise: float) -> "Lineage":
        """The same programs under another noise, from what is fitted here on."""
        other = Lineage([node.program for node in self.nodes], noise)
        other.shares = self.shares
        for mine, its in zip(self.nodes, other.nodes, strict=True):
            more = round(max(0.0, noise - 1) / CELL) + 1
            its.low, its.size, its.belief = (
                mine.low - more,
                mine.size + 2 * more,
                [0.0] * more + mine.belief + [0.0] * more,
            )
        return other

    @property
    def evidence(self) -> float:
        """Logarithm of how likely everything that was measured is."""
        scatter = sum(node.scatter for node in self.nodes) / (2 * self.noise**2)
        runs = sum(node.runs + len(node.program.variants) for node in self.nodes)
        scales = sum(node.scale for node in self.nodes)
        return scales - scatter - runs * log(self.noise) + log(sum(self.nodes[0].up))

    # ------------------------------------------------------------------ messages

    def _weigh(self) -> tuple[Mapping[int, float], Mapping[int, float]]:
        """Beliefs by the present shares; and with them how many changes gain so many cells, and how many
        runs of variants differ by that from what they were made from.
        """
        self._gains = mixed(self.shares, PARTS)
        logs = list(map(log, mixed(self.shares, measured_parts(self.noise))))
        for node in self.nodes:
            node.tilt = self._tilted(node) if node.belief and node.has_more else None
        for node in reversed(self.nodes):
            self._send_up(node, logs)
        gains: dict[int, float] = defaultdict(float)
        measured: dict[int, float] = defaultdict(float)
        for node in self.nodes:
            self._believe(node, gains)
            _count_variants(node, measured)
        return gains, measured

    def gains_of(self, node: Node) -> list[float]:
        """How likely which gain of a change is, before the runs of its program."""
        return node.tilt or self._gains

    def _tilted(self, node: Node) -> list[float]:
        table = list(self._gains)
        for number, value in node.program.earlier:
            mean, spread = self.nodes[number].moments()
            spread += self.noise**2 + CELL**2 / 12
            gain = value - mean
            table = [
                likely * (exp(-((gain - CELL * (n - EDGE)) ** 2) / (2 * spread)) + 1e-12)
                for n, likely in enumerate(table)
            ]
        if node.program.chosen and node.parent is not None:
            deviation = sqrt(self.noise**2 + node.parent.moments()[1])
            table = [
                likely * NormalDist().cdf(CELL * (n - EDGE) / deviation) for n, likely in enumerate(table)
            ]
        whole = sum(table)
        return [likely / whole for likely in table]

    def _send_up(self, node: Node, logs: list[float]) -> None:
        precision = node.runs / (2 * self.noise**2)
        many = len(node.variants)
        up = []
        for cell in range(node.low, node.low + node.size):
            likely = -precision * (CELL * cell - node.mean) ** 2
            if many:
                likely += sum(map(mul, node.variants, window(logs, node.first - cell, many)))
            up.append(likely)
        for child in node.children:
            up = [likely + log(part) for likely, part in zip(up, child.message, strict=True)]
        node.scale = max(up)
        node.up = [exp(likely - node.scale) for likely in up]
        if (parent := node.parent) is not None:
            table = self.gains_of(node)
            node.message = [
                LEAST + sum(map(mul, node.up, window(table, node.low - cell, node.size)))
                for cell in range(parent.low, parent.low + parent.size)
            ]

    def _believe(self, node: Node, gains: dict[int, float]) -> None:
        if node.parent is None:
            whole = sum(node.up)
            node.belief = [likely / whole for likely in node.up]
            return
        table, size = self.gains_of(node), node.size
        last = node.parent.size - 1
        down, by_gain = [0.0] * size, [0.0] * (size + last)
        for cell, likely in enumerate(without(node)):
            if likely > LEAST:
                line = window(table, node.low - node.parent.low - cell, size)
                line = [likely * part for part in line]
                down = list(map(add, down, line))
                place = slice(last - cell, last - cell + size)
                by_gain[place] = map(add, by_gain[place], map(mul, line, node.up))
        joint = list(map(mul, down, node.up))
        whole = sum(joint) or 1.0
        node.belief = [likely / whole for likely in joint]
        for gain, share in enumerate(by_gain, node.low - node.parent.low - last):
            gains[_inside(gain)] += share / whole


def _count_variants(node: Node, measured: dict[int, float]) -> None:
    """By how much the runs of its variants differ from it."""
    last, backwards = node.size - 1, node.belief[::-1]
    by_gain = [0.0] * (len(node.variants) + last)
    for place, many in enumerate(node.variants):
        if many:
            part = slice(place, place + node.size)
            by_gain[part] = [
                sum_ + many * share for sum_, share in zip(by_gain[part], backwards, strict=True)
            ]
    for gain, share in enumerate(by_gain, node.first - node.low - last) if node.variants else ():
        measured[_inside(gain)] += share


def without(node: Node) -> list[float]:
    """By cell of its parent: how likely everything is but what was measured of this branch."""
    assert node.parent is not None  # noqa: S101 - asked only of what has one
    return [share / part for share, part in zip(node.parent.belief, node.message, strict=True)]


def _inside(cell: int) -> int:
    return max(-EDGE, min(cell, EDGE))


def window(table: Sequence[float], first: int, size: int) -> Sequence[float]:
    """The table from that gain on; beyond its edges what is there."""
    start = EDGE + first
    if start >= 0 and start + size <= WIDTH:
        return table[start : start + size]
    return [table[max(0, min(start + n, WIDTH - 1))] for n in range(size)]
