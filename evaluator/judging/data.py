"""Prepared data: what a task's recipe makes once and the judge reads in every run.

- A folder holds ``manifest.json``, ``vocab.json`` (bytes of each token as hex, null for special tokens),
  ``train.bin`` and ``val.bin`` (token ids, 16 bits, little-endian). Every document begins with the manifest's
  ``bos``.
- A folder appears whole or not at all: it is written beside its place, then renamed.
- Its digest covers every byte that can change a value, so runs with equal digests are comparable.
- Only the judge opens it; a variant is sent training tokens and never learns the path.
"""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from configs.errors import ConfigError

Tokens = npt.NDArray[np.uint16]

MANIFEST = "manifest.json"
VOCABULARY = "vocab.json"
STREAMS = {"train": "train.bin", "val": "val.bin"}

LARGEST_VOCABULARY = 1 << 16
"""Token ids are stored in 16 bits."""

_BLOCK = 1 << 24


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the files of a prepared folder are."""

    task: str

    digest: str
    """SHA-256 (hex) of the content."""

    vocab_size: int
    bos: int

    max_seq_len: int
    """Target tokens of one validation row."""

    eval_tokens: int
    """Target tokens one evaluation scores."""

    floor: float | None
    """Exact lower bound of the metric, or None."""

    train_tokens: int
    val_tokens: int

    vocabulary: Literal["longest_match", "bpe"]
    """How text becomes tokens, greedily or by merges."""

    pattern: str | None
    """Regular expression that splits text before merging (``bpe`` only)."""

    uncharged_steps: int = 0
    """Optimizer steps before a budget in seconds begins, because they compile and warm up."""


def write_prepared(
    folder: Path,
    *,
    task: str,
    bos: int,
    max_seq_len: int,
    eval_tokens: int,
    vocabulary: Literal["longest_match", "bpe"],
    train: npt.NDArray[np.integer],
    val: npt.NDArray[np.integer],
    vocab: Sequence[bytes | None],
    floor: float | None = None,
    pattern: str | None = None,
    uncharged_steps: int = 0,
) -> Manifest:
    """Write a prepared folder and return its manifest; a folder with the same content is left as it is,
    another one is replaced.

    train, val: 1-D token streams. vocab: bytes of each token id, None for special ones. Raises ValueError
    when the parts contradict each other.
    """
    _check(bos, max_seq_len, train, val, vocab)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        beside = Path(scratch) / "new"
        beside.mkdir()
        _write_content(beside, vocab, {"train": train, "val": val})
        unsigned = Manifest(
            task=task,
            digest="",
            vocab_size=len(vocab),
            bos=bos,
            max_seq_len=max_seq_len,
            eval_tokens=eval_tokens,
            floor=floor,
            train_tokens=len(train),
            val_tokens=len(val),
            vocabulary=vocabulary,
            pattern=pattern,
            uncharged_steps=uncharged_steps,
        )
        manifest = msgspec.structs.replace(unsigned, digest=content_digest(beside, unsigned))
        (beside / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        _install(beside, folder, manifest)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a prepared folder. Raises ConfigError when there is none or its files are not the sizes
    it says.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no prepared data in {folder}", f"Run: autoswarm prepare --task {folder.name}"
        ) from error
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"cannot read {folder / MANIFEST}: {error}",
            f"Delete {folder} and run: autoswarm prepare --task {folder.name}",
        ) from error
    for stream, tokens in (("train", manifest.train_tokens), ("val", manifest.val_tokens)):
        path = folder / STREAMS[stream]
        if not path.is_file() or path.stat().st_size != 2 * tokens:
            raise _broken(folder, manifest.task, f"{path.name} does not hold {tokens} tokens")
    return manifest


def read_tokens(folder: Path, stream: Literal["train", "val"]) -> Tokens:
    """The token stream, memory-mapped and read-only."""
    return np.asarray(np.memmap(folder / STREAMS[stream], dtype="<u2", mode="r"))


def read_vocab(folder: Path) -> list[bytes | None]:
    """Bytes of each token id, None for special tokens."""
    encoded = msgspec.json.decode((folder / VOCABULARY).read_bytes(), type=list[str | None])
    return [None if token is None else bytes.fromhex(token) for token in encoded]


def _write_content(
    folder: Path, vocab: Sequence[bytes | None], streams: Mapping[str, npt.NDArray[np.integer]]
) -> None:
    encoded = [None if token is None else token.hex() for token in vocab]
    (folder / VOCABULARY).write_bytes(msgspec.json.encode(encoded))
    for stream, tokens in streams.items():
        tokens.astype("<u2", copy=False).tofile(folder / STREAMS[stream])


def _check(
    bos: int,
    max_seq_len: int,
    train: npt.NDArray[np.integer],
    val: npt.NDArray[np.integer],
    vocab: Sequence[bytes | None],
) -> None:
    if not 0 <= bos < len(vocab) <= LARGEST_VOCABULARY:
        raise ValueError(
            f"bos {bos} and vocabulary of {len(vocab)}: token ids must be below {LARGEST_VOCABULARY} and bos"
            " one of them"
        )
    if vocab[bos] is not None:
        raise ValueError(f"bos {bos} is an ordinary token: a special token has no bytes")
    for name, tokens in (("train", train), ("val", val)):
        if tokens.ndim != 1 or len(tokens) <= max_seq_len:
            raise ValueError(
                f"{name} has shape {tokens.shape}: it must be one row of more than {max_seq_len} tokens"
            )
        if tokens[0] != bos or tokens.min() < 0 or tokens.max() >= len(vocab):
            raise ValueError(f"{name} must begin with bos {bos} and hold ids from 0 to {len(vocab) - 1}")


def _install(beside: Path, folder: Path, manifest: Manifest) -> None:
    """Rename into place. Where another process was faster with the same content, its folder stays."""
    try:
        if read_manifest(folder).digest == manifest.digest:
            return
    except ConfigError:
        pass  # absent or broken: replaced
    if folder.exists():
        folder.rename(beside.with_name("old"))
    try:
        beside.rename(folder)
    except OSError:
        if read_manifest(folder).digest != manifest.digest:
            raise


def content_digest(folder: Path, manifest: Manifest) -> str:
    """SHA-256 (hex) of every byte that can change a value: of the files, and of the manifest but for its own
    digest. Raises OSError.
    """
    content = hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(manifest, digest="")))
    for name in (VOCABULARY, *STREAMS.values()):
        content.update(f"\n{name} {(folder / name).stat().st_size}\n".encode())
        with (folder / name).open("rb") as file:
            while block := file.read(_BLOCK):
                content.update(block)
    return content.hexdigest()


def _broken(folder: Path, task: str, what: str) -> ConfigError:
    return ConfigError(
        f"the prepared data in {folder} is damaged: {what}",
        f"Delete it and run: autoswarm prepare --task {task}",
    )
