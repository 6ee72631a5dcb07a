from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.judging.data import Tokens
from evaluator.judging.packing import Packer, in_blocks, mix, most_rows, order, starts

BOS = 0

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=60)


def stream(documents: list[int]) -> Tokens:
    """Documents of those lengths. Each token tells its document and its place in it, as far as 16 bits go."""
    parts = [
        [BOS, *(1 + (97 * document + place) % 60_000 for place in range(length - 1))]
        for document, length in enumerate(documents)
    ]
    return np.array([token for part in parts for token in part], dtype=np.uint16)


@given(lengths, st.integers(1, 30), st.integers(2, 50), st.integers(0, 2**40))
@settings(max_examples=60)
def test_every_row_is_full_and_begins_a_document(
    documents: list[int], count: int, width: int, seed: int
) -> None:
    rows = Packer(stream(documents), BOS, seed).rows(count, width)
    assert rows.shape == (count, width)
    assert (rows[:, 0] == BOS).all()


@given(lengths, st.integers(2, 50), st.integers(0, 2**40))
@settings(max_examples=60)
def test_every_piece_of_a_row_is_the_beginning_of_a_document(
    documents: list[int], width: int, seed: int
) -> None:
    tokens = stream(documents)
    originals = [tuple(part.tolist()) for part in np.split(tokens, starts(tokens, BOS)[1:])]
    for row in Packer(tokens, BOS, seed, buffer=7).rows(12, width):
        for piece in np.split(row, np.flatnonzero(row == BOS)[1:]):
            assert any(original[: len(piece)] == tuple(piece.tolist()) for original in originals)


@given(st.integers(1, 60), st.integers(2, 9), st.integers(0, 2**40))
@settings(max_examples=60)
def test_each_epoch_hands_out_each_document_before_the_next_begins(
    count: int, epochs: int, seed: int
) -> None:
    tokens = np.array([token for document in range(count) for token in (BOS, 1 + document)], dtype=np.uint16)
    packer = Packer(tokens, BOS, seed, buffer=5)
    for epoch in range(1, epochs):
        handed_out = Counter(int(packer.rows(1, 2)[0, 1]) for _ in range(count))
        assert handed_out == Counter(range(1, count + 1))
        assert packer.epoch == epoch


@given(lengths, st.integers(0, 2**40))
def test_the_same_seed_gives_the_same_rows(documents: list[int], seed: int) -> None:
    tokens = stream(documents)
    one, other = Packer(tokens, BOS, seed), Packer(tokens, BOS, seed)
    assert np.array_equal(one.rows(8, 17), other.rows(8, 17))


def test_another_seed_gives_another_order() -> None:
    tokens = stream([5] * 200)
    assert not np.array_equal(Packer(tokens, BOS, 1).rows(8, 17), Packer(tokens, BOS, 2).rows(8, 17))


def test_another_epoch_gives_another_order() -> None:
    assert not np.array_equal(order(50, seed=1, epoch=1), order(50, seed=1, epoch=2))


def test_an_order_is_a_permutation_that_never_changes() -> None:
    assert order(6, seed=1, epoch=1).tolist() == [4, 0, 5, 1, 3, 2]
    assert sorted(order(1000, seed=3, epoch=2).tolist()) == list(range(1000))


def test_without_a_seed_documents_come_as_they_lie_in_the_stream() -> None:
    tokens = stream([10] * 30)
    assert np.array_equal(Packer(tokens, BOS, None).rows(30, 10).ravel(), tokens)


def test_the_longest_document_that_fits_is_chosen_and_the_shortest_is_cropped() -> None:
    tokens = np.array([0, 1, 1, 1, 0, 2, 0, 3, 3, 3, 3], dtype=np.uint16)
    assert Packer(tokens, BOS, None).rows(1, 7).tolist() == [[0, 3, 3, 3, 3, 0, 2]]
    assert Packer(tokens, BOS, None).rows(1, 6).tolist() == [[0, 3, 3, 3, 3, 0]]


def test_rows_of_another_width_go_on_with_the_same_documents() -> None:
    tokens = np.array([0, 1, 0, 2, 0, 3, 0, 4], dtype=np.uint16)
    packer = Packer(tokens, BOS, None)
    packed = [*packer.rows(1, 2)[0], *packer.rows(1, 4)[0], *packer.rows(1, 2)[0]]
    assert sorted(packed) == [0, 0, 0, 0, 1, 2, 3, 4]
    assert packer.epoch == 1


def test_a_stream_that_begins_amid_a_document_is_refused() -> None:
    with pytest.raises(ValueError, match="begin with a document"):
        Packer(np.array([4, BOS, 5], dtype=np.uint16), BOS, 1)


def test_mix_is_splitmix64() -> None:
    """First output of the published generator with state 0."""
    assert mix(0) == 0xE220A8397B1DCDAF


@given(lengths, st.integers(1, 6), st.integers(2, 50), st.integers(1, 4))
@settings(max_examples=60)
def test_blocks_share_no_document_and_the_first_makes_the_rows_of_the_whole_stream(
    documents: list[int], rows: int, width: int, count: int
) -> None:
    tokens = stream(documents)
    blocks = in_blocks(tokens, BOS, rows, width, count)
    if blocks is None:
        return
    assert len(blocks) == count
    assert np.concatenate(blocks).tolist() == tokens.tolist()
    assert all(block[0] == BOS for block in blocks)
    whole = Packer(tokens, BOS, None).rows(rows, width)
    assert Packer(blocks[0], BOS, None).rows(rows, width).tolist() == whole.tolist()
    for block in blocks:
        packer = Packer(block, BOS, None)
        packer.rows(rows, width)
        assert packer.epoch == 1, "no document is shown twice"


def test_a_stream_that_is_too_short_is_cut_into_the_largest_equal_blocks() -> None:
    tokens = stream([10] * 5300)
    assert in_blocks(tokens, BOS, 1000, 10, 3) is not None
    assert most_rows(tokens, BOS, 10, 3, 1000) == 1000
    assert in_blocks(tokens, BOS, 2000, 10, 3) is None
    most = most_rows(tokens, BOS, 10, 3, 2000)
    assert 1000 < most < 1200
    assert in_blocks(tokens, BOS, most, 10, 3) is not None
    assert in_blocks(tokens, BOS, most + 1, 10, 3) is None


def test_a_stream_of_fewer_documents_than_blocks_has_none() -> None:
    assert in_blocks(stream([10, 10]), BOS, 1, 10, 3) is None
    assert most_rows(stream([10, 10]), BOS, 10, 3, 5) == 0
