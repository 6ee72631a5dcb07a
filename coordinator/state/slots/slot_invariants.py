"""What must hold of slots in the state of a campaign between two steps. Pure; for tests."""

from collections.abc import Iterator
from math import isclose
from statistics import fmean

from coordinator.state.divisions import Division
from coordinator.state.facts import Facts
from coordinator.state.noise import REPEATED

CLOSE = 1e-6
"""Of sums that were made in another order, relative."""


def slots(facts: Facts) -> Iterator[str]:
    """What is observed is what was measured on slots that are believed, and nobody else's verdict rests on
    those that are not.
    """
    for name, agent in facts.agents.items():
        off = agent.evidence is not None and agent.evidence.off is not None and not agent.set_aside
        if off != (name in facts.off_slots):
            yield f"off_slots: {name} is off: {off}"
        if agent.set_aside and agent.run is not None:
            yield f"{name}: set aside and holds {agent.run}"
        division = facts.divisions.get(agent.card.division)
        if agent.set_aside and (division is None or agent.slot not in division.disbelieved):
            yield f"{name}: set aside and believed"
    for run in facts.runs.values():
        division = facts.divisions[facts.experiments[run.experiment].division]
        if run.void and run.slot not in division.disbelieved:
            yield f"{run.run}: void, though {run.slot} is believed"
    for division in facts.divisions.values():
        yield from _observed(facts, division)


def _observed(facts: Facts, division: Division) -> Iterator[str]:
    expected: dict[str, dict[str, list[float]]] = {}
    for run in facts.runs.values():
        experiment = facts.experiments[run.experiment]
        if experiment.division != division.name or run.purpose not in REPEATED or run.value is None:
            continue
        if run.slot not in division.disbelieved:
            program = expected.setdefault(f"{experiment.experiment}/{run.round}", {})
            program.setdefault(run.slot, []).append(run.value)
    observed = {
        program: {slot: [pool.origin + value for _, value in ran] for slot, ran in pool.by.items()}
        for program, pool in division.values.pools.items()
        if pool.by
    }
    if not _alike(observed, expected):
        yield f"observed in {division.name}: {observed} where {expected} is expected"
    squares = 0.0
    for program in expected.values():
        values = [value for ran in program.values() for value in ran]
        squares += sum((value - fmean(values)) ** 2 for value in values)
    if not isclose(squares, division.values.squares, rel_tol=CLOSE, abs_tol=1e-15):
        yield f"squares in {division.name}: {division.values.squares} where {squares} is expected"


def _alike(one: dict[str, dict[str, list[float]]], other: dict[str, dict[str, list[float]]]) -> bool:
    """Whether they hold the same values, but for their last bits and their order."""
    flat = [
        sorted(
            (program, slot, value)
            for program, by in programs.items()
            for slot, ran in by.items()
            for value in ran
        )
        for programs in (one, other)
    ]
    return len(flat[0]) == len(flat[1]) and all(
        left[:2] == right[:2] and isclose(left[2], right[2], rel_tol=CLOSE)
        for left, right in zip(*flat, strict=True)
    )
