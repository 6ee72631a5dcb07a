"""Data of the task: a walk over sixteen letters, one up nine times out of ten."""

from pathlib import Path

import numpy as np

from evaluator.judging.data import write_prepared

LETTERS: list[bytes | None] = [None, *(bytes([97 + number]) for number in range(16))]
"""Bytes of each token; token 0 begins a document and has none."""


def prepare(folder: Path) -> Path:
    """Make the data if it is not there, and return its folder."""
    draw = np.random.RandomState(1)
    jumps = np.where(draw.rand(40_000) < 0.9, 1, draw.randint(16, size=40_000))
    tokens = (1 + np.cumsum(jumps) % 16).astype(np.uint16)
    tokens[::50] = 0
    parts = {"train": tokens[:32_000], "val": np.split(tokens[32_000:39_500], 3)}  # val: a block each
    write_prepared(
        folder,
        task="ring",
        bos=0,
        max_seq_len=16,
        eval_tokens=1000,
        vocabulary="longest_match",
        vocab=LETTERS,
        **parts,
    )
    return folder
