"""How many tokens a call used: what its provider says, and our own count where it says nothing. Pure.

No answer is without tokens. A provider that says so, or says nothing, has only not counted; a number that is
counted here is marked as estimated wherever it is shown.
"""

from msgspec import Struct

from agents.proposers.llm.provider.provider_body import ProviderBody
from agents.proposers.llm.tokens import count_tokens


class UsedTokens(Struct, frozen=True):
    """Tokens of one call."""

    prompt: int
    completion: int
    estimated: bool = False
    """Whether a number of them is not the provider's word, in the place where it belongs."""


def used_tokens(
    prompt_tokens: int, completion_tokens: int, body: ProviderBody, counted: int, limit: int = 0
) -> UsedTokens:
    """Tokens of an answer. prompt_tokens, completion_tokens: as the client read them, 0 or less where it read
    none. counted: of the prompt by our own count. limit: most tokens the answer could have, where it stopped
    there; else 0.

    What a provider's total has beyond the two others counts as answer: some count thoughts there only.
    """
    prompt, completion = max(0, prompt_tokens), max(0, completion_tokens)
    written = bool(body.text or body.thoughts or limit)
    estimated = not prompt or (written and not completion)
    prompt = prompt or body.prompt_tokens or _part(body.total_tokens, counted)
    completion = completion or body.completion_tokens
    if body.thought_tokens > completion:  # so they are not in it
        completion += body.thought_tokens
    completion = max(completion, body.total_tokens - prompt)
    if completion <= 0:
        completion = limit or count_tokens(body.text) + count_tokens(body.thoughts)
    return UsedTokens(prompt, completion, estimated)


def _part(total: int, counted: int) -> int:
    return min(total, counted) if total else counted
