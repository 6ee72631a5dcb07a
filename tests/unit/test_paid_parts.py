"""What a provider's answer says by itself: text, thoughts, tokens, how it ended, and what it costs."""

import json
from typing import Any

import pytest

from agents.proposers.llm.provider.price_list import listed_usd
from agents.proposers.llm.provider.provider_body import ProviderBody, read_body, tokens_of
from agents.proposers.llm.provider.reply_reading import End, ended, other_model
from agents.proposers.llm.provider.used_tokens import UsedTokens, used_tokens


def chat(message: Any, finish: str | None = "stop", **top: Any) -> dict[str, Any]:
    return {"object": "chat.completion", "choices": [{"finish_reason": finish, "message": message}], **top}


@pytest.mark.parametrize(("body", "text", "thoughts"), [
    (chat({"content": "hi"}), "hi", ""),
    (chat({"content": None, "reasoning_content": "hm"}), "", "hm"),
    (chat({"content": "", "reasoning": "hm"}), "", "hm"),
    (chat({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}), "ab", ""),
    (chat({"content": ["a", "b"]}), "ab", ""),
    (chat({"content": [{"type": "output_text", "text": "a"}]}), "a", ""),
    (chat({"content": {"type": "text", "text": "a"}}), "a", ""),
    (chat({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                       {"type": "text", "text": "b"}]}), "b", "hm"),
    (chat({"content": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "b"}]}), "b", "hm"),
    (chat({"content": None, "refusal": "I cannot"}), "I cannot", ""),
    (chat({"content": None, "tool_calls": [{"id": "1"}]}), "", ""),
    (chat({}), "", ""),
    (chat(None), "", ""),
    ({"choices": [{"text": "legacy", "finish_reason": "stop"}]}, "legacy", ""),
    ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "b"}],
      "stop_reason": "end_turn"}, "b", "hm"),
    ({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "b"}]},
                      "finishReason": "STOP"}]}, "b", "hm"),
    ({"message": {"role": "assistant", "content": "b", "thinking": "hm"}, "done_reason": "stop"}, "b", "hm"),
    ({"output": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                 {"type": "message", "content": [{"type": "output_text", "text": "b"}]}],
      "status": "completed"}, "b", "hm"),
    ({"output": {"message": {"content": [{"text": "b"}]}}, "stopReason": "end_turn"}, "b", ""),
])  # fmt: skip
def test_text_and_thoughts_are_told_apart_in_every_shape(body: Any, text: str, thoughts: str) -> None:
    answer = read_body(json.dumps(body))
    assert answer is not None
    assert (answer.text, answer.thoughts) == (text, thoughts)


@pytest.mark.parametrize("raw", [
    None, "", "<html>", "[]", "3", '{"hello": 1}', '{"error": {"message": "no"}}',
    '{"object": "error", "message": "too long", "code": 400}', '{"choices": []}', "[" * 100_000, b"\xff",
])  # fmt: skip
def test_what_is_no_answer_is_none(raw: object) -> None:
    assert read_body(raw) is None


@pytest.mark.parametrize(("usage", "tokens"), [
    ({"usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}, (5, 7, 12)),
    ({"usage": {"input_tokens": 5, "output_tokens": 7}}, (5, 7, 0)),
    ({"usage": {"prompt_tokens": "5", "completion_tokens": "7"}}, (5, 7, 0)),
    ({"usage": {"prompt_tokens": 5.0, "completion_tokens": 7.9}}, (5, 7, 0)),
    ({"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 20}},
    (5, 7, 20)),
    ({"prompt_eval_count": 5, "eval_count": 7}, (5, 7, 0)),
    ({"usage": {"tokens": {"input_tokens": 5, "output_tokens": 7}}}, (5, 7, 0)),
    ({"usage": None}, (0, 0, 0)),
    ({"usage": {}}, (0, 0, 0)),
    ({"usage": [5, 7]}, (0, 0, 0)),
    ({"usage": {"prompt_tokens": -5, "completion_tokens": True}}, (0, 0, 0)),
    ({"usage": {"prompt_tokens": "many", "completion_tokens": float("nan")}}, (0, 0, 0)),
    ({"usage": {"prompt_tokens": 10**12, "completion_tokens": 1e300}}, (0, 0, 0)),
])  # fmt: skip
def test_tokens_are_read_under_any_of_their_names(
    usage: dict[str, Any], tokens: tuple[int, int, int]
) -> None:
    answer = read_body(chat({"content": "hi"}) | usage)
    assert answer is not None
    assert (answer.prompt_tokens, answer.completion_tokens, answer.total_tokens) == tokens


@pytest.mark.parametrize("value", [None, True, "", "x", -1, float("nan"), float("inf"), [], 10**400])
def test_what_is_no_number_of_tokens_is_none(value: object) -> None:
    assert tokens_of(value) == 0


SAID = ProviderBody(text="hello world")


@pytest.mark.parametrize(("read", "body", "limit", "used"), [
    ((9000, 16000), SAID, 0, UsedTokens(9000, 16000, False)),
    ((9000, 0), SAID, 0, UsedTokens(9000, 2, True)),
    ((0, 0), SAID, 0, UsedTokens(50, 2, True)),
    ((-3, -3), SAID, 0, UsedTokens(50, 2, True)),
    ((0, 0), ProviderBody(text="hello world", thoughts="hello world"), 0, UsedTokens(50, 4, True)),
    ((0, 0), ProviderBody(text="x", prompt_tokens=5, completion_tokens=7), 0, UsedTokens(5, 7, True)),
    ((0, 0), ProviderBody(text="x", total_tokens=60), 0, UsedTokens(50, 10, True)),
    ((0, 0), ProviderBody(text="x", total_tokens=12), 0, UsedTokens(12, 1, True)),
    ((9, 0), ProviderBody(text="x y", prompt_tokens=9, total_tokens=9), 0, UsedTokens(9, 2, True)),
    ((9, 5), ProviderBody(text="x", thought_tokens=500), 0, UsedTokens(9, 505, False)),
    ((9, 505), ProviderBody(text="x", thought_tokens=500), 0, UsedTokens(9, 505, False)),
    ((0, 0), ProviderBody(), 16000, UsedTokens(50, 16000, True)),
    ((90, 0), ProviderBody(), 0, UsedTokens(90, 0, False)),
    ((90, 5), ProviderBody(text="x", total_tokens=795), 0, UsedTokens(90, 705, False)),
])  # fmt: skip
def test_what_a_provider_does_not_count_is_counted_here_and_marked(
    read: tuple[int, int], body: ProviderBody, limit: int, used: UsedTokens
) -> None:
    assert used_tokens(*read, body, 50, limit) == used


OPEN = "<<<<<<< SEARCH\nDEPTH = 4\n=======\nDEPTH ="
CLOSED = "<<<<<<< SEARCH\nDEPTH = 4\n=======\nDEPTH = 6\n>>>>>>> REPLACE\n\n"


@pytest.mark.parametrize(("finish", "text", "end"), [
    ("stop", OPEN, End.WHOLE), ("STOP", "x", End.WHOLE), ("end_turn", "x", End.WHOLE),
    ("COMPLETE", "x", End.WHOLE),
    ("eos", "x", End.WHOLE), ("tool_calls", "", End.WHOLE),
    ("length", CLOSED, End.CUT), ("MAX_TOKENS", "", End.CUT), ("model_length", "x", End.CUT),
    ("max_output_tokens", "x", End.CUT), ("model_context_window_exceeded", "x", End.CUT),
    ("content_filter", CLOSED, End.FILTERED), ("SAFETY", "", End.FILTERED), ("refusal", "", End.FILTERED),
    ("error", OPEN, End.BROKEN), ("abort", "x", End.BROKEN), ("cancelled", "", End.BROKEN),
    ("insufficient_system_resource", OPEN, End.BROKEN), ("pause_turn", "x", End.BROKEN),
    ("insufficient_system_resource", CLOSED, End.BROKEN), ("network_error", CLOSED, End.BROKEN),
    ("abort", CLOSED, End.BROKEN), ("timed_out", CLOSED, End.BROKEN), ("pause_turn", CLOSED, End.BROKEN),
    ("FinishReason.MAX_TOKENS", CLOSED, End.CUT), ("length_limit", CLOSED, End.CUT),
    ("guardrail", CLOSED, End.FILTERED),
    (None, OPEN, End.BROKEN), ("", "prose", End.BROKEN), (None, "", End.BROKEN),
    (None, CLOSED, End.WHOLE), ("done", CLOSED, End.WHOLE), (None, "```python\nx\n```", End.WHOLE),
])  # fmt: skip
def test_a_reason_that_nobody_knows_is_good_only_where_the_last_edit_is_closed(
    finish: str | None, text: str, end: End
) -> None:
    assert ended(ProviderBody(text=text, finish=finish)) is end


def test_an_error_beside_an_answer_makes_it_a_broken_one() -> None:
    assert ended(ProviderBody(text=CLOSED, finish="stop", broken=True)) is End.BROKEN


@pytest.mark.parametrize(("model", "usd"), [
    ("gpt-4o", 12.5), ("openai/gpt-4o", 12.5), ("openai/gpt-4o-2024-08-06", 12.5), ("azure/gpt-4o", 12.5),
    ("gpt-4o-2099", None), ("openai/gpt-4o-2099", None), ("openai/gpt-4o-mega", None),
    ("anthropic/claude-sonnet-99", None), ("claude-opus-99-20990101", None), ("gemini/gemini-99-pro", None),
    ("openai/claude-sonnet-5-5", None), ("anthropic/gpt-4o", None), ("hosted_vllm/gpt-4o", None),
    ("openai/mine", None), ("ollama/llama3", None), ("nobody", None), ("", None), ("/", None),
    ("openai/", None),
])  # fmt: skip
def test_a_price_is_that_of_exactly_the_model_asked(model: str, usd: float | None) -> None:
    """Dollars of a million tokens in and out."""
    price = listed_usd(model, 10**6, 10**6)
    assert price == (None if usd is None else pytest.approx(usd))


def test_a_long_prompt_costs_what_the_list_says_of_long_ones() -> None:
    short, long = (listed_usd("openai/gpt-5.6", tokens, 0) for tokens in (272_000, 272_001))
    assert short is not None
    assert long is not None
    assert long == pytest.approx(2 * short, rel=1e-4)


@pytest.mark.parametrize(("asked", "answered", "other"), [
    ("openai/gpt-4o", "gpt-4o", ""), ("openai/gpt-4o", "gpt-4o-2024-08-06", ""),
    ("gpt-4o", "openai/gpt-4o", ""),
    ("anthropic/claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", ""),
    ("ollama/llama3", "llama3:latest", ""),
    ("openai/gpt-4o", "gpt-4o-mini", "gpt-4o-mini"), ("openai/mine", "gpt-4o", "gpt-4o"),
    ("openai/gpt-4o-mini", "gpt-4o", "gpt-4o"), ("openai/x", None, ""), ("openai/x", "", ""),
    ("openai/x", 3, ""),
    ("openai/x", "y\nz\x1b[2J", "y z [2J"),
])  # fmt: skip
def test_a_reply_that_names_another_model_is_noticed_and_a_date_is_not_another_model(
    asked: str, answered: object, other: str
) -> None:
    assert other_model(asked, answered) == other
    assert len(other_model(asked, "m" * 10_000)) <= 80
