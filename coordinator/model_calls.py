"""Calls of language models as agents and the coordinator speak of them: asked for, permitted, settled."""

from msgspec import Struct

NAME_CHARS = 80
"""Of a name that a provider gives its model."""
UNKNOWN = "unknown"
"""Result of a call nobody spoke of again, or of a word that is not among the others."""
TRUNCATED = "truncated"
"""Result of a call whose answer stopped at the limit of its length."""
CALL_RESULTS = frozenset(
    {
        *("blocks", "diff", "whole"),
        *(
            "no_edit",
            "malformed",
            TRUNCATED,
            "outside_surface",
            "not_found",
            "ambiguous",
            "indentation",
            "snippet",
            "no_op",
        ),
        *("does_not_compile", "contract", "too_large"),
        *("authentication", "permission", "payment", "model", "context", "request"),
        *("parameter", "policy", "login", "program", "killed", "failed"),
        *("rate_limit", "server", "connection", "timeout", "reply"),
        UNKNOWN,
    }
)
"""What can come of a call: an edit by its format, what is wrong with the answer, why there was none."""


class CallRequest(Struct, frozen=True, kw_only=True):
    """A call of a language model that an agent wants to make."""

    call: str
    """Its own unique id."""
    arm: str
    model: str
    ordinal: int
    """Of the brief."""
    prompt_tokens: int
    max_tokens: int
    """Of the longest answer."""
    estimate_usd: float | None = None
    """The most it may cost by the provider's price list, None where no price is known."""
    timeout: float = 300.0
    """Seconds the call may take."""


class Permit(Struct, frozen=True):
    """The call may be made; what it may cost is set aside until it is settled."""

    call: str


class CallRecord(Struct, frozen=True, kw_only=True):
    """What came of a call."""

    call: str
    arm: str
    model: str
    ordinal: int
    turn: int = 0
    """Of its conversation, from 0."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    """None where no price is known."""
    seconds: float = 0.0
    """Waited."""
    result: str = UNKNOWN
    """Of ``CALL_RESULTS``."""
    estimated: bool = False
    """Whether the tokens are not its provider's word but counted by whoever made the call."""
    answered_by: str = ""
    """What the reply calls its model, where that is another than was asked; untrusted text."""
