"""Permits and records of calls: every try has one of each, whatever becomes of it, and secrets stay
behind.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import Event

import pytest
from msgspec.structs import replace

from agents.backoff import Waits
from agents.context import AgentContext
from agents.link import Link
from agents.permit_client import LONGEST_WAIT, PermitClient
from agents.proposers.contract import ArmStopped, ProposerError, Unavailable
from agents.proposers.llm.calls import KEPT_CHARS, Calls
from agents.proposers.llm.completion import CompletionError, Failure, Message, Options, Reply
from agents.proposers.llm.llm_proposer import LlmProposer
from agents.proposers.llm.retry import FallbackModels, RetryPolicy
from agents.shutdown import Shutdown
from agents.testing.memory_coordinator import MemoryCoordinator
from agents.testing.scripted_completion import ScriptedCompletion
from coordinator.domain import Direction, Metric
from coordinator.model_calls import CallRecord, CallRequest
from coordinator.protocol import AgentCard, Brief, Wait
from coordinator.store.transcripts import MAX_BYTES, packed
from tests.unit.transcripts import NotedPermits

SOURCE = "from prepare import evaluate_bpb\n\nDEPTH = 4\nevaluate_bpb(DEPTH)\n"
GOOD = "<<<<<<< SEARCH\nDEPTH = 4\n=======\nDEPTH = 6\n>>>>>>> REPLACE\n"
PLANTED = "planted-secret-0123456789"
BRIEF = Brief(
    ordinal=3,
    seed=1,
    arm="thinker",
    division="cpu",
    metric=Metric("val_bpb", Direction.MINIMIZE),
    parent="c0",
    source=SOURCE,
)
Step = str | Failure
RATE = 1e-6
"""Dollars per token of model ``a``, known before it is called."""


def proposer(permits: NotedPermits, *steps: Step, models: Sequence[str] = ("a", "b")) -> LlmProposer:
    """Half a cent a call."""
    completion = ScriptedCompletion(*steps, cost_usd=0.005, prices={"a": RATE})
    policy = RetryPolicy(tries=2)
    mind = FallbackModels(completion, models, Options(), policy, now=lambda: 0.0, pause=lambda _: None)
    return LlmProposer(mind, "Go deeper.", permits=permits)


def test_a_call_is_permitted_before_it_is_made_and_settled_after() -> None:
    permits = NotedPermits()
    proposal = proposer(permits, GOOD).propose(BRIEF)
    (request,), (record,) = permits.requests, permits.records
    assert (request.arm, request.model, request.ordinal, request.max_tokens) == ("thinker", "a", 3, 16_000)
    assert request.prompt_tokens > 100
    assert request.estimate_usd == pytest.approx(RATE * (request.prompt_tokens + request.max_tokens))
    assert (record.turn, record.prompt_tokens, record.completion_tokens, record.cost_usd, record.seconds) == (
        0,
        50,
        7,
        0.005,
        1.5,
    )
    assert (record.call, record.result, proposal.calls) == (request.call, "blocks", [request.call])


def test_every_try_and_every_turn_has_a_permit_and_a_record_of_its_own() -> None:
    permits = NotedPermits()
    proposal = proposer(
        permits, Failure.SERVER, "only prose", Failure.TIMEOUT, Failure.TIMEOUT, GOOD
    ).propose(BRIEF)
    assert [record.result for record in permits.records] == [
        "server",
        "no_edit",
        "timeout",
        "timeout",
        "blocks",
    ]
    assert [record.model for record in permits.records] == ["a", "a", "a", "a", "b"]
    assert [record.turn for record in permits.records] == [0, 0, 1, 1, 1]
    assert [record.cost_usd for record in permits.records] == [0.0, 0.005, 0.0, 0.0, 0.005]
    assert [request.call for request in permits.requests] == [record.call for record in permits.records]
    assert len({request.call for request in permits.requests}) == 5
    assert proposal.calls == [permits.records[1].call, permits.records[4].call]
    assert [len(transcript.messages) for transcript in permits.transcripts] == [2, 2, 4, 4, 4]
    assert all(
        first.messages == second.messages[:2]
        for first, second in pairwise(permits.transcripts)
        if len(first.messages) == 2
    )


@pytest.mark.parametrize(("steps", "raised", "results"), [
    ([Failure.AUTHENTICATION, Failure.MODEL], ArmStopped, ["authentication", "model"]),
    (["prose", "prose", "prose"], ProposerError, ["no_edit", "no_edit", "no_edit"]),
    ([Failure.CONNECTION] * 4, Unavailable, ["connection"] * 4),
])  # fmt: skip
def test_a_brief_that_comes_to_nothing_leaves_no_call_open(
    steps: list[Step], raised: type[ProposerError], results: list[str]
) -> None:
    permits = NotedPermits()
    with pytest.raises(raised):
        proposer(permits, *steps).propose(BRIEF)
    assert [record.result for record in permits.records] == results
    assert len(permits.requests) == len(permits.records)


def test_without_a_permit_nobody_is_asked() -> None:
    permits = NotedPermits(allowed=1)
    with pytest.raises(Unavailable, match="the money is spent"):
        proposer(permits, "prose", "never asked for").propose(BRIEF)
    assert [record.result for record in permits.records] == ["no_edit"]


def test_what_is_kept_has_no_secret_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", PLANTED)
    permits = NotedPermits()
    calls = Calls(permits, BRIEF, now=lambda: 0.0)
    said = [
        Message("system", f"my key is {PLANTED}, the other sk-abcdefghijkl"),
        Message("user", "x" * 10 * KEPT_CHARS + "\ud800"),
    ]
    calls.begin("a", said, Options(), lambda _: None)
    calls.failed(CompletionError(Failure.SERVER, f"it said {PLANTED} \ud800"))
    (transcript,) = permits.transcripts
    assert PLANTED not in str(transcript)
    assert "sk-abcdefghijkl" not in str(transcript)
    assert transcript.messages[0].content.startswith("my key is [redacted]")
    assert len(transcript.messages[1].content) < KEPT_CHARS + 100
    assert len(packed(transcript)) < MAX_BYTES


def test_a_program_full_of_noise_still_fits_what_the_coordinator_keeps() -> None:
    """Three turns of the longest texts, of bytes that do not compress."""
    import random

    noise = random.Random(1)
    permits = NotedPermits()
    calls = Calls(permits, BRIEF, now=lambda: 0.0)
    text = "".join(noise.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=60_000))
    calls.begin(
        "a", [Message("user", text[:40_000]), *[Message("assistant", text)] * 2], Options(), lambda _: None
    )
    calls.answered(
        Reply(text=text, model="a", prompt_tokens=1, completion_tokens=1, cost_usd=None, seconds=1.0),
        "no_edit",
    )
    assert len(packed(permits.transcripts[0])) < MAX_BYTES


# ---------------------------------------------------------------------- over the line to a coordinator

REQUEST = CallRequest(call="c1", arm="thinker", model="a", ordinal=1, prompt_tokens=1, max_tokens=1)
RECORD = CallRecord(call="c1", arm="thinker", model="a", ordinal=1, result="diff")


class PassedTime:
    """Time that passes only by being waited for."""

    def __init__(self) -> None:
        self.at = 0.0
        self._later: list[tuple[float, Callable[[], None]]] = []

    def then(self, at: float, act: Callable[[], None]) -> None:
        """Do something when that time has come."""
        self._later.append((at, act))

    def now(self) -> float:
        return self.at

    def wait(self, event: Event, seconds: float) -> bool:
        self.at += seconds
        for at, act in self._later:
            if at <= self.at:
                act()
        return event.is_set()


def linked(coordinator: MemoryCoordinator) -> tuple[PermitClient, PassedTime, Shutdown]:
    clock, shutdown, permits = PassedTime(), Shutdown(), PermitClient("gpu0")
    link = Link(AgentCard(agent="gpu0", incarnation="a", division="cpu"), coordinator, clock, (0.01, 0.1))
    permits.connect(AgentContext(agent="gpu0", link=link, shutdown=shutdown, clock=clock, waits=Waits()))
    return permits, clock, shutdown


def test_lost_answers_are_asked_for_again_and_count_once() -> None:
    coordinator = MemoryCoordinator()
    permits, _, _ = linked(coordinator)
    coordinator.lose_answers.update(permit=2, settle=2)
    permits.permit(REQUEST)
    permits.settle(RECORD, b"said")
    assert (coordinator.permitted, coordinator.settled, coordinator.transcripts) == (
        [REQUEST],
        {"c1": RECORD},
        {"c1": b"said"},
    )
    assert (coordinator.calls["permit"], coordinator.calls["settle"]) == (3, 3)


def test_a_call_waits_its_turn_for_a_while_and_then_leaves_the_brief_to_another_arm() -> None:
    coordinator = MemoryCoordinator()
    permits, clock, _ = linked(coordinator)
    coordinator.allow = lambda _: Wait("as many as it may") if clock.at < 10.0 else None
    permits.permit(REQUEST)
    assert 10.0 <= clock.at < LONGEST_WAIT
    coordinator.allow = lambda _: Wait("as many as it may")
    with pytest.raises(Unavailable, match="a may not be called: as many as it may"):
        permits.permit(replace(REQUEST, call="c2"))
    assert clock.at < 10.0 + 2 * LONGEST_WAIT


def test_nobody_waits_for_money_that_is_spent() -> None:
    coordinator = MemoryCoordinator()
    permits, clock, _ = linked(coordinator)
    coordinator.allow = lambda _: Wait("money.cap_usd reached", stop=True)
    with pytest.raises(Unavailable, match=r"money.cap_usd reached"):
        permits.permit(REQUEST)
    assert clock.at == 0.0


def test_an_agent_that_ends_waits_for_nobody() -> None:
    coordinator = MemoryCoordinator()
    permits, _, shutdown = linked(coordinator)
    coordinator.down = True
    shutdown.closing.set()
    with pytest.raises(Unavailable, match="comes to its end"):
        permits.permit(REQUEST)
    permits.settle(RECORD, None)
    assert coordinator.settled == {}
    coordinator.down = False
    permits.settle(RECORD, None)
    assert coordinator.settled == {"c1": RECORD}
    assert coordinator.calls["join"] == 0, "an agent that has left must not come back"


def test_a_record_outlasts_a_coordinator_that_is_away() -> None:
    coordinator = MemoryCoordinator()
    permits, clock, _ = linked(coordinator)
    permits.permit(REQUEST)
    coordinator.restart()
    coordinator.down = True
    clock.then(5.0, lambda: setattr(coordinator, "down", False))
    permits.settle(RECORD, b"said")
    assert clock.at >= 5.0
    assert coordinator.settled == {"c1": RECORD}
