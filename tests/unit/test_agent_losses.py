"""Agents whose runs are lost one after the other: people are told, by name and with the reason."""

import io

from coordinator.rules.slots import leases
from deploy.views.arm_trouble import LOST_IN_A_ROW, troubles
from deploy.views.live import Limits, Lines
from deploy.views.status_page import status_page
from tests.unit.swarm_of_rules import Swarm, rules
from tests.unit.test_idle_arms import page
from tests.unit.test_views import Watch, printed

FULL = "its machine could not begin it: [Errno 28] No space left on device"
WARNING = f"agent a lost its last 3 runs: {FULL}. Its log is logs/a.log in the campaign's folder there."


def swarm() -> Swarm:
    swarm = Swarm(rules())
    swarm.join("a")
    swarm.join("b")
    return swarm


def lose(play: Swarm, agent: str, times: int) -> None:
    for _ in range(times):
        run = play.lease(agent)
        assert run is not None
        play.commit(leases.release(play.state, agent, play.token(run), FULL))
        play.settle()


def test_one_loss_or_two_are_nobody_s_business() -> None:
    play = swarm()
    lose(play, "a", LOST_IN_A_ROW - 1)
    assert troubles(page(play)) == {}


def test_an_agent_that_loses_run_after_run_is_named_with_the_reason() -> None:
    play = swarm()
    lose(play, "a", LOST_IN_A_ROW)
    assert troubles(page(play)) == {"agent a": WARNING}
    assert "lost its last 3 runs" in printed(status_page(page(play)))


def test_a_result_ends_it_and_another_agent_s_does_not() -> None:
    play = swarm()
    lose(play, "a", LOST_IN_A_ROW)
    other = play.lease("b")
    assert other is not None
    play.report("b", other)
    assert list(troubles(page(play))) == ["agent a"]
    own = play.lease("a")
    assert own is not None
    play.report("a", own)
    assert troubles(page(play)) == {}


def test_an_agent_that_has_left_is_no_trouble() -> None:
    play = swarm()
    lose(play, "a", LOST_IN_A_ROW)
    play.commit(leases.leave(play.state, "a", "away"))
    assert troubles(page(play)) == {}


def test_the_terminal_says_it_once_and_when_it_is_over() -> None:
    play, stream = swarm(), io.StringIO()
    view = Lines(Limits(), stream, Watch())
    lose(play, "a", LOST_IN_A_ROW)
    view.update(page(play), [])
    view.update(page(play), [])
    assert stream.getvalue().count(f"warning: {WARNING}") == 1
    own = play.lease("a")
    assert own is not None
    play.report("a", own)
    view.update(page(play), [])
    assert "agent a has results again" in stream.getvalue()
