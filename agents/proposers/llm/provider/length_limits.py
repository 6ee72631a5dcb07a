"""Prompt and answer together are longer than a model takes, or the answer alone: what a provider says of it,
and what to do. Pure.

Providers count what may be answered beside what is asked, so that a small prompt is refused for a large
``max_tokens``. Then a shorter prompt is no remedy, and asking again never helps.
"""

import re

from msgspec import Struct

NUMBER = r"(\d[\d,_]*)"
CONTEXT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"maximum context length (?:is|of)[^\d]{{0,20}}{NUMBER}",
        rf"{NUMBER}[- ](?:token )?(?:maximum|max) context (?:length|window)",
        rf"context (?:length|window|limit|size)[^\d]{{0,30}}\d[\d,_]* \+ \d[\d,_]* > {NUMBER}",
        rf"context (?:length|window|limit|size)(?: (?:is|of|limit))*[^\da-z]{{0,4}}{NUMBER}",
        rf"prompt is too long: \d[\d,_]* tokens > {NUMBER}",
        rf"max_new_tokens`? must be <= {NUMBER}",
        rf"maximum number of (?:input )?tokens allowed[^\d]{{0,6}}{NUMBER}",
        rf"(?:at most|up to) {NUMBER} (?:input )?tokens of context",
    )
)
"""How many tokens a model takes, prompt and answer together."""
ANSWER = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"supports at most {NUMBER} (?:completion|output) tokens",
        rf"> {NUMBER}, which is the maximum allowed number of output tokens",
        rf"valid range of max_tokens is \[\d+, ?{NUMBER}\]",
        rf"max_(?:completion_|output_)?tokens`? must be (?:less than or equal to|at most|<=) `?{NUMBER}",
        rf"supported range is from \d+ \(inclusive\) to {NUMBER} \(exclusive\)",
        rf"maximum (?:number of )?(?:output|completion) tokens[^\d]{{0,20}}{NUMBER}",
        rf"max(?:imum)? output (?:length|tokens) (?:is|of) {NUMBER}",
    )
)
"""How many tokens a model may answer."""
PROMPT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{NUMBER} (?:tokens )?(?:in the messages|of text input|in your prompt|input tokens)",
        rf"{NUMBER} `inputs` tokens",
        rf"prompt (?:is too long:|contains) (?:at least )?{NUMBER}",
        rf"context (?:length|window|limit|size)[^\d]{{0,30}}{NUMBER} \+ \d",
        rf"input token count[^\d]{{0,6}}{NUMBER}",
    )
)
"""How many tokens the prompt has."""
WORDS = re.compile(
    r"context[ _](?:length|window)|exceeds? the available context|prompt is too long|input is too long"
    r"|too many (?:input )?tokens in (?:the )?(?:prompt|request)",
    re.IGNORECASE,
)
"""What is said of it without a number."""
SLACK = 1.2
"""What a prompt may have by a model's own count, for each token of ours."""
SHORTEST = 1_000
"""Tokens of an answer that leaves room for an edit."""


class LengthLimit(Struct, frozen=True):
    """What a provider says of lengths; 0 where it says nothing."""

    context: int = 0
    answer: int = 0
    prompt: int = 0


def length_limit(text: str) -> LengthLimit | None:
    """What a refusal says of lengths; None where it is about something else."""
    limit = LengthLimit(_first(CONTEXT, text), _first(ANSWER, text), _first(PROMPT, text))
    return limit if limit.context or limit.answer or WORDS.search(text) else None


def length_remedy(limit: LengthLimit, prompt_tokens: int, max_tokens: int) -> str:
    """What a person has to change, without a full stop. prompt_tokens: by our own count. max_tokens: of the
    arm.
    """
    prompt = limit.prompt or round(prompt_tokens * SLACK)
    room = limit.context - prompt
    if 0 < limit.answer < max_tokens and not 0 < room < limit.answer:
        return f"Set max_tokens of this arm to {limit.answer} or less: the model writes no longer answers"
    if limit.context and room < min(SHORTEST, max_tokens):
        return (
            f"The surface does not fit: choose a model that reads more than {limit.context} tokens; the"
            f" prompt has {prompt}"
        )
    if limit.context:
        return (
            f"Set max_tokens of this arm to {room // 100 * 100} or less: the model takes {limit.context}"
            f" tokens with the answer, and the prompt has {prompt}"
        )
    return (
        f"Lower max_tokens of this arm, or choose a model that reads more: the prompt has {prompt} tokens,"
        f" and max_tokens is {max_tokens}"
    )


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> int:
    matches = (pattern.search(text) for pattern in patterns)
    match = next((match for match in matches if match), None)
    return int(re.sub(r"\D", "", match[1])) - match[0].endswith("(exclusive)") if match else 0
