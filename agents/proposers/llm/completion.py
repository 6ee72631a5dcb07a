"""A conversation with a language model, as proposers see it: messages in, one reply out, failures by
class.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, Protocol

from msgspec import Struct


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Options(Struct, frozen=True, kw_only=True):
    """How to ask."""

    api_base: str | None = None
    """Address of the endpoint; None for the provider's own."""
    temperature: float | None = None
    """None for the model's own."""
    max_tokens: int = 16_000
    """Longest reply."""
    timeout: float = 300.0
    """Seconds for one call, from its beginning to its end."""


class Reply(Struct, frozen=True, kw_only=True):
    """What a model said; untrusted text."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    """None where no price is known, which is not the same as free."""
    seconds: float
    """That this call took."""
    cut: bool = False
    """Whether it stopped at ``max_tokens``."""
    estimated: bool = False
    """Whether the tokens are counted here, for want of the provider's word."""
    answered_by: str = ""
    """What the reply calls its model, where that is another than was asked; untrusted text."""


class Failure(StrEnum):
    """Why a call failed."""

    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    PAYMENT = "payment"
    MODEL = "model"
    """The provider does not know the model, or nobody knows the provider."""
    CONTEXT = "context"
    """Prompt and answer together are longer than the model takes."""
    PARAMETER = "parameter"
    """The provider does not take a parameter of it, or not that value."""
    POLICY = "policy"
    """The provider's filter refuses this prompt."""
    REQUEST = "request"
    """The provider does not take this request; the same one again will fare no better."""
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    REPLY = "reply"
    """The provider answered, but not with a completion."""


LASTING = frozenset(
    {Failure.AUTHENTICATION, Failure.PERMISSION, Failure.PAYMENT, Failure.MODEL, Failure.PARAMETER}
)
"""A person has to fix it: the model is not asked again."""
PASSING = frozenset({Failure.RATE_LIMIT, Failure.SERVER, Failure.CONNECTION, Failure.TIMEOUT, Failure.REPLY})
"""The same call may succeed later. What is in neither set depends on the prompt."""


class CompletionError(Exception):
    """A call failed. ``str`` says what in one line, without secrets."""

    def __init__(
        self,
        failure: Failure,
        what: str,
        retry_after: float | None = None,
        parameter: str = "",
        reply: Reply | None = None,
        remedy: str = "",
    ) -> None:
        """retry_after: seconds the provider asks to wait; None where it says nothing. parameter: the one that
        is refused. reply: what there was of one, with what it used: it is paid for though it is of no use.
        remedy: what a person can do, without a full stop, where that is known better than from the failure.
        """
        super().__init__(what)
        self.failure = failure
        self.retry_after = retry_after
        self.parameter = parameter
        self.reply = reply
        self.remedy = remedy


class Completion(Protocol):
    """Asks a model once."""

    def complete(self, messages: Sequence[Message], model: str, options: Options) -> Reply:
        """The model's reply. Blocks, at most ``options.timeout`` and a little. Raises CompletionError."""
        ...

    def price(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Dollars of so many tokens by the provider's price list; None where no price is known."""
        ...
