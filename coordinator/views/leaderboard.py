"""Experiments as rows: the leaderboard, and how the best of a division came to be. Pure.

Values are in the metric's unit, moments are seconds since the epoch.
"""

from collections.abc import Iterator, Mapping
from statistics import stdev

from msgspec import UNSET, Struct, UnsetType

from coordinator.domain import State, Verdict
from coordinator.rules import trust
from coordinator.state.campaign_state import CampaignState
from coordinator.state.records import Experiment
from coordinator.views.false_merges import FalseMergesMemory
from evaluator.result import Audit

Doubts = Mapping[str, float | None]


class LeaderboardRow(Struct, frozen=True, kw_only=True):
    """One experiment in a line. Titles and reasons are untrusted text."""

    experiment: str
    commit: str
    """The merge's if it merged, else the variant's own."""
    parent: str | None
    """Commit it was made from; None for a baseline."""
    division: str
    value: float | None
    """Mean of its runs, or None while it has none."""
    spread: float | None
    """Standard deviation of its runs' values; None for fewer than two."""
    runs: int
    """How many runs its value rests on."""
    sandbox: str | None
    """The weakest of its runs' sandboxes."""
    audit: Audit | None
    """The audits of its runs together."""
    open: str
    """What speaks against believing it, in words; empty when nothing does."""
    state: State
    verdict: Verdict | None
    reason: str
    """Of its verdict."""
    arm: str | None
    agent: str | None
    title: str
    started_at: float | None
    finished_at: float | None
    transfers: str | UnsetType = UNSET
    """The experiment of another division whose merge it brings here; absent where it is an idea of its own.
    """
    gain_over_best: float | None = None
    """How much better it is than the best that its last verdict compared it with; None before one, and for a
    baseline.
    """
    false_probability: float | UnsetType | None = UNSET
    """Of what became the best: probability that it is no better in truth than the best before; None where
    that cannot be said. Absent of anything else.
    """


class BestSoFar(Struct, frozen=True, kw_only=True):
    """One finished experiment of a division, in the order of verdicts."""

    number: int
    """Finished experiments of its division before it."""
    experiment: str
    value: float | None
    merged: bool
    best: float | None
    """The best after it; None before the baseline is measured."""
    became_best: bool = False
    """It is, or was, the best; others merged below it, as steps of its stack."""
    rolled_back: bool = False
    """It was a step of a trunk whose certificate failed."""


def rows(state: CampaignState, said: Doubts | None = None) -> list[LeaderboardRow]:
    """One row per experiment: bests first, newest best on top, then by value, then those without one. said:
    ``doubts_of`` it, where that is there already.
    """
    ages = {
        best.experiment: number
        for division in state.divisions.values()
        for number, best in enumerate(division.history)
    }

    def rank(experiment: Experiment) -> tuple[int, float]:
        value = _value(experiment)
        if experiment.experiment in ages:
            return (0, -ages[experiment.experiment])
        return (2, experiment.ordinal) if value is None else (1, -state.metric.gain(0.0, value))

    doubts = doubts_of(state) if said is None else said
    return [row(experiment, doubts) for experiment in sorted(state.experiments.values(), key=rank)]


def doubts_of(state: CampaignState, memory: FalseMergesMemory | None = None) -> Doubts:
    """By every experiment that became the best: the probability that it is no better in truth than the best
    before; None where it cannot be said.
    """
    said = (memory or FalseMergesMemory()).of(state)
    return {
        best.experiment: said[division.name].by_experiment.get(best.experiment)
        for division in state.divisions.values()
        for best in division.history[1:]
    }


def row(experiment: Experiment, doubts: Doubts | None = None) -> LeaderboardRow:
    """One experiment. doubts: of those that became the best."""
    runs = experiment.resting or experiment.counted
    grounds = experiment.grounds or trust.grounds([run.result for run in runs if run.result])
    return LeaderboardRow(
        experiment=experiment.experiment,
        commit=experiment.merge_commit or experiment.commit,
        parent=experiment.parent or None,
        division=experiment.division,
        value=_value(experiment),
        spread=stdev(experiment.values) if len(experiment.values) > 1 else None,
        runs=experiment.grounds.runs if experiment.grounds else len(experiment.values),
        sandbox=grounds.tier or None,
        audit=grounds.audit,
        open=grounds.marks if experiment.values else "",
        state=experiment.state,
        verdict=experiment.verdict,
        reason=experiment.reason,
        arm=experiment.arm or None,
        agent=experiment.agent or None,
        title=experiment.title,
        transfers=experiment.transfers or UNSET,
        started_at=experiment.started_at,
        finished_at=experiment.finished_at,
        gain_over_best=experiment.delta,
        false_probability=(doubts or {}).get(experiment.experiment, UNSET),
    )


def best_so_far(state: CampaignState, division: str) -> list[BestSoFar]:
    """Finished experiments of a division in the order of their verdicts."""
    best: float | None = None
    bests = {one.experiment for one in state.divisions[division].history}
    points = []
    for number, experiment in enumerate(_finished(state, division)):
        merged = experiment.state is State.MERGED
        best = experiment.value if experiment.experiment in bests else best
        points.append(
            BestSoFar(
                number=number,
                experiment=experiment.experiment,
                value=_value(experiment),
                merged=merged,
                best=best,
                became_best=experiment.experiment in bests,
                rolled_back=experiment.state is State.ROLLED_BACK,
            )
        )
    return points


def _finished(state: CampaignState, division: str) -> Iterator[Experiment]:
    return (
        state.experiments[name] for name in state.finished if state.experiments[name].division == division
    )


def _value(experiment: Experiment) -> float | None:
    if experiment.value is not None:
        return experiment.value
    return sum(experiment.values) / len(experiment.values) if experiment.values else None
