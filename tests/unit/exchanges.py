"""Exchanges read back, and a purse that keeps them."""

import gzip

import msgspec

from agents.proposers.contract import Unavailable
from coordinator.protocol import CallRecord, CallRequest
from coordinator.store.transcripts import Exchange


def unpacked(exchange: bytes) -> Exchange:
    return msgspec.json.decode(gzip.decompress(exchange), type=Exchange)


class Ledger:
    """A purse that notes everything. allowed: permits it gives."""

    def __init__(self, allowed: int = 99) -> None:
        self.allowed = allowed
        self.requests: list[CallRequest] = []
        self.records: list[CallRecord] = []
        self.exchanges: list[Exchange] = []

    def permit(self, request: CallRequest) -> None:
        if len(self.requests) >= self.allowed:
            raise Unavailable("the money is spent")
        self.requests.append(request)

    def settle(self, record: CallRecord, exchange: bytes | None) -> None:
        assert exchange is not None
        self.records.append(record)
        self.exchanges.append(unpacked(exchange))
