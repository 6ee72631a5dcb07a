"""From shards of text to token streams. Pure: where the text comes from and what encodes it are arguments."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

BATCH = 1_024
"""Documents encoded at once: enough to keep an encoder's threads busy."""

Encode = Callable[[list[str]], Sequence[Sequence[int]]]
"""Tokens of each of several texts."""


def token_stream(documents: Iterable[str], encode: Encode, bos: int) -> npt.NDArray[np.uint16]:
    """All documents one after the other, ``bos`` before each. Empty documents are left out. Raises
    OverflowError for ids of 65,536 and above.
    """
    blocks = [_block(batch, encode, bos) for batch in _batches(text for text in documents if text)]
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.uint16)


def tokenizer_sample(documents: Iterable[str], characters: int, longest: int) -> Iterator[str]:
    """What a tokenizer is trained on: the first ``longest`` characters of each document, until about
    ``characters`` have gone by.
    """
    for text in documents:
        if characters <= 0:
            return
        characters -= min(len(text), longest)
        yield text[:longest]


def vocabulary(ranks: Iterable[tuple[Sequence[int], int]]) -> list[bytes | None]:
    """Bytes of each token id for byte sequences and their ranks, and one special token after them. Raises
    ValueError when a rank is missing.
    """
    merged = {rank: bytes(piece) for piece, rank in ranks}
    if sorted(merged) != list(range(len(merged))):
        raise ValueError(f"{len(merged)} tokens whose ranks are not 0 to {len(merged) - 1}")
    return [*(merged[rank] for rank in range(len(merged))), None]


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(texts, BATCH)):
        yield batch


def _block(texts: list[str], encode: Encode, bos: int) -> npt.NDArray[np.uint16]:
    return np.array([token for tokens in encode(texts) for token in (bos, *tokens)], dtype=np.uint16)
