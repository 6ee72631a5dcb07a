"""Exchanges read back."""

import gzip

import msgspec

from coordinator.exchanges import Exchange


def unpacked(exchange: bytes) -> Exchange:
    return msgspec.json.decode(gzip.decompress(exchange), type=Exchange)
