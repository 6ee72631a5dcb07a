"""A reply out of what a provider sent: its text, what it used, and how it ended. Pure.

What was used is read first. Whether the answer is any good is asked afterwards, and whatever comes of that,
it has been paid for.
"""

import re
from enum import Enum, auto

from agents.proposers.llm.completion import Reply
from agents.proposers.llm.provider.price_list import listed_usd
from agents.proposers.llm.provider.provider_body import ProviderBody
from agents.proposers.llm.provider.used_tokens import used_tokens
from agents.proposers.llm.quoting import one_line
from coordinator.model_calls import NAME_CHARS

WHOLE = frozenset(
    {
        *("stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete", "completed", "finish"),
        *("tool_calls", "tool_call", "tool_use", "function_call"),
    }
)
"""Why answers end that are whole, in the words of providers, in lower case."""
CUT = frozenset(
    {
        *("length", "max_tokens", "max_output_tokens", "max_completion_tokens", "max_new_tokens"),
        *("max_length", "model_length", "token_limit", "context_length", "error_limit", "incomplete"),
        "model_context_window_exceeded",
    }
)
"""The same of answers that stopped at the limit of their length."""
FILTERED = frozenset(
    {
        *("content_filter", "content_filtered", "safety", "recitation", "blocklist", "prohibited_content"),
        *("spii", "language", "image_safety", "refusal", "sensitive", "guardrail_intervened", "error_toxic"),
    }
)
"""The same of answers that a provider keeps back."""
CUT_WORDS = re.compile(r"(?:^|[._])(?:max|length)(?:[._]|$)|max_?tokens|too_?long")
FILTER_WORDS = re.compile(r"filter|safety|guard_?rail|moderat|polic(?:y|ies)|prohibited|blocked")
BROKEN_WORDS = re.compile(
    r"error|abort|cancel|timed?_?out|interrupt|insufficient|fail|malformed|overload|pause|disconnect|network"
)
"""In reasons with other names. An answer that was broken off is not whole, wherever it broke."""
CLOSED = re.compile(r"(?:>{5,} ?REPLACE|`{3,}|~{3,}|\*\*\* End Patch)\s*$")
"""How an answer ends whose last edit is whole, whatever its provider says of it."""
SAME_MODEL = re.compile(r"(?:[-@:](?:\d[\d.-]*|latest|v\d[\w:.]*|preview|exp|it|instruct))*")
"""What providers add to the name of the model they were asked for: a date, a version."""


class End(Enum):
    """How an answer ended."""

    WHOLE = auto()
    CUT = auto()
    """At the limit of its length."""
    FILTERED = auto()
    """Its provider keeps it back, or a part of it."""
    BROKEN = auto()
    """Its provider broke it off, or does not say that it is whole, and its text does not show it."""


def read_reply(
    model: str,
    body: ProviderBody,
    *,
    counted: int,
    max_tokens: int,
    seconds: float,
    usage: tuple[int, int] = (0, 0),
    answered_by: object = None,
) -> tuple[Reply, End]:
    """model: that was asked. counted: tokens of the prompt by our own count. usage: tokens of prompt and
    answer as the client read them, 0 for none. answered_by: what the provider calls the model.
    """
    end = ended(body)
    tokens = used_tokens(*usage, body, counted, max_tokens if end is End.CUT else 0)
    reply = Reply(
        text=body.text,
        model=model,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        cost_usd=listed_usd(model, tokens.prompt, tokens.completion),
        seconds=seconds,
        cut=end is End.CUT,
        estimated=tokens.estimated,
        answered_by=other_model(model, answered_by),
    )
    return reply, end


def at_most(model: str, prompt_tokens: int, max_tokens: int, seconds: float) -> Reply:
    """What a call used at most whose answer never came: its provider may have written all of it."""
    return Reply(
        text="",
        model=model,
        prompt_tokens=prompt_tokens,
        completion_tokens=max_tokens,
        cost_usd=listed_usd(model, prompt_tokens, max_tokens),
        seconds=seconds,
        estimated=True,
    )


def ended(body: ProviderBody) -> End:
    """How an answer ended. A reason that nobody knows, or none, is a good one only where the text shows that
    its last edit is whole.
    """
    word = (body.finish or "").strip().lower()
    if body.broken:
        return End.BROKEN
    if word in WHOLE:
        return End.WHOLE
    if word in CUT or CUT_WORDS.search(word):
        return End.CUT
    if word in FILTERED or FILTER_WORDS.search(word):
        return End.FILTERED
    if BROKEN_WORDS.search(word):
        return End.BROKEN
    return End.WHOLE if CLOSED.search(body.text) else End.BROKEN


def other_model(asked: str, answered_by: object) -> str:
    """The name a reply gives its model; empty where that is the one asked, or nothing."""
    if not isinstance(answered_by, str) or not answered_by.strip():
        return ""
    wanted, name = (text.lower().rpartition("/")[2].removesuffix("-latest") for text in (asked, answered_by))
    same = name.startswith(wanted) and SAME_MODEL.fullmatch(name.removeprefix(wanted))
    return "" if same else one_line(answered_by, NAME_CHARS)
