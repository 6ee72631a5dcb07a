"""What kind of idea a brief asks for. Pure.

An arm that rotates is free while the search improves. On a plateau it goes through ``TURNS``, a step for as many further experiments without a
merge as make a plateau, and begins again at the end; the next merge sets it free.
"""

from bisect import bisect_right

from coordinator.domain import Strategy
from coordinator.events import ArmShare
from coordinator.records import Division

TURNS = (Strategy.EXPLORE, Strategy.TUNE, Strategy.COMBINE, Strategy.SIMPLIFY, Strategy.ABLATE)
"""Something else first, then what near misses leave to be had, then less code, then doubt about what was merged."""


def strategy_of(arm: ArmShare, dry: int, plateau: int) -> Strategy:
    """What the arm's next brief asks for. dry: experiments that ended since the last merge. plateau: how many make one; 0 means never."""
    if not arm.rotate:
        return arm.strategy
    turns = dry // plateau if plateau else 0
    return TURNS[(turns - 1) % len(TURNS)] if turns else Strategy.FREE


def dry_spell(division: Division, seen: int | None) -> int:
    """Experiments of the division that ended since its last merge. seen: in step, the last ordinal whose verdict the brief may know; else None."""
    if seen is None:
        return division.dry
    best = division.best_as_of(seen)
    return bisect_right(division.ordinals, seen) - bisect_right(division.ordinals, best.ordinal if best else 0)
