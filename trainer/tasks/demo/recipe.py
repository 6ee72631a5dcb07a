"""Makes the demo task's data in place: rows of the demo language, a vocabulary learnt from them, and the
exact floor of val_bpb.

- Nothing is downloaded. The same bytes come out everywhere; their digest is pinned here and a difference is
  an error, not a surprise.
- A document is a row: ``BOS`` and the first 64 tokens of a text that never ends. Rows therefore are not
  chosen by their length, which would tell something about their text, and the floor of a row is exactly the
  information in its tokens.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from configs.errors import ConfigError
from evaluator.judging.data import read_manifest, write_prepared
from trainer.recipe import DataNeeds
from trainer.tasks.demo.grammar import Document, documents
from trainer.tasks.demo.reading import information
from trainer.tasks.demo.vocabulary import BOS, Vocabulary, learn

DIGEST = "ec9dc17453589e49bb7a38a3c681d07daa7ce24e29d2b3dbcc7484957b08dc98"
"""SHA-256 of the prepared content. Whatever changes it, in the grammar, the vocabulary or the numbers below,
makes values incomparable.
"""
ROW = 64
"""Tokens of a row, without ``BOS``."""
TRAIN_SEED, TRAIN_ROWS = 1, 10_000
"""640,000 tokens: at the full size the unmodified surface reads 37 % of them, so that nothing is seen
twice.
"""
VAL_SEED, VAL_ROWS = 2, 512
"""Rows of one block of validation text: 32,768 tokens, evaluated in a third of a second."""
VAL_BLOCKS = 3
"""One for screens, one to confirm on, one to certify."""
DISK_BYTES = 1.6e6
"""Of the prepared data."""
VOCABULARY = 512
"""Tokens: small, so that embedding and head do not outweigh the rest of a tiny model."""
TOKENIZER_SAMPLE = 3_000, 230
"""Documents, and bytes of each, that the vocabulary is learnt from."""


def prepare(folder: Path) -> Path:
    """Make the data under ``folder`` if it is not there and return where it is. Takes about three seconds.

    Raises ConfigError when this machine does not make the pinned bytes.
    """
    place = folder / DIGEST[:12]
    if not _is_there(place):
        _make(place)
    return place


def needs(folder: Path) -> DataNeeds:
    """What making the data under ``folder`` would take."""
    return DataNeeds() if _is_there(folder / DIGEST[:12]) else DataNeeds(disk_bytes=DISK_BYTES)


def _is_there(place: Path) -> bool:
    try:
        return read_manifest(place).digest == DIGEST
    except ConfigError:
        return False


def _make(place: Path) -> None:
    vocabulary = learn((document.text for document in documents(TRAIN_SEED, *TOKENIZER_SAMPLE)), VOCABULARY)
    written = list(texts(vocabulary, VAL_SEED, VAL_BLOCKS * VAL_ROWS))
    blocks = [written[first : first + VAL_ROWS] for first in range(0, len(written), VAL_ROWS)]
    manifest = write_prepared(
        place,
        task="demo",
        bos=BOS,
        max_seq_len=ROW,
        eval_tokens=VAL_ROWS * ROW,
        vocabulary="longest_match",
        train=rows(vocabulary, texts(vocabulary, TRAIN_SEED, TRAIN_ROWS)),
        val=[rows(vocabulary, block) for block in blocks],
        vocab=[piece or None for piece in vocabulary.pieces],
        floor=[round(floor(vocabulary, block), 6) for block in blocks],
    )
    if manifest.digest != DIGEST:
        raise ConfigError(
            f"the demo data made here has digest {manifest.digest[:12]}…, not {DIGEST[:12]}…",
            "Reinstall autoswarm, or report this.",
        )


def texts(vocabulary: Vocabulary, seed: int, count: int) -> Iterator[Document]:
    """Documents that fill a row at least."""
    return documents(seed, count, ROW, lambda word: len(vocabulary.word(word)))


def rows(vocabulary: Vocabulary, written: Iterator[Document] | list[Document]) -> npt.NDArray[np.uint16]:
    """One row of each document, joined."""
    return np.array([[BOS, *row(vocabulary, document)] for document in written], dtype=np.uint16).ravel()


def row(vocabulary: Vocabulary, document: Document) -> list[int]:
    """The first ``ROW`` tokens of a document."""
    return [token for word in document.words for token in vocabulary.word(word)][:ROW]


def floor(vocabulary: Vocabulary, written: list[Document]) -> float:
    """Bits per byte of the rows of these documents: what a model that knew the grammar would score."""
    size = sum(len(vocabulary.pieces[token]) for document in written for token in row(vocabulary, document))
    return sum(row_bits(vocabulary, document) for document in written) / size


def row_bits(vocabulary: Vocabulary, document: Document) -> float:
    """-log2 of the probability that a document begins with the tokens of this one's row."""
    whole, left = 0, ROW
    while len(vocabulary.word(document.words[whole])) < left:
        left -= len(vocabulary.word(document.words[whole]))
        whole += 1
    cut = vocabulary.word(document.words[whole])[:left]
    return information(document.words[:whole], lambda word: vocabulary.word(word)[:left] == cut)
