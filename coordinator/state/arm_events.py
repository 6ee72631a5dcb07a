"""What arms and people bring in: calls of models, what is wrong with an arm, hints. A part of all events, see
``coordinator.state.events``.
"""

from coordinator.arm_notes import ArmReason
from coordinator.model_calls import UNKNOWN
from coordinator.state.event_base import Event


class CallSettled(Event, frozen=True, kw_only=True, tag="call_settled"):
    """A call of a language model came to its end. What was said is kept beside the campaign, not here."""

    call: str
    agent: str
    arm: str
    model: str
    ordinal: int
    turn: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    """None where no price is known."""
    seconds: float = 0.0
    result: str = UNKNOWN
    """Of ``CALL_RESULTS``. An unknown call counts at its estimate until it is settled again."""
    estimated: bool = False
    """Whether its tokens are counted by whoever made it, or its dollars are those that were set aside."""
    answered_by: str = ""
    """What the reply calls its model, where that is another than was asked; untrusted text."""


class ArmNoted(Event, frozen=True, kw_only=True, tag="arm_noted"):
    """An agent says that an arm gives nothing. What gives something again says so by its experiment."""

    agent: str
    arm: str
    reason: ArmReason
    words: str = ""
    """One line without secrets; it may hold a provider's or a program's words."""
    remedy: str = ""
    stopped: bool = False
    """Until a person acts, or for ever."""
    briefs: int = 0
    """In a row for which the arm gave nothing, over all agents."""


class HintGiven(Event, frozen=True, kw_only=True, tag="hint_given"):
    """A person said something to all proposers."""

    hint: str
    """Its id, so that it is taken once."""
    text: str


class HintsWithdrawn(Event, frozen=True, kw_only=True, tag="hints_withdrawn"):
    """Briefs tell no more what people said so far."""
