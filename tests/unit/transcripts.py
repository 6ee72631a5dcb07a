"""Transcripts read back, and permits that keep them."""

import gzip

import msgspec

from agents.proposers.contract import Unavailable
from coordinator.model_calls import CallRecord, CallRequest
from coordinator.store.transcripts import Transcript


def unpacked(transcript: bytes) -> Transcript:
    return msgspec.json.decode(gzip.decompress(transcript), type=Transcript)


class NotedPermits:
    """Meets ``agents.proposers.permits.Permits`` and notes everything."""

    def __init__(self, allowed: int = 99) -> None:
        """allowed: calls it permits."""
        self.allowed = allowed
        self.requests: list[CallRequest] = []
        self.records: list[CallRecord] = []
        self.transcripts: list[Transcript] = []

    def permit(self, request: CallRequest) -> None:
        if len(self.requests) >= self.allowed:
            raise Unavailable("the money is spent")
        self.requests.append(request)

    def settle(self, record: CallRecord, transcript: bytes | None) -> None:
        assert transcript is not None
        self.records.append(record)
        self.transcripts.append(unpacked(transcript))
