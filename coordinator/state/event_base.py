"""What every event has."""

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events. Applying one fails only if the journal is damaged."""
