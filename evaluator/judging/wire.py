"""Messages between the judge and a variant: JSON headers, each with at most one block of raw bytes. Nothing
is ever unpickled.

- Where the platform has them (Linux), a message is one packet of a SOCK_SEQPACKET socket, and its bytes lie
  in a memfd sealed against every change. What arrives is checked for its seals and its size, then copied
  before it is used: it can neither change under the reader nor be cut off beneath it.
- Elsewhere (macOS) a message is a frame on a stream: two little-endian 32-bit lengths, the JSON, the bytes.
- Sizes are checked before anything is read, so that a sender cannot make the receiver allocate what it likes.
- The variant's half lives in evaluator/shim/prepare.py, which must not import us.
"""

import fcntl
import os
import socket
import struct
import sys
from typing import Generic, TypeVar

import msgspec

Incoming = TypeVar("Incoming")

LENGTHS = struct.Struct("<II")
HEADER_LIMIT = 1 << 16
"""Most bytes of a message's JSON: its fields are a few numbers and short words."""

BLOCK = 1 << 24
"""Bytes written or read at once."""

COMPARED = 1 << 18
"""Bytes compared at once: what stays in a core's cache."""


class WireError(Exception):
    """The other side sent something that is no message of this protocol. ``str`` says what."""


class ClosedError(Exception):
    """The other side is gone, between two messages or within one, or has not answered in time."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends of the best kind this platform has."""
    return socket.socketpair(
        socket.AF_UNIX, socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM
    )


class Held:
    """Bytes received and not looked at. To be closed."""

    content: int | bytearray
    """A sealed memfd, or a copy of one's own."""

    size: int
    """Bytes."""

    def __init__(self, content: int | bytearray, size: int) -> None:
        self.content = content
        self.size = size

    def read(self, size: int, at: int = 0) -> bytearray:
        """A copy of ``size`` bytes from ``at``. Raises WireError when there are fewer."""
        if at + size > self.size:
            raise WireError(f"{self.size} bytes where {at + size} were announced")
        return (
            _copy(self.content, size, at) if isinstance(self.content, int) else self.content[at : at + size]
        )

    def equals(self, other: "Held") -> bool:
        """Whether both are the same bytes. A little of each is in memory at a time."""
        if self.size != other.size:
            return False
        buffers = bytearray(COMPARED), bytearray(COMPARED)
        for at in range(0, self.size, COMPARED):
            for held, buffer in zip((self, other), buffers, strict=True):
                held._read_into(memoryview(buffer)[: self.size - at], at)
            if buffers[0] != buffers[1]:
                return False
        return True

    def _read_into(self, buffer: memoryview, at: int) -> None:
        if isinstance(self.content, int):
            _fill(buffer, self.content, at)
        else:
            buffer[:] = self.content[at : at + len(buffer)]

    def close(self) -> None:
        """Let go of it."""
        if isinstance(self.content, int):
            os.close(self.content)


Payload = bytes | bytearray | memoryview | Held


class Channel(Generic[Incoming]):
    """One end of a connection of either kind."""

    def __init__(self, connection: socket.socket, decoder: msgspec.json.Decoder[Incoming]) -> None:
        """decoder: of the union of tagged Structs that every incoming header must be."""
        self._socket = connection
        self._decoder = decoder
        self._packets = connection.type == getattr(socket, "SOCK_SEQPACKET", None)

    def wait_at_most(self, seconds: float | None) -> None:
        """From now on an answer that takes longer means that the other side is gone."""
        self._socket.settimeout(seconds)

    def send(self, header: msgspec.Struct, payload: Payload = b"") -> None:
        """Send one message. Raises ClosedError."""
        encoded = msgspec.json.encode(header)
        try:
            if self._packets:
                self._send_packet(encoded, payload)
            else:
                self._send_frame(encoded, payload)
        except OSError as error:
            raise ClosedError from error

    def receive(self, payload_limit: int = 0) -> tuple[Incoming, bytearray]:
        """The next message and a copy of its payload of at most ``payload_limit`` bytes. Raises WireError,
        ClosedError.
        """
        header, held = self.receive_held(payload_limit)
        try:
            return header, held.read(held.size)
        finally:
            held.close()

    def receive_held(self, payload_limit: int) -> tuple[Incoming, Held]:
        """The next message and its payload, not copied where it is sealed. Raises WireError, ClosedError."""
        try:
            encoded, held = self._packet(payload_limit) if self._packets else self._frame(payload_limit)
        except OSError as error:
            raise ClosedError from error
        try:
            return self._decoder.decode(encoded), held
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            held.close()
            raise WireError(f"not a message: {error}") from error

    # ---- packets and memfds

    def _send_packet(self, encoded: bytes, payload: Payload) -> None:
        if isinstance(payload, Held) and isinstance(payload.content, int):
            socket.send_fds(self._socket, [encoded], [payload.content])
            return
        content = payload.content if isinstance(payload, Held) else payload
        if not memoryview(content).nbytes:  # type: ignore[arg-type]
            self._socket.send(encoded)
            return
        descriptor = sealed(content)  # type: ignore[arg-type]
        try:
            socket.send_fds(self._socket, [encoded], [descriptor])
        finally:
            os.close(descriptor)

    def _packet(self, payload_limit: int) -> tuple[bytes, Held]:
        encoded, descriptors, flags, _ = socket.recv_fds(
            self._socket, HEADER_LIMIT, 4, socket.MSG_CMSG_CLOEXEC
        )
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(descriptors) > 1:
                raise WireError(f"a packet of more than {HEADER_LIMIT} bytes or one descriptor")
            if not encoded:
                raise ClosedError
            held = Held(descriptors[0], _sealed_size(descriptors[0])) if descriptors else Held(bytearray(), 0)
            _within(held.size, payload_limit)
        except (WireError, ClosedError):
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        return encoded, held

    # ---- frames

    def _send_frame(self, encoded: bytes, payload: Payload) -> None:
        content = payload.content if isinstance(payload, Held) else payload
        block = memoryview(content)  # type: ignore[arg-type]
        self._socket.sendall(LENGTHS.pack(len(encoded), block.nbytes) + encoded)
        if block.nbytes:
            self._socket.sendall(block)

    def _frame(self, payload_limit: int) -> tuple[bytes, Held]:
        header_size, payload_size = LENGTHS.unpack(self._exactly(LENGTHS.size))
        if header_size > HEADER_LIMIT:
            raise WireError(f"a header of {header_size} bytes, {HEADER_LIMIT} allowed")
        _within(payload_size, payload_limit)
        encoded = self._exactly(header_size)
        return bytes(encoded), Held(self._exactly(payload_size), payload_size)

    def _exactly(self, size: int) -> bytearray:
        received = bytearray(size)
        rest = memoryview(received)
        while rest:
            count = self._socket.recv_into(rest)
            if not count:
                raise ClosedError
            rest = rest[count:]
        return received


def _within(size: int, limit: int) -> None:
    if size > limit:
        raise WireError(f"a payload of {size} bytes, {limit} allowed here")


def sealed(content: bytes | bytearray | memoryview) -> int:
    """A memfd that holds ``content`` and can never be changed. Linux only. Raises OSError."""
    descriptor = os.memfd_create("block", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(content).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest[:BLOCK]) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _seals())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _seals() -> int:
    return fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def _sealed_size(descriptor: int) -> int:
    """Size of a memfd that nobody can change any more. Raises WireError for anything else, such as a pipe
    that would never end.
    """
    try:
        kept = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _seals() == _seals()
    except OSError:
        kept = False
    if not kept:
        raise WireError("a descriptor that is no sealed memory")
    return os.fstat(descriptor).st_size


def _copy(descriptor: int, size: int, at: int) -> bytearray:
    copied = bytearray(size)
    _fill(memoryview(copied), descriptor, at)
    return copied


def _fill(buffer: memoryview, descriptor: int, at: int) -> None:
    end, rest = at + len(buffer), buffer
    while rest:
        count = os.preadv(descriptor, [rest[:BLOCK]], end - len(rest))
        if not count:
            raise WireError("less than its size")
        rest = rest[count:]
