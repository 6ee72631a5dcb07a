"""What every coordinator promises an agent: the service in this process, the handle of its Ray actor, and the
coordinator in memory that agents are tested with.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from agents.actor import RemoteCoordinator
from coordinator.agent_calls import Coordinator
from coordinator.arm_notes import ArmNote, ArmReason
from coordinator.model_calls import CallRecord, CallRequest, Permit
from coordinator.protocol import Accepted, Brief, HeartbeatReply, Lease, Proposal, Token, Wait
from evaluator.result import Measured, Progress
from tests.contract.coordinators import (
    TRANSCRIPT,
    Stage,
    behind_ray,
    in_memory,
    in_process,
    local_ray,
)
from tests.integration.campaign_folder import card, result

STAGES: dict[str, Callable[[Path], AbstractContextManager[Stage]]] = {
    "service": in_process,
    "memory": in_memory,
    "remote": behind_ray,
}
WORSE = Measured(2.0)


@pytest.fixture(scope="module")
def running_ray() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture(params=["service", "memory", pytest.param("remote", marks=pytest.mark.cluster)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    if request.param == "remote":
        request.getfixturevalue("running_ray")
    with STAGES[request.param](tmp_path / "demo") as stage:
        yield stage


@pytest.fixture
def coordinator(stage: Stage) -> Coordinator:
    return stage.coordinator


def brief_of(coordinator: Coordinator, agent: str = "a0") -> Brief:
    brief = coordinator.brief(agent)
    assert isinstance(brief, Brief), brief
    return brief


def answer_to(brief: Brief) -> Proposal:
    """An idea of its own for every brief."""
    return Proposal(
        proposal=f"p{brief.ordinal}",
        ordinal=brief.ordinal,
        arm=brief.arm,
        parent=brief.parent,
        source=f"{brief.source}ADDED = {brief.ordinal}\n",
        title=f"idea {brief.ordinal}",
    )


def propose(coordinator: Coordinator, agent: str = "a0") -> Proposal:
    proposal = answer_to(brief_of(coordinator, agent))
    assert isinstance(coordinator.propose(agent, proposal), Accepted)
    return proposal


def take(coordinator: Coordinator, agent: str = "a0") -> Lease:
    lease = coordinator.lease(agent)
    assert isinstance(lease, Lease), lease
    return lease


def beat(coordinator: Coordinator, agent: str, token: Token) -> HeartbeatReply:
    return coordinator.heartbeat(agent, token, Progress(share=0.5))


def request(call: str) -> CallRequest:
    return CallRequest(call=call, arm="search", model="m", ordinal=1, prompt_tokens=1, max_tokens=1)


def record(call: str, cost: float = 0.01) -> CallRecord:
    return CallRecord(call=call, arm="search", model="m", ordinal=1, prompt_tokens=1, cost_usd=cost)


# ---------------------------------------------------------------------- who is there


def test_an_agent_nobody_knows_has_to_join_first(coordinator: Coordinator) -> None:
    proposal = answer_to(brief_of(coordinator))
    for ask in (
        lambda: coordinator.brief("a9"),
        lambda: coordinator.propose("a9", proposal),
        lambda: coordinator.lease("a9"),
        lambda: coordinator.heartbeat("a9", Token(1, 1), Progress()),
        lambda: coordinator.permit("a9", request("c1")),
    ):
        with pytest.raises(ConnectionError):
            ask()


def test_every_join_is_welcomed_alike(coordinator: Coordinator) -> None:
    welcome = coordinator.join(card("a0"))
    assert coordinator.join(card("a0")) == welcome
    assert 0 < welcome.heartbeat < welcome.ttl


def test_an_agent_that_joins_again_in_the_same_life_keeps_its_lease(coordinator: Coordinator) -> None:
    propose(coordinator)
    lease = take(coordinator)
    coordinator.join(card("a0"))
    assert take(coordinator) == lease
    assert beat(coordinator, "a0", lease.token).valid


def test_a_new_life_of_an_agent_gets_the_run_of_the_earlier_one_anew(coordinator: Coordinator) -> None:
    """1. An agent takes a run and is killed. 2. It starts again and asks for a run. 3. It is the same run
    under another token; the token of its earlier life is worth nothing.
    """
    propose(coordinator)
    old = take(coordinator)
    coordinator.join(card("a0", "2"))
    new = take(coordinator)
    assert (new.run, new.seed) == (old.run, old.seed)
    assert new.token > old.token
    assert not beat(coordinator, "a0", old.token).valid
    assert beat(coordinator, "a0", new.token).valid


def test_an_agent_that_leaves_is_unknown_and_its_run_goes_to_another(coordinator: Coordinator) -> None:
    propose(coordinator)
    old = take(coordinator)
    coordinator.leave("a0", "the node goes away")
    coordinator.leave("a0", "the node goes away")
    with pytest.raises(ConnectionError):
        coordinator.lease("a0")
    coordinator.join(card("a1"))
    assert take(coordinator, "a1").run == old.run
    coordinator.join(card("a0"))
    assert isinstance(coordinator.lease("a0"), Wait)


# ---------------------------------------------------------------------- from a brief to a lease


def test_a_brief_that_is_asked_for_again_asks_the_same(coordinator: Coordinator) -> None:
    assert brief_of(coordinator) == brief_of(coordinator)


def test_nobody_is_asked_to_think_while_enough_is_queued(coordinator: Coordinator) -> None:
    for _ in range(20):
        if isinstance(answer := coordinator.brief("a0"), Wait):
            break
        coordinator.propose("a0", answer_to(answer))
    assert isinstance(answer, Wait)
    assert not answer.stop
    take(coordinator)
    assert isinstance(coordinator.brief("a0"), Brief | Wait)


def test_a_proposal_said_twice_is_one_experiment_also_when_it_is_over(coordinator: Coordinator) -> None:
    proposal = answer_to(brief_of(coordinator))
    answers = [coordinator.propose("a0", proposal) for _ in range(2)]
    lease = take(coordinator)
    coordinator.report("a0", lease.token, result(lease, WORSE))
    answers.append(coordinator.propose("a0", proposal))
    assert isinstance(answers[0], Accepted)
    assert answers == [answers[0]] * 3
    assert isinstance(coordinator.lease("a0"), Wait)


def test_what_gave_nothing_is_taken_once_and_the_brief_may_be_asked_for_again(
    coordinator: Coordinator,
) -> None:
    brief = brief_of(coordinator)
    note = ArmNote(arm=brief.arm, reason=ArmReason.TIMEOUT, words="no answer")
    for _ in range(2):
        coordinator.note_arms("a0", 1, [note])
    assert brief_of(coordinator) == brief
    with pytest.raises(ConnectionError):
        coordinator.note_arms("nobody", 1, [note])


def test_an_agent_holds_one_lease_and_gets_it_again(coordinator: Coordinator) -> None:
    for _ in range(2):
        propose(coordinator)
    lease = take(coordinator)
    assert take(coordinator) == lease
    coordinator.join(card("a1"))
    other = take(coordinator, "a1")
    assert other.run != lease.run
    assert other.token > lease.token


def test_a_lease_holds_the_program_that_was_proposed(coordinator: Coordinator) -> None:
    proposal = propose(coordinator)
    lease = take(coordinator)
    assert (lease.source, lease.title) == (proposal.source, proposal.title)


def test_where_nothing_is_queued_an_agent_waits_and_does_not_end(coordinator: Coordinator) -> None:
    answer = coordinator.lease("a0")
    assert isinstance(answer, Wait)
    assert not answer.stop


# ---------------------------------------------------------------------- from a lease to its end


def test_a_heartbeat_holds_for_its_own_token_until_the_run_is_reported(coordinator: Coordinator) -> None:
    propose(coordinator)
    lease = take(coordinator)
    other = Token(lease.token.epoch, lease.token.counter + 1)
    assert beat(coordinator, "a0", lease.token) == HeartbeatReply(valid=True)
    assert not beat(coordinator, "a0", other).valid
    coordinator.report("a0", lease.token, result(lease, WORSE))
    assert not beat(coordinator, "a0", lease.token).valid


def test_a_report_counts_once_however_often_it_is_said(coordinator: Coordinator) -> None:
    propose(coordinator)
    lease = take(coordinator)
    reports = [coordinator.report("a0", lease.token, result(lease, WORSE), 0.5) for _ in range(3)]
    assert [ack.counted for ack in reports] == [True, False, False]
    assert reports[1].reason
    assert isinstance(coordinator.lease("a0"), Wait)


def test_a_late_report_is_acknowledged_and_does_not_touch_the_new_lease(coordinator: Coordinator) -> None:
    """1. An agent takes a run and is counted as gone. 2. Another makes the run. 3. The first reports, without
    having joined again. 4. The second reports, and that counts.
    """
    propose(coordinator)
    old = take(coordinator)
    coordinator.leave("a0", "not heard of")
    coordinator.join(card("a1"))
    new = take(coordinator, "a1")
    assert new.run == old.run
    assert not coordinator.report("a0", old.token, result(old, Measured(0.1))).counted
    assert beat(coordinator, "a1", new.token).valid
    assert coordinator.report("a1", new.token, result(new, WORSE)).counted


def test_a_released_run_is_queued_again_under_another_token(coordinator: Coordinator) -> None:
    propose(coordinator)
    old = take(coordinator)
    for _ in range(2):
        coordinator.release("a0", old.token, "the trainer failed")
    new = take(coordinator)
    assert (new.run, new.seed) == (old.run, old.seed)
    assert new.token > old.token
    coordinator.release("a0", old.token, "said again, too late")
    assert take(coordinator) == new


# ---------------------------------------------------------------------- calls of models


def test_what_is_permitted_stays_permitted_when_the_money_is_spent(stage: Stage) -> None:
    coordinator = stage.coordinator
    assert coordinator.permit("a0", request("c1")) == Permit("c1")
    assert coordinator.permit("a0", request("c1")) == Permit("c1")
    stage.spend_everything()
    assert coordinator.permit("a0", request("c1")) == Permit("c1")
    answer = coordinator.permit("a0", request("c2"))
    assert isinstance(answer, Wait)
    assert answer.stop


def test_a_call_is_settled_and_kept_once_even_for_an_agent_that_has_left(stage: Stage) -> None:
    coordinator = stage.coordinator
    for call in ("c1", "c2"):
        coordinator.permit("a0", request(call))
    for _ in range(2):
        coordinator.settle("a0", record("c1"), TRANSCRIPT)
    coordinator.leave("a0", "finished")
    for _ in range(2):
        coordinator.settle("a0", record("c2"), None)
    assert stage.settled()[0] == "c1"
    assert stage.settled().count("c1") == 1
    assert "c2" in stage.settled()
    assert stage.transcripts() == 1


# ---------------------------------------------------------------------- nobody there


@pytest.mark.cluster
@pytest.mark.usefixtures("running_ray")
def test_a_coordinator_that_is_not_there_is_a_connection_error() -> None:
    with pytest.raises(ConnectionError, match="does not answer"):
        RemoteCoordinator("nobody", "").join(card("a0"))
