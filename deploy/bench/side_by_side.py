"""What runs of two builds came to, side by side. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from msgspec import Struct

from deploy.bench.one_run import RunFacts
from deploy.bench.readings import Goal, Reading

MOST_TIMES = 1.25
"""Judged evaluation against the same in process: hand-overs, claims and all that is between."""

MOST_TOLERANCE = 0.1
"""Of a ratio in time to the build before that is to be at most 1: two standard errors of it, from the spread
of its own runs, and never more than this. On a machine too busy for that, measure again.
"""
MAD_TO_SIGMA = 1.4826
MEDIAN_TO_MEAN = 1.2533
"""For a normal distribution: σ over the median distance from the middle; the standard error of a median over
that of a mean.
"""

BEFORE = "before"
MIB = 2.0**20


class Runs(Struct, frozen=True, kw_only=True):
    """A build's runs, in the order they were made."""

    evaluated: Sequence[RunFacts] = ()
    """Judged, not audited."""

    audited: Sequence[RunFacts] = ()
    """At the demo's full size."""

    sampled: Sequence[RunFacts] = ()
    """Audited too, and their memory looked at."""


Of = Callable[[RunFacts], float]


def readings(runs: Runs, before: Runs | None) -> list[Reading]:
    """Every figure of this build with that of the build before beside it, where there is one."""
    beside = before or Runs()
    evaluation = _beside("evaluation, claimed to the judge", "s", evaluated, runs.evaluated, beside.evaluated)
    return [
        Reading(
            what=evaluation.what,
            value=evaluation.value,
            unit=evaluation.unit,
            references={"in process": _middle(map(in_process, runs.evaluated)), **evaluation.references},
        ),
        _beside(
            "times the evaluation in process",
            "",
            lambda run: evaluated(run) / in_process(run),
            runs.evaluated,
            beside.evaluated,
            Goal(MOST_TIMES, at_most=True),
        ),
        *_against(
            "training's end to verdict, audited",
            "s",
            to_verdict,
            runs.audited,
            beside.audited,
            MOST_TOLERANCE,
        ),
        *_against("peak memory of an audited run", "MiB", peak, runs.sampled, beside.sampled),
        _beside("CPU of an audited run, judge and all", "CPU-s", cpu, runs.audited, beside.audited),
    ]


def _against(
    what: str,
    unit: str,
    of: Of,
    runs: Sequence[RunFacts],
    before: Sequence[RunFacts],
    most_tolerance: float = 0.0,
) -> list[Reading]:
    """A figure, and where there is a build before how many times that one's it is."""
    figure = _beside(what, unit, of, runs, before)
    if not before:
        return [figure]
    times = ratios(of, runs, before)
    return [
        figure,
        Reading(
            what="  times the build before, run by run",
            value=_middle(times),
            goal=Goal(1.0 + min(most_tolerance, 2 * standard_error(times)), at_most=True),
        ),
    ]


def _beside(
    what: str,
    unit: str,
    of: Of,
    runs: Sequence[RunFacts],
    before: Sequence[RunFacts],
    goal: Goal | None = None,
) -> Reading:
    return Reading(
        what=what,
        value=_middle(map(of, runs)),
        unit=unit,
        goal=goal,
        references={BEFORE: _middle(map(of, before))} if before else {},
    )


def ratios(of: Of, runs: Iterable[RunFacts], before: Iterable[RunFacts]) -> list[float]:
    """Of runs that were made one right after the other: what else the machine does changes slowly and meets
    both.
    """
    return [of(run) / of(other) for run, other in zip(runs, before, strict=True)]


def standard_error(values: Sequence[float]) -> float:
    """Of their median, from their median distance to it; 0 for values that are not known."""
    middle = _middle(values)
    spread = _middle(abs(value - middle) for value in values)
    return 0.0 if math.isnan(spread) else MEDIAN_TO_MEAN * MAD_TO_SIGMA * spread / math.sqrt(len(values))


# -------------------------------------------------------------------------- figures of one run


def in_process(run: RunFacts) -> float:
    """Seconds of an evaluation without a judge."""
    return run.marks.get("in_process", math.nan)


def evaluated(run: RunFacts) -> float:
    """Seconds that ``evaluate_bpb`` took, by the variant's clock."""
    return run.marks.get("evaluated", math.nan)


def to_verdict(run: RunFacts) -> float:
    """Seconds from the call of ``evaluate_bpb`` to the result, nothing of the run left."""
    return run.finished - run.marks.get("asked", math.nan)


def peak(run: RunFacts) -> float:
    """MiB at once."""
    return math.nan if run.peak is None else run.peak / MIB


def cpu(run: RunFacts) -> float:
    """CPU seconds."""
    return math.nan if run.cpu is None else run.cpu


def _middle(values: Iterable[float]) -> float:
    """The median; nan without values, and where one of them is."""
    numbers = list(values)
    return math.nan if not numbers or any(map(math.isnan, numbers)) else median(numbers)
