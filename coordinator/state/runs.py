"""What happens to runs, and what that does to their experiments. Called by ``CampaignState.apply`` only."""

from statistics import fmean
from typing import assert_never

from coordinator.domain import Purpose, State
from coordinator.protocol import Token
from coordinator.state import early_looks, queues, trunks
from coordinator.state.events import LateReport, RunLeased, RunLost, RunQueued, RunReported
from coordinator.state.facts import Facts
from coordinator.state.lifecycle import InvalidTransition, count, experiment_of, finish, step
from coordinator.state.near_misses import repairable
from coordinator.state.records import Experiment, Run, evaluation_began, is_withheld
from coordinator.state.slots import slot_checks
from evaluator.result import Cheated, Crashed, EndedEarly, Lost, Measured, RunResult, TimedOut, outcome_name

LEAST_MEASURED = 2
"""Runs of a baseline that σ needs."""


def queue(facts: Facts, event: RunQueued) -> None:
    """A run waits for a slot. Raises InvalidTransition for one that is there already."""
    experiment = experiment_of(facts, event.experiment)
    awaited = experiment.state in (State.QUEUED, State.CONFIRMING)
    measured = experiment.state is State.MERGED or (experiment.baseline and not experiment.state.final)
    again = event.purpose is Purpose.REFRESH and measured
    if event.run in facts.runs or not (awaited or again):
        why = f"run {event.run} queued twice or while {experiment.state}"
        raise InvalidTransition(event.experiment, why, experiment.story)
    run = Run(
        run=event.run,
        experiment=event.experiment,
        purpose=event.purpose,
        seed=event.seed,
        round=experiment.round,
        block=event.block,
        offset=event.offset,
        seed_offset=event.seed_offset,
    )
    facts.runs[event.run] = run
    experiment.runs.append(run)
    best = facts.divisions[experiment.division].best
    if again and best is not None and best.experiment == event.experiment:
        facts.divisions[experiment.division].refreshed += 1
    queues.put(facts, experiment, run)


def lease(facts: Facts, event: RunLeased, at: float) -> None:
    """An agent holds the run. Raises InvalidTransition where one of them is taken."""
    run, experiment = _run(facts, event.run, event.experiment)
    agent = facts.agents[event.agent]
    if run.open or run.result is not None or agent.run is not None:
        why = f"run {event.run} leased to {event.agent} while one of them is taken"
        raise InvalidTransition(event.experiment, why, experiment.story)
    if experiment.state is State.QUEUED:
        step(facts, experiment, State.RUNNING)
    queues.take(facts, experiment, run)
    run.token, run.agent, run.incarnation, run.leased_at = event.token, event.agent, event.incarnation, at
    facts.tokens, facts.made = event.token.counter, facts.made + 1
    agent.run = event.run
    slot_checks.leased(agent, run)
    if experiment.started_at is None:
        experiment.started_at = at


def lose(facts: Facts, event: RunLost, at: float) -> None:
    """A lease ends without a result; the run waits again, unless its experiment has ended meanwhile."""
    run, experiment = _run(facts, event.run, event.experiment)
    held = at - run.leased_at
    if run.agent is not None:
        agent = facts.agents[run.agent]
        agent.losses, agent.why_lost = agent.losses + 1, event.reason
    _free(facts, run, event.token, at, busy=held)
    _bill(facts, experiment, held)
    facts.spend.lost(event.token, held)
    run.attempts += event.charged
    experiment.killed = experiment.killed or event.killed
    experiment.needs = max(experiment.needs, event.needs)
    facts.outcomes["lost"] += 1
    facts.made -= 1
    if experiment.state.final and run.purpose is not Purpose.REFRESH:
        return
    if experiment.state is State.RUNNING and not any(
        other.open or other.result for other in experiment.counted
    ):
        step(facts, experiment, State.QUEUED)
    queues.put(facts, experiment, run)


def report(facts: Facts, event: RunReported, at: float) -> None:
    """A result comes in, in time."""
    run, experiment = _run(facts, event.run, event.experiment)
    spent, held, busy = experiment.hours, at - run.leased_at, busy_seconds(event.result)
    agent = facts.agents[run.agent] if run.agent is not None else None
    if agent is not None:
        agent.losses = 0
    run.seconds = _free(facts, run, event.token, at, busy=busy)
    _bill(facts, experiment, run.seconds if event.result.finished_at else held)
    run.result = event.result
    early_looks.note(facts.divisions[experiment.division], experiment, run, facts.metric)
    count(facts, experiment.arm, "runs")
    facts.outcomes[outcome_name(event.result.outcome)] += 1
    facts.occupancy.gap(event.gap)
    if agent is not None:
        slot_checks.observe(facts, experiment, run, agent)
    if not experiment.state.final and run.purpose is not Purpose.REFRESH:
        _take_in(facts, experiment, event.result, at)
        return
    if run.purpose is Purpose.REFRESH:
        trunks.refreshed(facts, run)
    if experiment.arm:
        facts.tallies[experiment.arm].amend(experiment.gain, spent, experiment.hours)


def late(facts: Facts, event: LateReport) -> None:
    """A result whose lease was lost decides nothing, but its slot was paid for."""
    seconds = facts.spend.unbilled(event.token, busy_seconds(event.result))
    _bill(facts, experiment_of(facts, event.experiment), seconds)


def _take_in(facts: Facts, experiment: Experiment, result: RunResult, at: float) -> None:
    if experiment.baseline and not isinstance(result.outcome, Cheated | Lost):
        _take_in_baseline(facts, experiment, at)
    elif experiment.stepped:  # its verdict says what follows for the trunk, in its turn
        if experiment.complete:
            step(facts, experiment, State.MEASURED)
    elif not isinstance(result.outcome, Measured):
        _fail(facts, experiment, result, at)
    elif experiment.complete:
        step(facts, experiment, State.MEASURED)


def _take_in_baseline(facts: Facts, experiment: Experiment, at: float) -> None:
    """It rests on the runs that were measured, where these are enough for σ. It has failed as soon as one has
    and there is nothing to say that others would not.
    """
    measured, failures = experiment.measured, experiment.failures
    if experiment.complete and len(measured) >= LEAST_MEASURED:
        step(facts, experiment, State.MEASURED)
    elif failures and (experiment.complete or not (measured or any(run.open for run in experiment.counted))):
        _fail(facts, experiment, failures[0], at)


def _fail(facts: Facts, experiment: Experiment, result: RunResult, at: float) -> None:
    """The experiment ends with a run that has no value: it failed, or was ended early."""
    state, failure, reason = _failure(experiment, result)
    if isinstance(result.outcome, EndedEarly):
        experiment.estimate = result.outcome.estimate
    if isinstance(result.outcome, Crashed):
        experiment.withheld = is_withheld(result, result.outcome)
    queues.take_all(facts, experiment)
    experiment.failure = failure
    if repairable(experiment, facts.rules.arms):
        facts.to_repair[experiment.experiment] = None
    experiment.value = fmean(experiment.values) if experiment.values else None
    finish(facts, experiment, state, reason, at)


def _failure(experiment: Experiment, result: RunResult) -> tuple[State, str, str]:
    """The state it leaves the experiment in, its class, and the reason in words."""
    match result.outcome:
        case Crashed(kind=kind, message=message):
            reason = f"{kind.value.replace('_', ' ')}: {message}" if message else kind.value
            return State.CRASHED, kind.value, reason
        case TimedOut(limit=limit, seconds=seconds, why=why):
            after = f" after {seconds:.1f} s{f': {why}' if why else ''}"
            after = "" if evaluation_began(result) else after  # it may choose the moment
            return State.CRASHED, "timed_out", f"timed out at its {limit.value.replace('_', ' ')}{after}"
        case Cheated(kind=kind, evidence=evidence):
            return State.CHEATED, "cheated", f"{kind}: {evidence}"
        case EndedEarly(why=why):
            return State.REJECTED, "", f"ended {why}"
        case Measured():
            raise InvalidTransition(experiment.experiment, "a value is no failure", experiment.story)
        case Lost(reason=reason):
            why = f"a lost run cannot be reported ({reason})"
            raise InvalidTransition(experiment.experiment, why, experiment.story)
        case _:
            assert_never(result.outcome)


def _run(facts: Facts, name: str, experiment: str) -> tuple[Run, Experiment]:
    if name not in facts.runs:
        story = experiment_of(facts, experiment).story
        raise InvalidTransition(experiment, f"run {name} was never queued", story)
    return facts.runs[name], experiment_of(facts, experiment)


def _free(facts: Facts, run: Run, token: Token, at: float, busy: float) -> float:
    """The lease ends. busy: seconds a training says it lasted; returns those that count."""
    if not run.open or run.token != token:
        story = experiment_of(facts, run.experiment).story
        raise InvalidTransition(run.experiment, f"run {run.run} is not leased under {token}", story)
    assert run.agent is not None  # noqa: S101 - an open run has one
    facts.agents[run.agent].run = None
    seconds = min(busy, at - run.leased_at)
    facts.occupancy.worked(run.agent, at - seconds, at)
    run.agent = None
    return seconds


def _bill(facts: Facts, experiment: Experiment, seconds: float) -> None:
    facts.spend.trained(experiment.arm, seconds, facts.rules.money.slot_usd(seconds))


def busy_seconds(result: RunResult) -> float:
    """Seconds a training held its slot, as its trainer says."""
    return max(0.0, result.finished_at - result.started_at)
