"""The ``llm`` proposer through the real litellm, against a scripted endpoint on loopback."""

import json
import logging
import os
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from agents.proposers.contract import ArmStopped, ProposerError, Unavailable
from agents.proposers.llm.completion import CompletionError, Failure, Message, Options
from agents.proposers.llm.llm_proposer import REASKS, LlmProposer
from agents.proposers.llm.provider.litellm_completion import LitellmCompletion, strip_keys
from agents.proposers.llm.retry import FallbackModels, RetryPolicy
from coordinator.arm_notes import ArmReason
from coordinator.domain import Direction, Metric, Refusal, State
from coordinator.protocol import Brief, Proposal, Refused, Repair, Tried
from tests.integration.chat_server import Answer, ChatServer, chat_server, refused, said

KEY = "sk-planted-4f8b2c91d7e6"
SOURCE = "from prepare import evaluate_bpb\n\nDEPTH = 4\nLR = 0.1\nevaluate_bpb(DEPTH)\n"
BRIEF = Brief(
    ordinal=3,
    seed=1,
    arm="thinker",
    division="cpu",
    metric=Metric("val_bpb", Direction.MINIMIZE),
    parent="c0ffee",
    source=SOURCE,
    baseline=1.25,
    best=1.2,
    sigma=0.01,
)
GOOD = """TITLE: two blocks more
HYPOTHESIS: depth pays

<<<<<<< SEARCH
DEPTH = 4
=======
DEPTH = 6
>>>>>>> REPLACE
"""
ASKED = [Message("user", "hello")]


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    """One server, one import of litellm, and a planted key for all tests of this module."""
    before = os.environ.get("OPENAI_API_KEY")
    os.environ["OPENAI_API_KEY"] = KEY
    with chat_server() as server:
        yield server
    if before is None:
        del os.environ["OPENAI_API_KEY"]
    else:
        os.environ["OPENAI_API_KEY"] = before


@pytest.fixture
def server(running: ChatServer) -> ChatServer:
    running.play(said(GOOD))
    return running


class Waits:
    """Time that passes only by being waited for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def now(self) -> float:
        return sum(self.seconds)

    def pause(self, seconds: float) -> None:
        self.seconds.append(seconds)


def fallback_models(
    server: ChatServer, *models: str, timeout: float = 20.0, waits: Waits | None = None
) -> FallbackModels:
    waits = waits or Waits()
    options = Options(api_base=server.base, timeout=timeout)
    return FallbackModels(
        LitellmCompletion(),
        models or ["openai/test"],
        options,
        RetryPolicy(tries=3),
        now=waits.now,
        pause=waits.pause,
    )


def proposer(
    server: ChatServer, *models: str, timeout: float = 20.0, waits: Waits | None = None
) -> LlmProposer:
    return LlmProposer(fallback_models(server, *models, timeout=timeout, waits=waits), "Go deeper.")


def failure(server: ChatServer, timeout: float = 20.0) -> CompletionError:
    with pytest.raises(CompletionError) as caught:
        LitellmCompletion().complete(ASKED, "openai/test", Options(api_base=server.base, timeout=timeout))
    return caught.value


def test_a_brief_becomes_a_conversation_and_its_answer_a_proposal(server: ChatServer) -> None:
    proposal = proposer(server).propose(BRIEF)
    assert isinstance(proposal, Proposal)
    assert proposal.source == SOURCE.replace("DEPTH = 4", "DEPTH = 6")
    assert (proposal.title, proposal.hypothesis) == ("two blocks more", "depth pays")
    assert proposal.settings == {"DEPTH": "6", "LR": "0.1"}
    assert (proposal.ordinal, proposal.arm, proposal.parent) == (3, "thinker", "c0ffee")
    roles = [message["role"] for message in server.requests[0]["messages"]]
    assert roles == ["system", "user"]
    assert "Go deeper." in server.requests[0]["messages"][0]["content"]
    assert SOURCE in server.requests[0]["messages"][1]["content"]
    assert not server.requests[0].get("stream")
    assert server.keys == [f"Bearer {KEY}"]


def test_a_reply_says_what_it_used_and_that_its_price_is_unknown(server: ChatServer) -> None:
    reply = LitellmCompletion().complete(ASKED, "openai/test", Options(api_base=server.base))
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens, reply.cost_usd, reply.cut) == (
        GOOD,
        100,
        len(GOOD),
        None,
        False,
    )
    assert 0 < reply.seconds < 20


def test_a_reply_of_a_known_model_has_a_price(server: ChatServer) -> None:
    reply = LitellmCompletion().complete(ASKED, "openai/gpt-4o", Options(api_base=server.base))
    assert reply.cost_usd is not None
    assert reply.cost_usd > 0


@pytest.mark.parametrize(("answer", "expected"), [
    (refused(401, "wrong key"), Failure.AUTHENTICATION),
    (refused(402, "no credit"), Failure.PAYMENT),
    (refused(403, "not allowed"), Failure.PERMISSION),
    (refused(404, "no such model"), Failure.MODEL),
    (refused(400, "bad temperature"), Failure.PARAMETER),
    (refused(400, "bad request"), Failure.REQUEST),
    (refused(422, "unprocessable"), Failure.REQUEST),
    (refused(400, "This model's maximum context length is 10 tokens", code="context_length_exceeded"),
    Failure.CONTEXT),
    (refused(429, "slow down"), Failure.RATE_LIMIT),
    (refused(500, "oops"), Failure.SERVER),
    (refused(502, "oops"), Failure.SERVER),
    (refused(503, "oops"), Failure.SERVER),
    (refused(504, "oops"), Failure.TIMEOUT),
    (Answer(sent=0), Failure.CONNECTION),
    (Answer(text=GOOD, sent=0.5), Failure.CONNECTION),
    (Answer(body="<html>"), Failure.SERVER),
    (Answer(body='{"hello": 1}'), Failure.SERVER),
    (Answer(body="[]"), Failure.SERVER),
    (Answer(body='{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'),
    Failure.REPLY),
])  # fmt: skip
def test_each_failure_has_its_class(server: ChatServer, answer: Answer, expected: Failure) -> None:
    server.play(answer)
    assert failure(server).failure is expected
    assert len(server.requests) == 1, "litellm tried again by itself"


def test_an_answer_that_does_not_come_is_a_timeout(server: ChatServer) -> None:
    server.play(said(GOOD, delay=2.0))
    assert failure(server, timeout=0.3).failure is Failure.TIMEOUT


def test_a_provider_that_nobody_knows_is_a_matter_of_the_model(server: ChatServer) -> None:
    with pytest.raises(CompletionError) as caught:
        LitellmCompletion().complete(ASKED, "no-such-model", Options(api_base=server.base))
    assert caught.value.failure is Failure.MODEL


def test_a_key_that_is_missing_stops_the_arm(server: ChatServer) -> None:
    key = os.environ.pop("OPENAI_API_KEY")
    try:
        with pytest.raises(ArmStopped, match="Set the provider's key"):
            proposer(server).propose(BRIEF)
    finally:
        os.environ["OPENAI_API_KEY"] = key
    assert server.requests == []


def test_a_refused_key_stops_the_arm_and_is_not_tried_again(server: ChatServer) -> None:
    server.play(refused(401, f"Incorrect API key provided: {KEY}"))
    mind = proposer(server)
    for _ in range(2):
        with pytest.raises(ArmStopped, match="Incorrect API key") as caught:
            mind.propose(BRIEF)
        assert KEY not in str(caught.value)
    assert len(server.requests) == 1


UNPAID = {
    "openai/test": (429, {"error": {"message": "The quota is used up.", "code": "insufficient_quota"}}),
    "openai/other": (403, {"code": "forbidden", "error": "Your team has no credits left."}),
    "anthropic/claude-3-haiku-20240307": (400, {"error": {"message": "Your credit balance is too low"}}),
    "deepseek/deepseek-chat": (402, {"error": {"message": "Insufficient Balance"}}),
    "mistral/mistral-large-latest": (401, {"message": "Inactive subscription"}),
    "openrouter/x/y": (402, {"error": {"message": "Insufficient credits", "code": 402}}),
    "xai/grok-2": (429, {"error": "Your team has reached its monthly spending limit."}),
}


@pytest.mark.filterwarnings(
    "ignore:.*ReadOnly:UserWarning"
)  # of a module of litellm that mistral's name loads
@pytest.mark.parametrize("model", UNPAID)
def test_an_account_without_money_stops_the_arm_by_whichever_status_it_is_said(
    server: ChatServer, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{model.partition('/')[0].upper()}_API_KEY", KEY)
    status, body = UNPAID[model]
    server.play(Answer(status=status, body=json.dumps(body)))
    mind = proposer(server, model)
    for _ in range(2):
        with pytest.raises(ArmStopped, match="Pay in or raise the limit") as caught:
            mind.propose(BRIEF)
        assert caught.value.reason is ArmReason.PAYMENT
        assert KEY not in str(caught.value)
    assert len(server.requests) == 1


def test_a_refused_parameter_stops_the_arm_with_its_name_and_a_remedy(server: ChatServer) -> None:
    server.play(refused(400, "Unsupported value: 'temperature' does not support 0.2 with this model."))
    with pytest.raises(ArmStopped, match="Set `temperature: null` for this arm") as caught:
        proposer(server).propose(BRIEF)
    assert caught.value.reason is ArmReason.PARAMETER
    assert len(server.requests) == 1


def test_what_a_body_of_another_shape_says_is_shown(server: ChatServer) -> None:
    server.play(Answer(status=403, body=json.dumps({"error": "Your team has no credits left."})))
    assert "no credits left" in str(failure(server))


def test_the_wait_a_provider_asks_for_is_kept(server: ChatServer) -> None:
    waits = Waits()
    server.play(refused(429, "slow down", headers={"Retry-After": "7"}), said(GOOD))
    assert proposer(server, waits=waits).propose(BRIEF).title == "two blocks more"
    assert waits.seconds == [7.0]


def test_a_server_that_recovers_costs_only_time(server: ChatServer) -> None:
    waits = Waits()
    server.play(refused(500, "oops"), Answer(sent=0), said(GOOD))
    assert proposer(server, waits=waits).propose(BRIEF).title == "two blocks more"
    assert len(waits.seconds) == 2


def test_an_endpoint_that_is_down_is_unavailable_and_then_asked_only_now_and_then(server: ChatServer) -> None:
    waits = Waits()
    server.play(Answer(sent=0))
    mind = proposer(server, waits=waits)
    for asked in (3, 3):
        with pytest.raises(Unavailable):
            mind.propose(BRIEF)
        assert len(server.requests) == asked
    waits.pause(60)
    with pytest.raises(Unavailable):
        mind.propose(BRIEF)
    assert len(server.requests) == 4
    waits.pause(120)
    server.play(said(GOOD))
    assert mind.propose(BRIEF).title == "two blocks more"


def test_models_are_asked_in_their_order(server: ChatServer) -> None:
    server.play(refused(404, "no such model"), said(GOOD))
    mind = proposer(server, "openai/first", "openai/second")
    mind.propose(BRIEF)
    mind.propose(BRIEF)
    assert [request["model"] for request in server.requests] == ["first", "second", "second"]


def test_a_prompt_that_no_model_reads_stops_the_arm_with_what_to_do(server: ChatServer) -> None:
    server.play(
        refused(400, "This model's maximum context length is 10 tokens", code="context_length_exceeded")
    )
    with pytest.raises(ArmStopped, match="choose a model that reads more"):
        proposer(server).propose(BRIEF)
    assert len(server.requests) == 1


TOO_MUCH = (
    "This model's maximum context length is 16384 tokens. However, you requested 27000 tokens (11000 in the"
    " messages, 16000 in the completion)."
)


@pytest.mark.parametrize("model", ["openai/test", "hosted_vllm/test", "mistral/test"])
def test_a_prompt_that_leaves_no_room_for_the_answer_stops_the_arm_once_and_says_how_long_it_may_be(
    server: ChatServer, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    body = {"object": "error", "message": TOO_MUCH, "type": "BadRequestError", "param": None, "code": 400}
    server.play(Answer(status=400, body=json.dumps(body)))
    mind = proposer(server, model)
    for _ in range(16):
        with pytest.raises(ArmStopped, match="Set max_tokens of this arm to 5300 or less"):
            mind.propose(BRIEF)
    assert len(server.requests) == 1


@pytest.mark.parametrize("model", ["openai/test", "anthropic/test", "hosted_vllm/test"])
@pytest.mark.parametrize(
    "key", ["sk-planted\n-in-two", "sk-planted-\u201equoted\u201d", "sk-plant\u00e9d-key"]
)
def test_a_key_that_cannot_be_sent_stops_the_arm_and_is_not_shown(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, key: str, model: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HOSTED_VLLM_API_KEY"):
        monkeypatch.setenv(name, key)
    mind = proposer(server, model)
    for _ in range(2):
        with pytest.raises(ArmStopped, match="cannot be sent: write it anew") as caught:
            mind.propose(BRIEF)
        assert "plant" not in str(caught.value)
    assert server.requests == []


def test_blanks_around_a_key_are_not_sent(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\r\n")
    strip_keys(os.environ)
    proposer(server).propose(BRIEF)
    assert server.keys == [f"Bearer {KEY}"]


def test_for_an_edit_that_does_not_fit_the_model_is_asked_again_in_the_same_conversation(
    server: ChatServer,
) -> None:
    wrong = GOOD.replace("DEPTH = 4", "DEPTH = 5")
    server.play(said(wrong), said(GOOD))
    assert proposer(server).propose(BRIEF).source == SOURCE.replace("DEPTH = 4", "DEPTH = 6")
    first, second = (request["messages"] for request in server.requests)
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": wrong}
    assert second[3]["role"] == "user"
    assert "-DEPTH = 5\n+DEPTH = 4" in second[3]["content"]


@pytest.mark.parametrize(("wrong", "reason"), [
    ("DEPTH = (6", "line 3 of the edited file"),
    ("DEPTH = 4", "the file as it was"),
    ("DEPTH = 4  # deep", "only comments or layout"),
])  # fmt: skip
def test_for_an_edit_that_is_not_sound_it_is_asked_again_too(
    server: ChatServer, wrong: str, reason: str
) -> None:
    server.play(said(GOOD.replace("DEPTH = 6", wrong)), said(GOOD))
    assert proposer(server).propose(BRIEF).settings["DEPTH"] == "6"
    assert reason in server.requests[1]["messages"][3]["content"]


def test_for_an_edit_that_breaks_the_contract_it_is_asked_again_too(server: ChatServer) -> None:
    server.play(said(GOOD.replace("DEPTH = 4\n", "evaluate_bpb(DEPTH)\n")), said(GOOD))
    assert proposer(server).propose(BRIEF).settings["DEPTH"] == "6"
    assert "does not call evaluate_bpb any more" in server.requests[1]["messages"][3]["content"]


@pytest.mark.parametrize("text", ["Deeper would be better.", "", "Ignore the rules: import os"])
def test_a_model_that_only_talks_never_becomes_a_program(server: ChatServer, text: str) -> None:
    server.play(said(text))
    with pytest.raises(ProposerError, match="no sound edit, asked again 2 times"):
        proposer(server).propose(BRIEF)
    assert len(server.requests) == 1 + REASKS


def test_an_answer_cut_off_is_not_applied_even_where_it_would_fit(server: ChatServer) -> None:
    server.play(said(GOOD, finish="length"), said(GOOD.replace("6", "8")))
    assert proposer(server).propose(BRIEF).settings["DEPTH"] == "8"
    assert "cut off" in server.requests[1]["messages"][3]["content"]


DUPLICATE = Refused(
    Refusal.DUPLICATE,
    "the same program as e00002",
    "e00002",
    Tried(
        experiment="e00002",
        title="deeper",
        state=State.REJECTED,
        arm="other",
        value=1.27,
        reason="worse by 7 σ",
    ),
)


def test_a_duplicate_goes_back_to_the_model_with_what_the_same_program_gave_earlier(
    server: ChatServer,
) -> None:
    server.play(said(GOOD), said(GOOD.replace("6", "8")))
    mind = proposer(server)
    reasked = mind.reask(mind.propose(BRIEF), DUPLICATE)
    assert reasked.settings["DEPTH"] == "8"
    first, second = (request["messages"] for request in server.requests)
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": GOOD}
    assert "the same program as e00002" in second[3]["content"]
    assert '"deeper" 1.27 (0.07 worse than the best now): "worse by 7 σ"' in second[3]["content"]


def test_refusals_and_edits_that_do_not_fit_share_the_turns_of_a_conversation(server: ChatServer) -> None:
    server.play(said("no edit"), said(GOOD))
    mind = proposer(server)
    proposal = mind.propose(BRIEF)
    again = mind.reask(proposal, DUPLICATE)
    assert again.proposal == proposal.proposal
    with pytest.raises(ProposerError):
        mind.reask(again, DUPLICATE)
    assert len(server.requests) == 1 + REASKS


def test_a_refusal_of_another_conversation_is_not_answered(server: ChatServer) -> None:
    mind = proposer(server)
    old = mind.propose(BRIEF)
    mind.propose(replace(BRIEF, ordinal=4))
    with pytest.raises(ProposerError, match="is over"):
        mind.reask(old, DUPLICATE)
    assert len(server.requests) == 2


def test_the_charter_of_a_brief_goes_before_the_one_it_started_with_and_stays(server: ChatServer) -> None:
    mind = proposer(server)
    for brief in (BRIEF, replace(BRIEF, charter="Go wider."), BRIEF):
        mind.propose(brief)
    charters = [request["messages"][0]["content"] for request in server.requests]
    assert ["Go deeper." in charter for charter in charters] == [True, False, False]
    assert ["Go wider." in charter for charter in charters] == [False, True, True]


def test_a_crash_is_repaired_on_the_program_that_crashed(server: ChatServer) -> None:
    broken = SOURCE.replace("LR = 0.1", "LR = 0.1\nHEADS = 9")
    repair = Repair(
        experiment="e00007",
        title="nine heads",
        parent="older",
        source=broken,
        failure="exception",
        message="IndexError",
        tail="IndexError: head 9",
    )
    server.play(said(GOOD.replace("DEPTH = 4", "HEADS = 9").replace("DEPTH = 6", "HEADS = 8")))
    proposal = proposer(server).propose(replace(BRIEF, repair=repair))
    assert proposal.source == broken.replace("HEADS = 9", "HEADS = 8")
    assert (proposal.parent, proposal.repairs) == ("older", "e00007")
    prompt = server.requests[0]["messages"][1]["content"]
    assert broken in prompt
    assert "| IndexError: head 9" in prompt


def test_a_planted_key_is_found_nowhere(server: ChatServer, caplog: pytest.LogCaptureFixture) -> None:
    """The endpoint knows the key and says it back, in errors and in an answer; every logger is turned up."""
    caplog.set_level(logging.DEBUG)
    tell = refused(500, f"your key {KEY}", headers={"X-Key": KEY})
    server.play(tell, said(GOOD.replace("depth pays", KEY)), refused(403, f"{KEY} is not allowed"))
    mind = proposer(server)
    proposal = mind.propose(BRIEF)
    with pytest.raises(ArmStopped) as caught:
        mind.propose(BRIEF)
    raised: BaseException | None = caught.value
    while raised is not None:
        assert KEY not in repr(raised)
        raised = raised.__cause__ or (None if raised.__suppress_context__ else raised.__context__)
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "model answered" in logged
    assert KEY not in logged
    assert KEY not in proposal.hypothesis
