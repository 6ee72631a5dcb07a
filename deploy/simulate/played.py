"""What a simulated campaign came to, beside the truth that only a simulation has. Pure."""

from collections.abc import Callable
from itertools import pairwise

from msgspec import Struct

from coordinator.state.divisions import Division
from coordinator.views.false_merges import false_merges
from deploy.simulate.engine import Engine
from deploy.simulate.odd_slots import SlotsFound, slots_found
from deploy.simulate.swarm_scenario import SwarmScenario

EXACT = 1e-12
"""Sums of the same gains in another order differ by less."""


class Played(Struct, frozen=True, kw_only=True):
    """The end of one campaign. Values are in the metric's unit; over several divisions they are means."""

    true: float
    """Of the best, without noise."""
    trues: dict[str, float] = {}
    """The same, by division."""
    reported: float
    """Of the best, as the campaign has it."""
    merges: int
    """Without the baselines."""
    false: int
    """Of these, those whose program is in truth no better than the best before it."""
    said: float
    """Of these, as many as its reports expect to be that, where they say."""
    said_of: int
    """Merges of which they say."""
    runs: int
    """Of any purpose, the baselines' too."""
    gpu_hours: float
    """For which runs held slots."""
    hours: float
    """Virtual, until the campaign ended."""
    proposals: int
    staleness: float
    """Heads that came between a brief and the first result of its proposal, on average."""
    rebased: int
    """Times that a proposal was put on another best than it was made from."""
    conflicts: int
    """Of these, those whose edit did not apply."""
    transfers: int = 0
    """Merges of one division that were tried in another."""
    slots: SlotsFound = SlotsFound([], 0, 0, 0)
    """That it set aside."""


def play(scenario: SwarmScenario, seed: int, progress: Callable[[float], None] = lambda _: None) -> Played:
    """Play one campaign to its end. progress: called now and then with the share that is done."""
    engine = Engine(scenario, seed)
    engine.play(progress)
    return outcome(engine)


def outcome(engine: Engine) -> Played:
    """What it has come to so far. Raises LookupError before a baseline is measured."""
    state, start = engine.state, engine.scenario.conditions.start
    measured = [division for division in state.divisions.values() if division.history]
    if not measured:
        raise LookupError("no baseline is measured")
    gains = [_gains(engine, division) for division in measured]
    doubted = [false_merges(state, division) for division in measured]
    said = [doubts for doubts in doubted if doubts.expected is not None]
    steps = [after - before for line in gains for before, after in pairwise(line)]
    trues = [state.metric.improved(start, line[-1]) for line in gains]
    return Played(
        true=_mean(trues),
        trues=dict(zip((division.name for division in measured), trues, strict=True)),
        reported=_mean([division.history[-1].value for division in measured]),
        merges=len(steps),
        false=sum(step <= EXACT for step in steps),
        said=sum(doubts.expected or 0.0 for doubts in said),
        said_of=sum(doubts.merges for doubts in said),
        runs=engine.leased,
        gpu_hours=state.spend.slots.gpu_seconds / 3600,
        hours=engine.now / 3600,
        proposals=state.proposed,
        staleness=engine.staleness / max(1, state.proposed),
        transfers=state.transfers,
        rebased=engine.programs.rebased,
        conflicts=engine.programs.conflicted,
        slots=slots_found(state, engine.scenario.slots),
    )


def _gains(engine: Engine, division: Division) -> list[float]:
    """Of every best over the baseline, in truth."""
    number = engine.divisions.index(division.name)
    return [engine.programs.gain(best.commit, number) for best in division.history]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
