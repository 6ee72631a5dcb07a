"""How likely each merge is false: how likely its program is no better than the one it was merged over. Pure.

- σ by few repeats is itself uncertain, and where it was taken for too small merges are false more often: so
  several are tried, and count by how likely they make everything that was measured.
- It is about noise: a merge that rests on cheated or unaudited values is not doubted more for that.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import exp
from operator import mul

from evaluator.false_merges.effect_shares import helpful_at_nothing
from evaluator.false_merges.lineage import Lineage, Node, Program, window, without

LEAST = 10
"""Measured variants below which nothing is said: it would be the usual shares, not this campaign."""
FACTORS = {0: (0.7, 1.0, 1.4, 2.0), 10: (0.8, 1.0, 1.25), 40: (1.0,)}
"""Of σ, that are tried, from so many degrees of freedom on."""
ROUGH, ROUNDS = 1, 2
"""Rounds of fitting for each, and then for those that count."""
COUNTS = 0.02
"""Share of the likelihood below which a σ does not."""
LEAST_DOUBT = 0.001
"""No merge is surer than that: the model of effects and noise is one itself."""

Move = tuple[int, int]
"""The numbers of two programs: the best before a merge, and after it."""


def doubts(programs: Sequence[Program], moves: Sequence[Move], freedom: int) -> list[float | None]:
    """For each move the probability that it made nothing better; None where too little is measured, or where
    one does not descend from the other. programs: the baseline first. freedom: degrees of freedom of σ.
    """
    variants = len(programs) - 1 + sum(len(program.variants) for program in programs)
    if variants < LEAST or not moves:
        return [None] * len(moves)
    factors = FACTORS[max(least for least in FACTORS if least <= freedom)]
    usual = Lineage(programs, 1.0)
    usual.fit(ROUNDS)
    lineages = [usual, *(usual.under(factor) for factor in factors if factor != 1.0)]
    for lineage in lineages[1:]:
        lineage.fit(ROUGH)
    evidence = [lineage.evidence for lineage in lineages]
    likely = [exp(one - max(evidence)) for one in evidence]
    counting = [
        (one, part) for one, part in zip(lineages, likely, strict=True) if part > COUNTS * sum(likely)
    ]
    for lineage, _ in counting:
        lineage.fit(ROUGH)
    return [_over(counting, move) for move in moves]


def _over(lineages: Sequence[tuple[Lineage, float]], move: Move) -> float | None:
    path = descent(lineages[0][0], move)
    if path is None:
        return None
    weights = sum(weight for _, weight in lineages)
    false = sum(weight * no_better(lineage, path) for lineage, weight in lineages) / weights
    return max(LEAST_DOUBT, min(false, 1.0))


def descent(lineage: Lineage, move: Move) -> list[int] | None:
    """The numbers of the programs from one to the other; None where there is no such way."""
    first, at = move
    path = [at]
    while at != first:
        parent = lineage.nodes[at].program.parent
        if parent is None:
            return None
        path.append(at := parent)
    return path[::-1] if len(path) > 1 else None


def no_better(lineage: Lineage, path: Sequence[int]) -> float:
    """Probability that the last program of a descent is no better than the first."""
    first, steps = lineage.nodes[path[0]], [lineage.nodes[number] for number in path[1:]]
    rest = without(steps[0])
    least = 1e-6 * max(rest)
    helps = helpful_at_nothing(lineage.shares) if len(steps) == 1 else 0.0
    whole = false = 0.0
    for cell, likely in enumerate(rest, first.low):
        if likely > least:
            last, ends = steps[-1], _ends(lineage, steps, cell)
            equal = cell - last.low
            whole += likely * sum(ends)
            false += likely * sum(ends[: max(0, equal)])
            if 0 <= equal < last.size:
                false += (1 - helps) * likely * ends[equal]
    return false / whole if whole else 1.0


def _ends(lineage: Lineage, steps: Sequence[Node], cell: int) -> list[float]:
    """By cell of the last step: how likely it is worth that and everything was measured, where what the first
    was made from is worth ``cell``.
    """
    node = steps[0]
    joint = list(window(lineage.gains_of(node), node.low - cell, node.size))
    for before, node in pairwise(steps):
        measured = [part * up / down for part, up, down in zip(joint, before.up, node.message, strict=True)]
        table, joint = lineage.gains_of(node), [0.0] * node.size
        for place, part in enumerate(measured, before.low):
            line = window(table, node.low - place, node.size)
            joint = [sum_ + part * one for sum_, one in zip(joint, line, strict=True)]
    return list(map(mul, joint, steps[-1].up))
