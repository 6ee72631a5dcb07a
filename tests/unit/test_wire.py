import socket
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.messages import Evaluate, Hello, NextBatch, Request
from evaluator.wire import HEADER_LIMIT, LENGTHS, Channel, ClosedError, WireError

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
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
        frame(b'{"type":"evaluate","rows":1,"steps":0,"counted":{"flops":-1,"ops":0,"bytes_written":0,"tokens":1}}'),
        frame(b'{"type":"evaluate","rows":1,"steps":0,"counted":{"flops":NaN,"ops":0,"bytes_written":0,"tokens":1}}'),
        frame(b'{"type":"evaluate","rows":1,"steps":0,"counted":{"flops":1,"ops":0,"bytes_written":0,"tokens":0}}'),
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
