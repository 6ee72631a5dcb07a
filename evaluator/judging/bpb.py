"""Bits per byte: the metric of text tasks, computed from per-token losses by the judge.

Independent of the vocabulary: nats are divided by ln 2 times the UTF-8 bytes that the target tokens stand
for. Special tokens have no bytes; neither their losses nor their bytes count.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evaluator.judging.data import Tokens


def token_bytes(vocab: Sequence[bytes | None]) -> npt.NDArray[np.int64]:
    """UTF-8 bytes of each token id; 0 for special tokens."""
    return np.array([0 if token is None else len(token) for token in vocab], dtype=np.int64)


class BitsPerByte:
    """Running sum over batches."""

    def __init__(self, sizes: npt.NDArray[np.int64]) -> None:
        """sizes: bytes of each token id, shape [vocabulary]."""
        self._sizes = sizes
        self.nats = 0.0
        self.bytes = 0
        self.tokens = 0

    def add(self, losses: npt.NDArray[np.float32], targets: Tokens) -> None:
        """Add a batch. losses: nats per target token, finite; targets: token ids of the same shape."""
        sizes = self._sizes[targets]
        counted = sizes > 0
        self.nats += float(losses.astype(np.float64)[counted].sum())
        self.bytes += int(sizes.sum())
        self.tokens += int(counted.sum())

    @property
    def value(self) -> float:
        """Bits per byte so far. Raises ZeroDivisionError before anything was added."""
        return self.nats / (math.log(2) * self.bytes)
