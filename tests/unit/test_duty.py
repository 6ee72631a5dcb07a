"""What the reconciler of a campaign has to do, by what it sees."""

import math

import pytest

from coordinator.views.status_page import PageState
from deploy.swarm.duty import ORPHANED_SECONDS, Duty, duty


def test_while_the_campaign_runs_every_slot_gets_its_agent() -> None:
    assert duty(PageState.RUNNING, 0.0, math.inf) is Duty.START


@pytest.mark.parametrize("left", [0.0, -1.0])
def test_when_the_time_of_this_start_is_over_no_agent_is_started_and_no_work_begun(left: float) -> None:
    assert duty(PageState.RUNNING, 0.0, left) is Duty.DRAIN


@pytest.mark.parametrize("left", [-1.0, math.inf])
def test_a_campaign_that_drains_gets_no_agents_and_keeps_those_it_has(left: float) -> None:
    assert duty(PageState.DRAINING, 0.0, left) is Duty.WAIT


@pytest.mark.parametrize("left", [-1.0, math.inf])
def test_a_finished_campaign_lets_every_slot_go(left: float) -> None:
    assert duty(PageState.FINISHED, 0.0, left) is Duty.END


def test_a_coordinator_that_does_not_answer_costs_no_agent() -> None:
    assert duty(None, 0.0, -1.0) is Duty.WAIT
    assert duty(None, ORPHANED_SECONDS, math.inf) is Duty.WAIT


def test_agents_whom_nobody_will_ask_again_are_ended() -> None:
    assert duty(None, ORPHANED_SECONDS + 1, math.inf) is Duty.END


def test_every_state_has_its_duty() -> None:
    assert {duty(state, 0.0, math.inf) for state in PageState} == {Duty.START, Duty.WAIT, Duty.END}
