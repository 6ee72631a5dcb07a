"""Events as they are written in the journal: JSON, as it always was."""

import msgspec

from coordinator.state.events import AnyEvent

POLICY_OF_BEFORE = ('"policy":{"confirm_runs"', '"policy":{"kind":"confirm","confirm_runs"')
"""How journals of 0.1 begin a policy, the only kind there was, and how it begins now."""

_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_encoder = msgspec.json.Encoder()


def encode(event: AnyEvent) -> bytes:
    """The event as JSON, its name under ``event``."""
    return _encoder.encode(event)


def decode(body: bytes | str) -> AnyEvent:
    """The event of a JSON text. Raises msgspec.ValidationError."""
    text = body if isinstance(body, str) else body.decode()
    return _decoder.decode(text.replace(*POLICY_OF_BEFORE, 1))
