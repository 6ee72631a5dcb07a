import fcntl
import itertools
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judging import wire
from evaluator.judging.messages import Evaluate, Hello, NextBatch, Request
from evaluator.judging.wire import (
    COMPARED,
    HEADER_LIMIT,
    LENGTHS,
    Channel,
    ClosedError,
    Held,
    WireError,
    sealed,
)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A stream: what there is where packets are not."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def packets() -> Iterator[Pair]:
    ours, theirs = wire.pair()
    if ours.type == socket.SOCK_STREAM:
        pytest.skip("no packets on this platform")
    with ours, theirs:
        yield ours, theirs


def channel(connection: socket.socket) -> Channel[Request]:
    return Channel(connection, msgspec.json.Decoder(Request))


def frame(header: bytes, payload: bytes = b"") -> bytes:
    return LENGTHS.pack(len(header), len(payload)) + header + payload


def test_a_message_and_its_payload_arrive_as_sent(pair: Pair) -> None:
    ours, theirs = pair
    channel(theirs).send(NextBatch(rows=2, length=3, steps=4), b"\1\2\3")
    header, payload = channel(ours).receive(payload_limit=3)
    assert header == NextBatch(rows=2, length=3, steps=4)
    assert payload == b"\1\2\3"


def test_messages_that_arrive_together_are_read_one_by_one(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(frame(b'{"type":"hello","version":1}') + frame(b'{"type":"evaluate","rows":1,"steps":0}'))
    assert [channel(ours).receive()[0] for _ in range(2)] == [Hello(1), Evaluate(rows=1, steps=0)]


@pytest.mark.parametrize(
    "sent",
    [
        frame(b"not json"),
        frame(b"\xff\xfe"),
        frame(b""),
        frame(b"[]"),
        frame(b'{"type":"shutdown"}'),
        frame(b'{"type":"hello","version":"1"}'),
        frame(b'{"type":"hello","version":1,"more":2}'),
        frame(b'{"type":"next_batch","rows":0,"length":8,"steps":0}'),
        frame(b'{"type":"next_batch","rows":1000000000,"length":8,"steps":0}'),
        frame(b'{"type":"next_batch","rows":8,"length":8,"steps":-1}'),
        frame(
            b'{"type":"evaluate","rows":1,"steps":0,"counted":{"flops":-1,"ops":0,"bytes_written":0,"tokens":1}}'
        ),
        frame(
            b'{"type":"evaluate","rows":1,"steps":0,"counted":{"flops":NaN,"ops":0,"bytes_written":0,"tokens":1}}'
        ),
        frame(
            b'{"type":"evaluate","rows":1,"steps":0,"counted":{"flops":1,"ops":0,"bytes_written":0,"tokens":0}}'
        ),
        LENGTHS.pack(HEADER_LIMIT + 1, 0),
        LENGTHS.pack(10, 1),
    ],
)
def test_what_is_no_message_is_a_wire_error(pair: Pair, sent: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(sent)
    with pytest.raises(WireError):
        channel(ours).receive()


@given(st.binary(max_size=200))
def test_no_bytes_do_more_harm_than_a_wire_error(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.close()
        with pytest.raises((WireError, ClosedError)):
            _read_to_the_end(channel(ours))


def _read_to_the_end(incoming: Channel[Request]) -> None:
    while True:
        incoming.receive(payload_limit=64)


def test_an_end_between_messages_and_within_one_is_closed(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(frame(b'{"type":"hello","version":1}')[:-3])
    theirs.close()
    with pytest.raises(ClosedError):
        channel(ours).receive()
    with pytest.raises(ClosedError):
        channel(ours).receive()


def test_sending_to_nobody_is_closed(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    with pytest.raises(ClosedError):
        channel(ours).send(Hello(1), b"x" * (1 << 20))


HELLO = b'{"type":"hello","version":1}'


def test_a_packet_and_its_payload_arrive_as_sent(packets: Pair) -> None:
    ours, theirs = packets
    block = bytes(range(256)) * 8192
    channel(theirs).send(NextBatch(rows=2, length=3, steps=4), block)
    channel(theirs).send(Hello(1))
    header, payload = channel(ours).receive(payload_limit=len(block))
    assert header == NextBatch(rows=2, length=3, steps=4)
    assert payload == block
    assert channel(ours).receive() == (Hello(1), bytearray())


def test_what_was_held_is_passed_on_without_being_looked_at(packets: Pair) -> None:
    ours, theirs = packets
    channel(theirs).send(Hello(1), b"weights")
    _, held = channel(ours).receive_held(payload_limit=7)
    channel(ours).send(Hello(2), held)
    assert held.read(3, at=2) == b"igh"
    held.close()
    assert channel(theirs).receive(payload_limit=7) == (Hello(2), bytearray(b"weights"))


def test_sealed_memory_cannot_be_changed_cut_or_grown() -> None:
    descriptor = wire.sealed(b"four")
    for change in (
        lambda: os.write(descriptor, b"x"),
        lambda: os.ftruncate(descriptor, 1),
        lambda: os.ftruncate(descriptor, 9),
    ):
        with pytest.raises(PermissionError):
            change()
    assert os.pread(descriptor, 9, 0) == b"four"
    os.close(descriptor)


def unsealed(seals: int) -> int:
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, b"data")
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def test_only_sealed_memory_is_taken_for_a_payload(packets: Pair) -> None:
    ours, theirs = packets
    reading, writing = os.pipe()
    for descriptor in (
        unsealed(fcntl.F_SEAL_SHRINK),
        unsealed(fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL),
        reading,
        os.open("/dev/zero", os.O_RDONLY),
    ):
        socket.send_fds(theirs, [HELLO], [descriptor])
        os.close(descriptor)
        with pytest.raises(WireError, match="no sealed memory"):
            channel(ours).receive(payload_limit=64)
    os.close(writing)


def test_a_payload_too_many_or_too_large_is_refused_and_no_descriptor_is_kept(packets: Pair) -> None:
    ours, theirs = packets
    before = len(list(Path("/proc/self/fd").iterdir()))
    descriptor = wire.sealed(b"x" * 65)
    for descriptors in ([descriptor], [descriptor] * 2, [descriptor] * 9):
        socket.send_fds(theirs, [HELLO], descriptors)
        with pytest.raises(WireError):
            channel(ours).receive(payload_limit=64)
    os.close(descriptor)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    "sent", [b"not json", b"{" * (HEADER_LIMIT + 1), b'{"type":"hello","version":1,"more":2}']
)
def test_a_packet_that_is_no_message_is_a_wire_error(packets: Pair, sent: bytes) -> None:
    ours, theirs = packets
    theirs.send(sent)
    with pytest.raises(WireError):
        channel(ours).receive()


def test_silence_beyond_patience_and_an_end_are_both_closed(packets: Pair) -> None:
    ours, theirs = packets
    waiting = channel(ours)
    waiting.wait_at_most(0.01)
    with pytest.raises(ClosedError):
        waiting.receive()
    theirs.close()
    with pytest.raises(ClosedError):
        waiting.receive()


def test_two_payloads_are_compared_byte_by_byte_wherever_they_lie() -> None:
    content = bytearray(np.random.default_rng(0).bytes(COMPARED + 100))
    for at in (None, 0, COMPARED - 1, COMPARED, COMPARED + 99):
        other = bytearray(content)
        if at is not None:
            other[at] ^= 1
        held = [Held(content, len(content)), Held(other, len(other))]
        if sys.platform == "linux":
            held += [Held(sealed(one), len(one)) for one in (content, other)]
        for one, two in itertools.product(held[::2], held[1::2]):
            assert one.equals(two) == (at is None)
        for one in held:
            one.close()
    assert not Held(content, len(content)).equals(Held(content[1:], len(content) - 1))
