"""Framed messages between the judge and a variant over a stream socket.

- A frame is two little-endian 32-bit lengths, a JSON object of the first length, raw bytes of the second. Nothing is ever unpickled.
- Lengths are checked before anything is read, so that a sender cannot make the receiver allocate what it likes.
- The variant's half lives in evaluator/shim/prepare.py, which must not import us.
"""

import socket
import struct
from typing import Generic, TypeVar

import msgspec

Incoming = TypeVar("Incoming")

LENGTHS = struct.Struct("<II")
HEADER_LIMIT = 1 << 16
"""Most bytes of a message's JSON: its fields are a few numbers and short words."""


class WireError(Exception):
    """The other side sent something that is no message of this protocol. ``str`` says what."""


class ClosedError(Exception):
    """The other side is gone, between two messages or within one."""


class Channel(Generic[Incoming]):
    """One end of a connection. decoder: of the union of tagged Structs that every incoming header must be."""

    def __init__(self, connection: socket.socket, decoder: msgspec.json.Decoder[Incoming]) -> None:
        self._socket = connection
        self._decoder = decoder

    def send(self, header: msgspec.Struct, payload: bytes | memoryview = b"") -> None:
        """Send one message. Raises ClosedError."""
        encoded = msgspec.json.encode(header)
        size = memoryview(payload).nbytes
        try:
            self._socket.sendall(LENGTHS.pack(len(encoded), size) + encoded)
            if size:
                self._socket.sendall(payload)
        except OSError as error:
            raise ClosedError from error

    def receive(self, payload_limit: int = 0) -> tuple[Incoming, bytearray]:
        """The next message and its payload of at most ``payload_limit`` bytes. Raises WireError, ClosedError."""
        header_size, payload_size = LENGTHS.unpack(self._exactly(LENGTHS.size))
        if header_size > HEADER_LIMIT:
            raise WireError(f"a header of {header_size} bytes, {HEADER_LIMIT} allowed")
        if payload_size > payload_limit:
            raise WireError(f"a payload of {payload_size} bytes, {payload_limit} allowed here")
        try:
            header = self._decoder.decode(self._exactly(header_size))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WireError(f"not a message: {error}") from error
        return header, self._exactly(payload_size)

    def _exactly(self, size: int) -> bytearray:
        received = bytearray(size)
        rest = memoryview(received)
        try:
            while rest:
                count = self._socket.recv_into(rest)
                if not count:
                    raise ClosedError
                rest = rest[count:]
        except OSError as error:
            raise ClosedError from error
        return received
