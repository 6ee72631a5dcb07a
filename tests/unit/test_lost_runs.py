"""Runs that are lost: made again without charge, but a program cannot have itself run again by killing
itself.
"""

import pytest

from coordinator.domain import State
from coordinator.rules.slots import leases
from coordinator.state.events import RunLost
from coordinator.state.records import Experiment
from evaluator.result import Crashed, CrashKind, Lost, Measured, Outcome
from tests.unit.swarm_of_rules import Swarm, rules

KILLED = Lost("its process was killed from outside", killed=True)


def ready(lookahead: int = 0) -> Swarm:
    """A swarm whose baseline is measured."""
    swarm = Swarm(rules(lookahead=lookahead))
    swarm.join("a0")
    for value in (0.99, 1.0, 1.0, 1.01):
        make(swarm, Measured(value))
    return swarm


def make(swarm: Swarm, outcome: Outcome) -> str:
    run = swarm.lease("a0")
    assert run is not None
    swarm.report("a0", run, outcome)
    return run


def proposed(swarm: Swarm) -> Experiment:
    name = swarm.think("a0")
    assert name is not None
    return swarm.state.experiments[name]


def outcome_of(experiment: Experiment) -> Outcome | None:
    result = experiment.runs[-1].result
    return result.outcome if result else None


@pytest.mark.parametrize("lookahead", [0, 4])
def test_the_first_kill_of_an_experiment_is_lost_and_the_second_its_crash(lookahead: int) -> None:
    swarm = ready(lookahead)
    experiment = proposed(swarm)
    first = make(swarm, KILLED)
    assert (experiment.state, experiment.killed) == (State.QUEUED, True)
    assert make(swarm, KILLED) == first
    assert experiment.state is State.CRASHED
    assert outcome_of(experiment) == Crashed(CrashKind.NO_RESULT, leases.KILLED_AGAIN)
    assert swarm.replayed() == swarm.state


def test_a_kill_of_its_screen_and_one_of_its_confirm_run_are_two() -> None:
    swarm = ready()
    experiment = proposed(swarm)
    for outcome in (KILLED, Measured(0.9), KILLED):
        make(swarm, outcome)
    assert experiment.state is State.CRASHED


def test_kills_of_different_experiments_are_the_first_of_each() -> None:
    swarm = ready()
    for _ in range(3):
        experiment = proposed(swarm)
        for outcome in (KILLED, Measured(1.1)):
            make(swarm, outcome)
        assert experiment.state is State.REJECTED


def test_what_a_machine_loses_otherwise_is_run_again_until_there_were_too_many() -> None:
    swarm = ready()
    experiment = proposed(swarm)
    states = []
    for _ in range(5):
        make(swarm, Lost("supervisor died"))
        states.append(experiment.state)
    assert states == [State.QUEUED] * 4 + [State.CRASHED]


def test_nobody_cheats_with_the_unmodified_surface() -> None:
    swarm = Swarm()
    swarm.join("a0")
    for outcome in (KILLED, KILLED, Measured(1.0)):
        make(swarm, outcome)
    assert swarm.state.experiments["baseline-cpu"].state is State.RUNNING


def test_journals_of_before_say_of_no_run_that_it_was_killed() -> None:
    swarm = ready()
    proposed(swarm)
    make(swarm, Lost("its process was killed from outside"))
    lost = [event for _, event in swarm.journal if isinstance(event, RunLost)]
    assert [event.killed for event in lost] == [False]
