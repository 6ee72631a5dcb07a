import math

import numpy as np
import pytest

from evaluator.judging.bpb import BitsPerByte, token_bytes

VOCAB = [None, b"a", "é".encode(), b"the ", None]


def test_a_token_has_as_many_bytes_as_its_text_in_utf_8() -> None:
    assert token_bytes(VOCAB).tolist() == [0, 1, 2, 4, 0]


def test_bits_per_byte_of_an_example_done_by_hand() -> None:
    """ln 2 nats for "a" (1 byte) and 3 ln 2 for "é" (2 bytes) and 2 ln 2 for "the " (4 bytes): 6 bits over 7
    bytes.
    """
    score = BitsPerByte(token_bytes(VOCAB))
    bit = math.log(2)
    score.add(np.array([[bit, 3 * bit, 2 * bit]], dtype=np.float32), np.array([[1, 2, 3]], dtype=np.uint16))
    assert score.value == pytest.approx(6 / 7, rel=1e-7)
    assert (score.bytes, score.tokens) == (7, 3)


def test_special_tokens_count_neither_as_losses_nor_as_bytes() -> None:
    plain, mixed = BitsPerByte(token_bytes(VOCAB)), BitsPerByte(token_bytes(VOCAB))
    plain.add(np.array([[1.5, 2.5]], dtype=np.float32), np.array([[1, 3]], dtype=np.uint16))
    mixed.add(np.array([[1.5, 9.0, 2.5, 7.0]], dtype=np.float32), np.array([[1, 0, 3, 4]], dtype=np.uint16))
    assert (mixed.nats, mixed.bytes, mixed.tokens) == (plain.nats, plain.bytes, plain.tokens)


def test_the_value_does_not_depend_on_how_rows_are_grouped() -> None:
    draw = np.random.RandomState(0)
    losses, targets = draw.rand(40, 8).astype(np.float32), draw.randint(0, 5, (40, 8)).astype(np.uint16)
    whole, parts = BitsPerByte(token_bytes(VOCAB)), BitsPerByte(token_bytes(VOCAB))
    whole.add(losses, targets)
    for first in range(0, 40, 7):
        parts.add(losses[first : first + 7], targets[first : first + 7])
    assert parts.value == pytest.approx(whole.value, rel=1e-13)


def test_sums_are_kept_in_64_bits() -> None:
    score = BitsPerByte(token_bytes(VOCAB))
    score.add(np.array([[2.0**24]], dtype=np.float32), np.array([[1]], dtype=np.uint16))
    for _ in range(10):
        score.add(np.array([[1.0]], dtype=np.float32), np.array([[1]], dtype=np.uint16))
    assert score.nats == 2.0**24 + 10
