"""What a provider's answer says by itself, whatever a client makes of it: text, thoughts, why it ended,
tokens. Pure.

- A client refuses bodies that are paid for all the same, gives zeros where it does not know the names of the
  numbers, and calls an end that it does not know a good one. So the body is read here once more.
- It is read in every shape that chat servers use: of OpenAI, Anthropic, Gemini, Ollama and Cohere, and lists
  of parts in any of them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

PROMPT = ("prompt_tokens", "input_tokens", "promptTokenCount", "inputTokens", "prompt_eval_count")
COMPLETION = ("completion_tokens", "output_tokens", "candidatesTokenCount", "outputTokens", "eval_count")
TOTAL = ("total_tokens", "totalTokenCount", "totalTokens")
"""Names that providers have for the same three numbers."""
REASONING = ("reasoning_tokens", "thoughtsTokenCount")
DETAILS = ("completion_tokens_details", "output_tokens_details")
USAGE = ("usage", "usageMetadata", "usage_metadata", "tokens", "billed_units", "meta")
"""Where they stand, below the body or below one another."""
ENDS = ("finish_reason", "stop_reason", "finishReason", "stopReason", "done_reason")
THOUGHTS = frozenset({"thinking", "reasoning", "redacted_thinking", "thought"})
"""Types of parts that are no part of the answer."""
TEXTS = ("content", "parts", "text", "output_text", "message", "output", "summary")
"""Where the text of a part may stand."""
MOST = 10**9
"""Tokens of one call: whatever says more is no count."""
DEEPEST = 6
"""Lists of parts within parts."""


class ProviderBody(Struct, frozen=True, kw_only=True):
    """An answer as its provider sent it. Untrusted."""

    text: str = ""
    thoughts: str = ""
    finish: str | None = None
    """Why it ended, in the provider's word; None where it does not say."""
    broken: bool = False
    """Whether an error stands beside the answer."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    thought_tokens: int = 0
    """0 where the body has no such number, of the four."""
    says_end: bool = False
    """Whether it is of a protocol in which a whole answer says why it ended."""
    usage: tuple[int, int] = (0, 0)
    """Tokens of prompt and answer as OpenAI's protocol names them; 0 where it has no such number."""


def read_body(raw: object) -> ProviderBody | None:
    """The answer in a response's JSON; None where there is none: an error, or something else."""
    body = _parsed(raw)
    answer = _answer(body)
    if answer is None:
        return None
    message = _first(answer, "message", "content", "text", "output") or ""
    prompt, completion, total = (_count(body, names) for names in (PROMPT, COMPLETION, TOTAL))
    return ProviderBody(
        text="".join(_texts(message, thoughts=False)) or _refusal(message),
        thoughts="".join(_texts(message, thoughts=True)),
        finish=_finish(answer) or _finish(body),
        broken=bool(answer.get("error") or body.get("error")),
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=total,
        thought_tokens=_count(body, REASONING),
        says_end="choices" in body or any(name in answer for name in ENDS),
        usage=_by_protocol(body),
    )


def tokens_of(value: object) -> int:
    """A number of tokens, also as a text or a fraction; 0 for whatever is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return 0
    return int(number) if 0 < number <= MOST else 0


def _parsed(raw: object) -> dict[str, Any]:
    if isinstance(raw, str | bytes):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError):
            return {}
    return raw if isinstance(raw, dict) else {}


def _by_protocol(body: Mapping[str, Any]) -> tuple[int, int]:
    usage = body.get("usage")
    return (
        (tokens_of(usage.get("prompt_tokens")), tokens_of(usage.get("completion_tokens")))
        if isinstance(usage, dict)
        else (0, 0)
    )


def _answer(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first of its answers, or the body itself where there is only one."""
    for name in ("choices", "candidates"):
        answers = body.get(name)
        if isinstance(answers, list) and answers and isinstance(answers[0], dict):
            return answers[0]
    if any(name in body for name in ("message", "content", "output")) and not isinstance(
        body.get("message"), str
    ):
        return body
    return body if any(_count(body, names) for names in (PROMPT, COMPLETION, TOTAL)) else None


def _first(values: Mapping[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _texts(value: Any, *, thoughts: bool, inside: bool = False, depth: int = 0) -> Iterator[str]:
    """Texts in a message, a part or a list of them, in order: the answer's, or those of thoughts. inside:
    whether it is part of a thought.
    """
    if isinstance(value, str):
        if inside is thoughts:
            yield value
    elif isinstance(value, list) and depth < DEEPEST:
        for part in value:
            yield from _texts(part, thoughts=thoughts, inside=inside, depth=depth + 1)
    elif isinstance(value, dict) and depth < DEEPEST:
        inside = inside or value.get("type") in THOUGHTS or value.get("thought") is True
        for name in ("reasoning_content", "reasoning", "thinking"):
            if value.get(name) is not None:
                yield from _texts(value[name], thoughts=thoughts, inside=True, depth=depth + 1)
                break
        for name in TEXTS:
            if value.get(name) is not None:
                yield from _texts(value[name], thoughts=thoughts, inside=inside, depth=depth + 1)
                break


def _refusal(message: Any) -> str:
    """What a model says in the place of an answer."""
    refusal = message.get("refusal") if isinstance(message, dict) else None
    return refusal if isinstance(refusal, str) else ""


def _finish(values: Mapping[str, Any]) -> str | None:
    for name in ENDS:
        if isinstance(values.get(name), str):
            return str(values[name])
    details = values.get("incomplete_details")
    if isinstance(details, dict) and isinstance(details.get("reason"), str):
        return str(details["reason"])
    status = values.get("status")
    return status if isinstance(status, str) else None


def _count(values: Mapping[str, Any], names: tuple[str, ...], depth: int = 0) -> int:
    """The first number of these names, in the body or in what it says of its use."""
    for name in names:
        if (count := tokens_of(values.get(name))) > 0:
            return count
    inner = (values.get(name) for name in (*USAGE, *DETAILS))
    counts = (_count(part, names, depth + 1) for part in inner if isinstance(part, dict) and depth < DEEPEST)
    return next((count for count in counts if count), 0)
