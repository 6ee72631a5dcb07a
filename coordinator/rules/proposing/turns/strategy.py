"""What kind of idea a brief asks for. Pure.

An arm that rotates is free while the search improves. On a plateau it goes through ``TURNS``, a step for as
many further experiments without a merge as make a plateau, and begins again at the end; the next merge sets
it free.
"""

from bisect import bisect_right
from collections.abc import Sequence

from coordinator.domain import Metric, Origin, State, Strategy
from coordinator.rule_values.rule_set import ArmShare
from coordinator.state.divisions import Best, Division
from coordinator.state.near_misses import NEAR_MISS
from coordinator.state.records import Experiment

TURNS = (Strategy.EXPLORE, Strategy.TUNE, Strategy.COMBINE, Strategy.SIMPLIFY, Strategy.ABLATE)
"""Something else first, then what near misses leave to be had, then less code, then doubt about what was
merged.
"""


def strategy_of(arm: ArmShare, dry: int, plateau: int) -> Strategy:
    """What the arm's next brief asks for. dry: experiments that ended since the last merge. plateau: how many
    make one; 0 means never.
    """
    if not arm.rotate:
        return arm.strategy
    turns = dry // plateau if plateau else 0
    return TURNS[(turns - 1) % len(TURNS)] if turns else Strategy.FREE


def dry_spell(division: Division, horizon: int | None) -> int:
    """Experiments of the division that ended since its last merge. horizon: in order, the last ordinal whose
    verdict the brief may know; else None.
    """
    if horizon is None:
        return division.dry
    best = division.best_as_of(horizon)
    return bisect_right(division.ordinals, horizon) - bisect_right(
        division.ordinals, best.ordinal if best else 0
    )


def subjects(
    strategy: Strategy,
    arm: ArmShare,
    experiments: Sequence[Experiment],
    parent: Best,
    noise: float,
    metric: Metric,
    seed: int,
) -> list[Experiment]:
    """Which of the experiments a brief tells of are what its strategy is about. noise: σ of the division, in
    the metric's unit. seed: the brief's.

    To take back: one of those that merged, drawn by the seed, so that agents who ask together do not all get
    the same. Not the latest: what is left without it was the best before. To combine: the two best that are
    not in the parent and not much worse than it.
    """
    of_best = arm.parent is Origin.BEST
    merged = [experiment for experiment in experiments if experiment.state is State.MERGED][:-1]
    match strategy:
        case Strategy.ABLATE:
            return [merged[seed % len(merged)]] if merged and of_best else []
        case Strategy.COMBINE:
            gains = {
                experiment.experiment: metric.gain(parent.value, experiment.value)
                for experiment in experiments
                if experiment.value is not None
            }
            wanted = (State.REJECTED,) if of_best else (State.REJECTED, State.MERGED)
            near = [
                experiment
                for experiment in experiments
                if experiment.state in wanted
                and gains.get(experiment.experiment, float("-inf")) >= -NEAR_MISS * noise
            ]
            return sorted(near, key=lambda experiment: gains[experiment.experiment], reverse=True)[:2]
        case _:
            return []
