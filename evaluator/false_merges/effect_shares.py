"""What changes are worth: shares of changes that do nothing, help, or harm, as a campaign's own runs say.

- A gain is counted in cells of ``CELL`` σ. Nothing is an atom at 0; help and harm are mixtures of exponential
  distributions of a few scales, so that a few large effects beside many small ones fit.
- Shares are estimated by expectation maximisation (Dempster, Laird and Rubin, 1977), with some changes of
  usual shares added, so that a short campaign leans on these.
- What helps by less than half a cell looks like nothing. How much of that there is follows from the shape of
  what is seen; if there is more, too many merges are called false, and never too few.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import exp
from operator import mul

CELL = 0.5
"""σ."""
EDGE = 120
"""Cells from 0 to the largest gain or loss that is told apart."""
WIDTH = 2 * EDGE + 1
HELPS, HARMS = (0.3, 1.0, 3.0, 9.0), (1.0, 3.0, 9.0, 27.0)
"""Mean sizes of the parts, in σ."""
USUAL = (0.28, *(0.06 for _ in HELPS), *(0.12 for _ in HARMS))
"""Shares before anything is measured: of null changes, then of each part. An assumption: of the one public
trace's 125 proposals 22 were kept, 14 of these by less than its noise.
"""
WEIGHT = 10.0
"""Changes of the usual shares that are taken to have been there before."""
STEPS = 4
"""Of expectation maximisation, each time that the programs' values are known better."""
FEW = 1e-3
"""Changes of one size below which they do not count."""
KERNEL = 6.0
"""σ from which on noise is taken to be impossible."""
NEVER = 1e-9
"""Probability, for one cell, that a run is none of this: so one odd run does not decide."""

Table = list[float]
"""By gain, from ``-EDGE`` cells on."""


def _exponential(scale: float, sign: int) -> Table:
    table = [0.0] * WIDTH
    for cell in range(EDGE + 1):
        low, high = max(0.0, cell - 0.5) * CELL, (cell + 0.5) * CELL
        beyond = exp(-high / scale) if cell < EDGE else 0.0
        table[EDGE + sign * cell] = exp(-low / scale) - beyond
    return table


PARTS: tuple[Table, ...] = (
    [float(cell == EDGE) for cell in range(WIDTH)],
    *(_exponential(scale, 1) for scale in HELPS),
    *(_exponential(scale, -1) for scale in HARMS),
)
"""The distribution of gains of each part."""
HELPFUL = slice(1, 1 + len(HELPS))


@lru_cache(maxsize=16)
def measured_parts(noise: float) -> tuple[Table, ...]:
    """The same as one run shows them. noise: of it, in units of σ."""
    reach = round(KERNEL * noise / CELL)
    kernel = [exp(-((CELL * cell / noise) ** 2) / 2) for cell in range(-reach, reach + 1)]
    pad = [0.0] * reach
    blurred = []
    for part in PARTS:
        wide = [*pad, *part, *pad]
        blurred.append(
            [sum(map(mul, kernel, wide[cell : cell + len(kernel)])) + NEVER for cell in range(WIDTH)]
        )
    return tuple(blurred)


def mixed(shares: Sequence[float], parts: Sequence[Table]) -> Table:
    """The parts together."""
    return [sum(map(mul, shares, cell)) for cell in zip(*parts, strict=True)]


def helpful_at_nothing(shares: Sequence[float]) -> float:
    """Share of the changes of 0 cells that help in truth, by less than half a cell."""
    parts = [share * part[EDGE] for share, part in zip(shares, PARTS, strict=True)]
    return sum(parts[HELPFUL]) / sum(parts)


def likelier(
    shares: Sequence[float], gained: Mapping[int, float], measured: Mapping[int, float], noise: float
) -> list[float]:
    """Shares under which gains are likelier than under ``shares``. gained: how many changes are taken to gain
    so many cells. measured: how many runs differ by that from what they were made from.
    """
    blurred = measured_parts(noise)
    columns = [
        *_columns(PARTS, gained),
        *_columns(blurred, measured),
    ]
    now = list(shares)
    for _ in range(STEPS):
        counts = [WEIGHT * share for share in USUAL]
        for many, column in columns:
            joint = list(map(mul, now, column))
            factor = many / (sum(joint) or 1.0)
            counts = [count + factor * part for count, part in zip(counts, joint, strict=True)]
        whole = sum(counts)
        now = [count / whole for count in counts]
    return now


def _columns(parts: Sequence[Table], many: Mapping[int, float]) -> Iterable[tuple[float, list[float]]]:
    return ((number, [part[EDGE + cell] for part in parts]) for cell, number in many.items() if number > FEW)
