"""Packs documents into rows without padding.

- Every row begins with the BOS token of a document; every place of a row holds a token (100 % utilisation).
- A row takes the longest document that still fits; when none fits, the beginning of the shortest one fills it
  and its rest is left out. Documents longer than a row count as one row long.
- Each epoch hands out each document once before the next epoch begins, in an order drawn from the seed and
  the epoch.
- The order is integer arithmetic of our own, so that a seed means the same rows on every version of numpy.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from evaluator.judging.data import Tokens

BUFFER = 1_000
"""Documents from which the best fit is chosen: as many as leave few crops, few enough to keep an epoch's
order.
"""

_SCAN = 1 << 24
_MASK = (1 << 64) - 1


def mix(value: int) -> int:
    """Finaliser of splitmix64 (Steele, Lea, Flood 2014): a 64-bit bijection without visible structure."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def order(count: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """A permutation of ``count`` documents, the same for equal arguments on every machine."""
    keys = np.arange(count, dtype=np.uint64) + np.uint64(mix(mix(seed) ^ epoch))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return np.argsort(keys ^ (keys >> np.uint64(31)), kind="stable")


def starts(tokens: Tokens, bos: int) -> npt.NDArray[np.int64]:
    """Where documents begin. Scans in blocks, so that a stream of gigabytes needs no mask of its size."""
    blocks = [np.flatnonzero(tokens[at : at + _SCAN] == bos) + at for at in range(0, len(tokens), _SCAN)]
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.int64)


class Packer:
    """An endless stream of packed rows."""

    def __init__(self, tokens: Tokens, bos: int, seed: int | None, buffer: int = BUFFER) -> None:
        """tokens: 1-D stream that begins with ``bos``, as does every document in it. seed: of the order of
        documents; None keeps the stream's order. buffer: documents from which the best fit is chosen. Raises
        ValueError for a stream that begins with another token.
        """
        self._tokens = tokens
        self._starts = starts(tokens, bos)
        if not len(self._starts) or self._starts[0] != 0:
            raise ValueError("a token stream must begin with a document")
        self._lengths = np.diff(self._starts, append=len(tokens))
        self._seed = seed
        self._capacity = buffer
        self._shelf = _Shelf(0)
        self._epoch = 0
        self._read = 0
        self._coming: Iterator[tuple[int, int]] = iter(())

    @property
    def epoch(self) -> int:
        """The epoch of the last document handed out; the first is 1."""
        return self._epoch

    @property
    def read(self) -> int:
        """Tokens of the stream up to the end of the last document looked at, in its own order."""
        return self._read

    def rows(self, count: int, width: int) -> Tokens:
        """The next ``count`` rows of ``width`` tokens, shape [count, width]."""
        if width != self._shelf.width:
            self._shelf = self._shelf.resized(width)
        block = np.empty(count * width, dtype=np.uint16)
        for row in range(0, count * width, width):
            self._fill(block, row, row + width)
        return block.reshape(count, width)

    def _fill(self, block: Tokens, at: int, end: int) -> None:
        while at < end:
            start, length = self._next(end - at)
            block[at : at + length] = self._tokens[start : start + length]
            at += length

    def _next(self, room: int) -> tuple[int, int]:
        """Place and length of the best document for ``room`` tokens, cropped to them."""
        shelf = self._shelf
        while shelf.count < self._capacity:
            document = next(self._coming, None)
            if document is None:
                if shelf.count:
                    break  # an epoch is handed out to its last document before the next begins
                self._begin_epoch()
                continue
            shelf.put(*document)
            self._read = document[0] + document[1]
        return shelf.take(room)

    def _begin_epoch(self) -> None:
        self._epoch += 1
        starts, lengths = self._starts, self._lengths
        if self._seed is not None:
            chosen = order(len(starts), self._seed, self._epoch)
            starts, lengths = starts[chosen], lengths[chosen]
        self._coming = zip(starts.tolist(), lengths.tolist(), strict=True)


def in_blocks(tokens: Tokens, bos: int, rows: int, width: int, count: int) -> list[Tokens] | None:
    """The stream cut into ``count`` blocks that share no document, each of them packed by itself into
    ``rows`` rows of ``width`` tokens or more; None where it is too short for that.

    A block ends where its packing looked last, so the first one makes the same rows as the whole stream does.
    The last one takes what is left.
    """
    left, blocks = tokens, []
    for _ in range(count):
        if not len(left):
            return None
        packer = Packer(left, bos, seed=None)
        packer.rows(rows, width)
        if packer.epoch > 1:
            return None
        blocks.append(left[: packer.read])
        left = left[packer.read :]
    return [*blocks[:-1], tokens[sum(map(len, blocks[:-1])) :]]


def most_rows(tokens: Tokens, bos: int, width: int, count: int, wanted: int) -> int:
    """The most rows, ``wanted`` at most, of which ``count`` blocks can be packed; 0 for none."""
    if in_blocks(tokens, bos, wanted, width, count) is not None:
        return wanted
    fits, too_many = 0, wanted
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if in_blocks(tokens, bos, middle, width, count) is None:
            too_many = middle
        else:
            fits = middle
    return fits


class _Shelf:
    """Documents by length, first in first out. A bit set of the lengths present answers "the longest that
    fits" in one operation.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.count = 0
        self._present = 0
        self._places: list[deque[tuple[int, int]]] = [deque() for _ in range(width + 1)]

    def put(self, start: int, length: int) -> None:
        slot = min(length, self.width)
        self._places[slot].append((start, length))
        self._present |= 1 << slot
        self.count += 1

    def take(self, room: int) -> tuple[int, int]:
        fitting = self._present & ((2 << room) - 1)
        slot = fitting.bit_length() - 1 if fitting else (self._present & -self._present).bit_length() - 1
        places = self._places[slot]
        start, _ = places.popleft()
        if not places:
            self._present ^= 1 << slot
        self.count -= 1
        return start, min(slot, room)

    def resized(self, width: int) -> "_Shelf":
        """The same documents on a shelf for rows of ``width``."""
        shelf = _Shelf(width)
        for start, length in (document for places in self._places for document in places):
            shelf.put(start, length)
        return shelf
