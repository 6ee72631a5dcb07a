"""What a merge needs and what it rests on, as values; ``coordinator.rules.trust`` decides by them."""

from enum import StrEnum

from msgspec import Struct

from evaluator.result import Audit


class Mode(StrEnum):
    """How much of an audit a merge needs."""

    STRICT = "strict"
    """A twin agreed."""
    NORMAL = "normal"
    """A twin agreed, or none could be built and the variant was probed as it answered; then the merge is
    marked.
    """
    OFF = "off"
    """None; every merge is marked as unaudited."""


class TrustRules(Struct, frozen=True):
    """What a merge needs; see configs/schema.py for each."""

    mode: Mode = Mode.NORMAL
    audit_positions: int = 2048
    audit_share: float = 0.05
    audit_share_positions: int = 256
    allow_untrusted: bool = False


class Grounds(Struct, frozen=True):
    """What a merge rests on."""

    runs: int
    """How many."""
    tier: str
    """The weakest of their sandboxes."""
    audit: Audit | None = None
    """Of all of them together."""
    marks: str = ""
    """What is open, in words."""
