"""What an answer used is counted before anybody asks whether it is any good: over real HTTP, through the real
litellm, into a real journal.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agents.proposers.contract import Fruitless
from agents.proposers.llm.completion import CompletionError, Failure, Message, Options, Reply
from agents.proposers.llm.llm_proposer import LlmProposer
from agents.proposers.llm.provider.litellm_completion import LitellmCompletion
from agents.proposers.llm.retry import FallbackModels, RetryPolicy
from coordinator.rule_values.prices import MoneyRules
from coordinator.service.service import Service
from coordinator.views.status_page import SpendView
from tests.integration.campaign_folder import rules
from tests.integration.chat_server import Answer, ChatServer, chat_server, said
from tests.integration.test_llm import BRIEF, GOOD
from tests.integration.test_money import PRICED, Swarm, edits, finished
from tests.unit.transcripts import NotedPermits

ASKED = [Message("user", "hello you")]
KEY = "sk-planted-3c5d7e9f1a2b"
DEAR = "openai/gpt-4o"
USAGE = {"prompt_tokens": 9000, "completion_tokens": 16000, "total_tokens": 25000}
USD = 9000 * 2.5e-6 + 16000 * 1e-5
"""By litellm's list."""
NO_FINISH = object()

pytestmark = [
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),  # litellm's, of odd bodies
    pytest.mark.filterwarnings("ignore:Items? .* using the `ReadOnly`"),  # of its types of Gemini
]


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    with pytest.MonkeyPatch.context() as patch, chat_server() as server:
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "GEMINI_API_KEY"):
            patch.setenv(name, KEY)
        yield server


@pytest.fixture
def server(running: ChatServer) -> ChatServer:
    running.play(said(GOOD))
    return running


def answer(message: object, finish: object = "stop", **top: Any) -> Answer:
    """A reply of the chat protocol; ``usage`` is USAGE unless given."""
    choice = {"index": 0, "message": message} | ({} if finish is NO_FINISH else {"finish_reason": finish})
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}
    return Answer(body=json.dumps(body | {"usage": USAGE} | top))


def spoken(**message: object) -> dict[str, object]:
    return {"role": "assistant", **message}


def asked(server: ChatServer, sent: Answer, model: str = DEAR, **options: Any) -> Reply:
    """What came of one call: a reply, or what there was of one."""
    server.play(sent)
    base = server.base.removesuffix("/v1") if model.startswith(("anthropic", "gemini")) else server.base
    reply: Reply | None = None
    try:
        reply = LitellmCompletion().complete(ASKED, model, Options(api_base=base, **options))
    except CompletionError as error:
        reply = error.reply
    assert reply is not None, "what it used is lost"
    assert len(server.requests) == 1, "it was paid for again"
    return reply


TEXT, TOOL = (
    {"type": "text", "text": "b"},
    {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}},
)
BILLED = {
    "thought alone": answer(spoken(content=None, reasoning_content="so let me see " * 9), "length"),
    "null": answer(spoken(content=None)),
    "empty": answer(spoken(content="")),
    "blank": answer(spoken(content=" \n")),
    "nothing": answer(spoken()),
    "no message": answer(None),
    "refusal": answer(spoken(content=None, refusal="I cannot help with that.")),
    "tools": answer(spoken(content=None, tool_calls=[TOOL]), "tool_calls"),
    "parts": answer(spoken(content=[TEXT, TEXT])),
    "parts of thought": answer(spoken(content=[{"type": "thinking", "thinking": [TEXT]}, TEXT])),
    "a part that is no part": answer(spoken(content=[3, None, TEXT])),
    "filtered": answer(spoken(content="half"), "content_filter"),
    "broken off": answer(spoken(content="half"), "error"),
    "aborted": answer(spoken(content="half"), "abort"),
    "no resources": answer(spoken(content="half"), "insufficient_system_resource"),
    "no reason": answer(spoken(content="half"), None),
    "reason absent": answer(spoken(content="half"), NO_FINISH),
    "no choices": answer(None, choices=[]),
    "choices null": answer(None, choices=None),
    "error beside": answer(spoken(content="half"), error={"message": "upstream died", "code": 502}),
    "usage as text": answer(spoken(content="x"), usage={name: str(count) for name, count in USAGE.items()}),
    "usage as fractions": answer(
        spoken(content="x"), usage={name: float(count) for name, count in USAGE.items()}
    ),
    "usage by other names": answer(spoken(content="x"), usage={"input_tokens": 9000, "output_tokens": 16000}),
}


@pytest.mark.parametrize("name", BILLED)
def test_whatever_an_answer_is_worth_what_it_used_is_counted_and_priced(
    server: ChatServer, name: str
) -> None:
    reply = asked(server, BILLED[name])
    assert (reply.prompt_tokens, reply.completion_tokens) == (9000, 16000)
    assert reply.cost_usd == pytest.approx(USD)


NOT_COUNTED = {
    "null": None,
    "nothing": {},
    "zeros": dict.fromkeys(USAGE, 0),
    "nulls": dict.fromkeys(USAGE),
    "words": dict.fromkeys(USAGE, "many"),
    "negative": dict.fromkeys(USAGE, -7),
    "a list": [5, 7],
    "a word": "free",
    "names of nobody": {"tokens_in": 5, "tokens_out": 7},
}


@pytest.mark.parametrize("usage", NOT_COUNTED.values(), ids=NOT_COUNTED)
def test_tokens_that_a_provider_does_not_say_are_counted_here_and_marked(
    server: ChatServer, usage: object
) -> None:
    reply = asked(server, answer(spoken(content=GOOD, reasoning_content="so let me see " * 100), usage=usage))
    assert reply.text == GOOD
    assert reply.estimated
    assert reply.prompt_tokens == 2
    assert reply.completion_tokens > 400, "thoughts are paid for, too"
    assert reply.cost_usd == pytest.approx(2 * 2.5e-6 + reply.completion_tokens * 1e-5)


def test_an_answer_cut_off_without_usage_used_all_it_could(server: ChatServer) -> None:
    reply = asked(server, answer(spoken(content=None), "length", usage=None), max_tokens=700)
    assert (reply.completion_tokens, reply.estimated, reply.cut) == (700, True, True)


@pytest.mark.parametrize("model", [DEAR, "hosted_vllm/x", "mistral/mistral-large-latest"])
def test_a_list_of_parts_is_joined_and_not_paid_for_again(server: ChatServer, model: str) -> None:
    half = GOOD.index("DEPTH = 6")
    parts = [{"type": "text", "text": GOOD[:half]}, {"type": "text", "text": GOOD[half:]}]
    assert asked(server, answer(spoken(content=parts)), model).text == GOOD


def native(text: str, stop: str | None, tokens: int) -> Answer:
    content = [{"type": "thinking", "thinking": "hm", "signature": "x"}]
    content += [{"type": "text", "text": text}] if text else []
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": content,
        "stop_reason": stop,
        "usage": {"input_tokens": 90, "output_tokens": tokens},
    }
    return Answer(body=json.dumps(body))


def test_the_same_holds_of_other_protocols(server: ChatServer) -> None:
    claude = "anthropic/claude-sonnet-5-5"
    assert asked(server, native(GOOD, "end_turn", 5), claude).text == GOOD
    cut = asked(server, native("", "max_tokens", 16000), claude)
    assert (cut.cut, cut.completion_tokens) == (True, 16000)
    assert cut.cost_usd == pytest.approx(90 * 2e-6 + 0.16)
    for stop in ("pause_turn", None):
        assert asked(server, native("half", stop, 7), claude).completion_tokens == 7
    counts = {"promptTokenCount": 90, "thoughtsTokenCount": 700, "totalTokenCount": 790}
    nothing = {
        "candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}],
        "usageMetadata": counts,
    }
    thought = asked(server, Answer(body=json.dumps(nothing)), "gemini/gemini-3.8-flash")
    assert (thought.cut, thought.prompt_tokens, thought.completion_tokens) == (True, 90, 700)


def proposer(server: ChatServer, permits: NotedPermits, model: str = DEAR) -> LlmProposer:
    policy, options = RetryPolicy(tries=2), Options(api_base=server.base, max_tokens=500)
    models = FallbackModels(LitellmCompletion(), [model], options, policy, pause=lambda _: None)
    return LlmProposer(models, "Go deeper.", permits=permits)


def test_thought_that_takes_all_there_is_is_paid_for_once_and_says_what_to_do(server: ChatServer) -> None:
    permits = NotedPermits()
    server.play(BILLED["thought alone"])
    with pytest.raises(Fruitless, match=r"truncated .* 16000 tokens .*Raise max_tokens"):
        proposer(server, permits).propose(BRIEF)
    (record,) = permits.records
    assert (record.result, record.completion_tokens) == ("truncated", 16000)
    assert record.cost_usd == pytest.approx(USD)


def test_an_answer_that_broke_off_is_never_an_edit_and_every_try_is_counted(server: ChatServer) -> None:
    permits = NotedPermits()
    server.play(answer(spoken(content=GOOD[:-20]), "error"), answer(spoken(content=GOOD)))
    assert proposer(server, permits).propose(BRIEF).settings["DEPTH"] == "6"
    assert [record.result for record in permits.records] == ["reply", "blocks"]
    assert [record.cost_usd for record in permits.records] == [pytest.approx(USD)] * 2
    assert permits.transcripts[0].answer == GOOD[:-20]


def test_the_price_is_the_asked_model_s_and_a_reply_that_names_another_is_noted(server: ChatServer) -> None:
    for named in ("gpt-4o-mini", "o1-pro", "gpt-4o-2099", ""):
        reply = asked(server, answer(spoken(content=GOOD), model=named))
        assert reply.cost_usd == pytest.approx(USD)
        assert reply.model == DEAR
    assert asked(server, answer(spoken(content=GOOD), model="gpt-4o-mini")).answered_by == "gpt-4o-mini"
    served = asked(server, answer(spoken(content=GOOD), model="gpt-4o"), "openai/my-own-server")
    assert (served.cost_usd, served.answered_by) == (None, "gpt-4o")


def test_a_relative_s_price_is_no_price(server: ChatServer) -> None:
    for model in ("openai/gpt-4o-2099", "openai/gpt-99", "hosted_vllm/gpt-4o"):
        assert asked(server, answer(spoken(content=GOOD)), model).cost_usd is None
        assert LitellmCompletion().price(model, 1000, 1000) is None


def test_an_answer_that_comes_too_late_counts_at_the_most_it_may_have_cost(server: ChatServer) -> None:
    reply = asked(server, replace(said(GOOD), delay=2.0), timeout=0.4, max_tokens=700)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.estimated) == (2, 700, True)
    assert reply.cost_usd == pytest.approx(2 * 2.5e-6 + 700 * 1e-5)


@pytest.mark.parametrize("model", [DEAR, "mistral/mistral-large-latest"])
def test_a_reply_whose_line_breaks_in_its_midst_counts_at_the_most_it_may_have_cost(
    server: ChatServer, model: str
) -> None:
    reply = asked(server, replace(said(GOOD), sent=0.5), model, timeout=2.0, max_tokens=700)
    assert (reply.completion_tokens, reply.estimated, reply.text) == (700, True, "")


def test_a_call_that_reached_nobody_costs_nothing() -> None:
    """Its port is one that somebody has bound and nobody listens at; then one whose line is full."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        assert _failure(base).reply is None
        bound.listen(0)
        with closing(socket.create_connection(bound.getsockname())):
            error = _failure(base)
    assert (error.failure in (Failure.TIMEOUT, Failure.CONNECTION), error.reply) == (True, None)


def _failure(base: str) -> CompletionError:
    with pytest.raises(CompletionError) as caught:
        LitellmCompletion().complete(ASKED, DEAR, Options(api_base=base, timeout=1.0))
    return caught.value


def _spent(tmp_path: Path, server: ChatServer, money: MoneyRules, **limits: Any) -> tuple[SpendView, Service]:
    """What a swarm of two agents spent until its end."""
    with Swarm(tmp_path / "demo", server, rules(money=money, **limits)) as swarm:
        swarm.until(finished)
        return swarm.service.status().spend, swarm.service


def test_a_cap_holds_over_answers_without_text(tmp_path: Path, running: ChatServer) -> None:
    running.play(answer(spoken(content=None), "length", usage={"prompt_tokens": 9, "completion_tokens": 150}))
    spend, _ = _spent(tmp_path, running, replace(PRICED, cap_usd=0.5))
    assert spend.capped
    assert 0.3 < spend.llm_usd <= 0.5
    assert spend.llm_usd == pytest.approx(0.15 * spend.calls)
    assert len([remark for remark in spend.remarks if "truncated at max_tokens" in remark]) == 1


def test_a_cap_holds_over_answers_without_usage(tmp_path: Path, running: ChatServer) -> None:
    texts = [sent.text for sent in edits(100)]
    running.play(*(answer(spoken(content=text), usage=None, model="gpt-4o") for text in texts))
    spend, _ = _spent(tmp_path, running, replace(PRICED, cap_usd=1.0))
    assert spend.capped
    assert 0.7 < spend.llm_usd <= 1.0
    assert spend.estimated_calls == spend.calls == sum(tally.estimated for tally in spend.models) > 5
    assert len([remark for remark in spend.remarks if "'gpt-4o' answered" in remark]) == 1
