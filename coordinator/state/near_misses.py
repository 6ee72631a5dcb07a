"""What is kept of an experiment for those who propose later: how far it was from the best, whether it may be
repaired. Pure.
"""

from collections.abc import Sequence

from configs.reserved import SIMPLER
from coordinator.domain import Metric, Origin, State, Verdict
from coordinator.rule_values.rule_set import ArmShare
from coordinator.state.divisions import Division
from coordinator.state.events import VerdictGiven
from coordinator.state.records import Experiment
from evaluator.result import CrashKind

NEAR_MISS = 2.0
"""A variant that did not merge is a near miss down to this many σ worse than the best it was compared with:
bad luck with its seeds can do that much, so it may be tried again and is worth combining with another.
"""
REPAIRABLE = frozenset(
    kind.value
    for kind in (
        CrashKind.DOES_NOT_START,
        CrashKind.EXCEPTION,
        CrashKind.OUT_OF_MEMORY,
        CrashKind.DIVERGED,
        CrashKind.GUARD,
        CrashKind.CONTRACT,
    )
)
"""Crashes that say what to repair. A run that never came back, or that met a limit, says nothing."""


def decided(experiment: Experiment, event: VerdictGiven, division: Division, metric: Metric) -> None:
    """Note what a verdict says, before it takes effect. A stale experiment's old value was not compared with
    the new best: it keeps what it had.
    """
    head = division.head
    if experiment.stepped:  # what it was a step by stays
        return
    if head is not None and event.value is not None and experiment.state is not State.STALE:
        experiment.delta = metric.gain(head.value, event.value)
    if event.verdict is Verdict.REJECT:
        noise = division.sigma
        experiment.near = (
            experiment.delta is not None and noise is not None and experiment.delta >= -NEAR_MISS * noise
        )
    experiment.bests = len(division.history)


def repairable(experiment: Experiment, arms: Sequence[ArmShare]) -> bool:
    """Whether a crashed experiment may be repaired: by the same arm, once, and not what was itself meant to
    repair another.
    """
    able = any(arm.repairs and arm.name == experiment.arm for arm in arms)
    return able and not experiment.repairs and experiment.failure in REPAIRABLE


def is_parked(experiment: Experiment) -> bool:
    """Whether something may be left of what it tried: it was nearly good enough, or was a step whose stack
    failed. What is made of two such is not parked again, nor is what never builds on others' work, or is to
    be simpler and no better.
    """
    nearly = experiment.state is State.REJECTED and experiment.near
    idea = not experiment.baseline and not experiment.combines and experiment.origin is Origin.BEST
    idea = idea and experiment.arm != SIMPLER
    return idea and (nearly or experiment.state is State.ROLLED_BACK)
