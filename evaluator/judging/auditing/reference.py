"""A model small enough for the judge to make itself: how surprising a token is after the one before it,
counted in training text.

It says where a claim is too good to be likely, so that an audit looks there. Nothing is ever scored by it.
"""

import numpy as np
import numpy.typing as npt

from evaluator.judging.data import Tokens

Nats = npt.NDArray[np.float64]

SAMPLE = 1 << 22
"""Training tokens counted: some 30 ms; more changes little."""

PAIRS_UP_TO = 1 << 11
"""Largest vocabulary whose pairs are counted: a table of 4 million. Above it only single tokens are."""

TRUST_IN_PAIRS = 8.0
"""Occurrences of a token before its pairs weigh as much as the frequency of single tokens (a Dirichlet
prior).
"""


def reference(training: Tokens, rows: Tokens, vocab_size: int) -> Nats:
    """Nats of each target in ``rows`` [count, length + 1] given the token before it; shape [count, length],
    positive and finite.
    """
    sample = np.asarray(training[:SAMPLE]).astype(np.int64)
    single = np.bincount(sample, minlength=vocab_size) + 0.5
    single /= single.sum()
    before, target = rows[:, :-1].astype(np.int64), rows[:, 1:].astype(np.int64)
    if vocab_size > PAIRS_UP_TO:
        return np.asarray(-np.log(single[target]))
    pairs = np.bincount(sample[:-1] * vocab_size + sample[1:], minlength=vocab_size**2)
    firsts = pairs.reshape(vocab_size, vocab_size).sum(axis=1)
    together = pairs[before * vocab_size + target]
    return np.asarray(
        -np.log((together + TRUST_IN_PAIRS * single[target]) / (firsts[before] + TRUST_IN_PAIRS))
    )
