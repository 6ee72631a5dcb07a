"""Runs that wait for a slot, by division. Changed by ``CampaignState.apply`` only."""

from heapq import heappop, heappush

from coordinator.domain import PRIORITY, Purpose
from coordinator.state.facts import Facts
from coordinator.state.records import Experiment, Run


def put(facts: Facts, experiment: Experiment, run: Run) -> None:
    """The run waits for a slot: behind what is more urgent, then behind earlier ideas."""
    division = facts.divisions[experiment.division]
    key = (PRIORITY[run.purpose], experiment.ordinal, experiment.runs.index(run))
    division.queued[run.run] = key
    heappush(division.line, (key, run.run))
    division.screens += run.purpose is Purpose.SCREEN


def take(facts: Facts, experiment: Experiment, run: Run) -> None:
    """The run does not wait any more, if it did."""
    division = facts.divisions[experiment.division]
    if division.queued.pop(run.run, None) is not None:
        division.screens -= run.purpose is Purpose.SCREEN
    while division.line and division.line[0][1] not in division.queued:
        heappop(division.line)


def take_all(facts: Facts, experiment: Experiment) -> None:
    """No run of the experiment waits any more."""
    for run in experiment.counted:
        if run.result is None:
            take(facts, experiment, run)
