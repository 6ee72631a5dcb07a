"""What proposals, verdicts and rebases change. Called by ``CampaignState.apply`` only."""

from typing import assert_never

from configs.reserved import PEOPLES
from coordinator.domain import Purpose, State, Verdict
from coordinator.state import noise, trunks
from coordinator.state.carried_over import carry_over, leave_behind
from coordinator.state.divisions import Best, Division
from coordinator.state.events import (
    DivisionOpened,
    ExperimentProposed,
    ProposalRefused,
    Rebased,
    VerdictGiven,
)
from coordinator.state.facts import Facts
from coordinator.state.lifecycle import InvalidTransition, add, count, experiment_of, finish, step
from coordinator.state.near_misses import decided
from coordinator.state.records import Experiment

MAX_TURNED_AWAY = 50
"""Refusals that a brief tells."""


def open_division(facts: Facts, event: DivisionOpened, at: float) -> None:
    """A division is there, and its baseline is an experiment: the first, or another where that failed."""
    opened = Division(name=event.division, baseline=event.experiment)
    division = facts.divisions.setdefault(event.division, opened)
    division.baseline, division.sigma = event.experiment, None
    division.history, division.heads, division.trunk = [], [], []
    baseline = Experiment(
        experiment=event.experiment,
        ordinal=0,
        division=event.division,
        arm="",
        agent="",
        parent="",
        commit=facts.start.commit,
        digest=facts.start.digest,
        title="baseline",
        proposed_at=at,
    )
    add(facts, baseline)


def propose(facts: Facts, event: ExperimentProposed, at: float) -> None:
    """A proposal is an experiment. Raises InvalidTransition for an ordinal that is not the next."""
    if event.ordinal != len(facts.by_ordinal) + 1:
        raise InvalidTransition(
            event.experiment, f"ordinal {event.ordinal} after {len(facts.by_ordinal)}", []
        )
    add(facts, _experiment(event, at))
    if event.repairs:
        facts.experiments[event.repairs].repaired = event.experiment
        facts.to_repair.pop(event.repairs, None)
    facts.by_ordinal.append(event.experiment)
    facts.divisions[event.division].ordinals.append(event.ordinal)
    if event.combines:
        remember_pair(facts, event.division, event.combines)
    count(facts, event.arm, "proposals")
    facts.troubles.gave(event.arm, event.agent)
    facts.turned_away = []
    facts.proposals[event.proposal] = event.experiment
    if event.transfers:
        carry_over(facts, event)


def remember_pair(facts: Facts, division: str, pair: list[str]) -> None:
    """Two parked experiments were put together, or cannot be. Raises InvalidTransition for what is no pair of
    them, and for one that was tried.
    """
    first, second = pair
    one = facts.divisions[division]
    if (first, second) in one.combined or not {first, second} <= one.parked.keys() or first == second:
        raise InvalidTransition(first, f"put together with {second} twice, or without being parked", [])
    one.combined[first, second] = None


def _experiment(event: ExperimentProposed, at: float) -> Experiment:
    return Experiment(
        experiment=event.experiment,
        ordinal=event.ordinal,
        division=event.division,
        arm=event.arm,
        agent=event.agent,
        parent=event.parent,
        commit=event.commit,
        digest=event.digest,
        title=event.title,
        hypothesis=event.hypothesis,
        settings=event.settings,
        calls=event.calls,
        origin=event.origin,
        constant_changes=event.constant_changes,
        repairs=event.repairs,
        combines=event.combines,
        transfers=event.transfers,
        proposed_at=at,
    )


def refuse(facts: Facts, event: ProposalRefused) -> None:
    """Remember what was refused since the last acceptance: the next brief tells it, so that no proposer
    repeats itself for ever.
    """
    facts.refusals[event.refusal.value] += 1
    if event.arm in PEOPLES:
        facts.hints.answer(event)
    elif event.transfers:
        leave_behind(facts, event)
    elif event.refusal.reaskable:
        facts.refused += 1
        count(facts, event.arm, "refused")
        facts.to_repair.pop(event.repairs, None)
        facts.turned_away = [*facts.turned_away[-MAX_TURNED_AWAY:], event]


def rebase(facts: Facts, event: Rebased) -> None:
    """A stale experiment is on the best, and begins anew."""
    experiment = experiment_of(facts, event.experiment)
    step(facts, experiment, State.QUEUED)
    experiment.earlier_parents = (*experiment.earlier_parents, experiment.parent)
    experiment.parent, experiment.commit, experiment.digest = event.parent, event.commit, event.digest
    experiment.round += 1
    facts.by_digest[experiment.division, event.digest] = experiment.experiment
    facts.digests[event.commit] = event.digest


def decide(facts: Facts, event: VerdictGiven, at: float) -> None:
    """A verdict takes effect."""
    experiment = experiment_of(facts, event.experiment)
    decided(experiment, event, facts.divisions[experiment.division], facts.metric)
    experiment.verdict, experiment.value = event.verdict, event.value
    facts.verdicts[event.verdict.value] += 1
    match event.verdict:
        case Verdict.MERGE if experiment.stepped:
            trunks.certify(facts, experiment, event, at)
        case Verdict.MERGE:
            _merge(facts, experiment, event, at)
        case Verdict.STEP if experiment.stepped:
            trunks.hold(facts, experiment, event)
        case Verdict.STEP:
            trunks.advance(facts, experiment, event, at)
        case Verdict.ROLL_BACK:
            experiment.reason = event.reason
            trunks.roll_back(facts, facts.divisions[experiment.division], experiment, at)
        case Verdict.REJECT:
            noise.pool(facts.divisions[experiment.division], experiment, facts.settled + 1)
            finish(facts, experiment, State.REJECTED, event.reason, at)
        case Verdict.CONFIRM:
            experiment.due = event.due
            step(facts, experiment, State.CONFIRMING)
        case Verdict.RETEST:
            step(facts, experiment, State.STALE)
        case _:
            assert_never(event.verdict)
    experiment.reason = event.reason


def _merge(facts: Facts, experiment: Experiment, event: VerdictGiven, at: float) -> None:
    division = facts.divisions[experiment.division]
    best = division.best
    if event.value is None or (best is not None and experiment.parent != best.commit):
        why = "merged without a value or on a parent that is not the best"
        raise InvalidTransition(experiment.experiment, why, experiment.story)
    experiment.merge_commit, experiment.grounds = event.commit, event.grounds
    runs = event.grounds.runs if event.grounds else len(experiment.values)
    facts.digests[event.commit] = experiment.digest
    if experiment.baseline:
        noise.from_baseline(division, experiment)
    elif best is not None:
        noise.pool(division, experiment, facts.settled + 1)
        experiment.gain = max(0.0, facts.metric.gain(best.value, event.value))
    now = Best(
        experiment=experiment.experiment,
        ordinal=experiment.ordinal,
        commit=event.commit,
        value=event.value,
        runs=runs,
        at=at,
        since=experiment.ordinal,
        sigma=division.sigma,
        brought=bool(experiment.transfers),
    )
    division.history.append(now)
    division.doubtful = ""
    division.heads.append(now)
    finish(facts, experiment, State.MERGED, event.reason, at)
    trunks.moved(division, keep_head=True)
    for run in experiment.runs:
        if run.purpose is Purpose.REFRESH:  # of a baseline, which other slots ran before it was measured
            trunks.refreshed(facts, run)
