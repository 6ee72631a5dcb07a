"""Prepared data: what a task's recipe makes once and the judge reads in every run.

- A folder holds ``manifest.json``, ``vocab.json`` (bytes of each token as hex, null for special tokens),
  ``train.bin`` and ``val.bin`` (token ids, 16 bits, little-endian). Every document begins with the manifest's
  ``bos``.
- Validation text is in one block or in several that share no document: what a campaign screens on, and what
  it keeps for later looks. Each begins with a document and is packed by itself.
- A folder appears whole or not at all: it is written beside its place, then renamed.
- Its digest covers every byte that can change a value, so runs with equal digests are comparable.
- Only the judge opens it; a variant is sent training tokens and never learns the path.
"""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, Struct, UnsetType

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

    block_tokens: tuple[int, ...] | UnsetType = UNSET
    """Tokens of each block of validation text; absent where there is one."""

    floors: tuple[float, ...] | UnsetType = UNSET
    """Exact lower bound of the metric on each block, the first being ``floor``; absent where there is one
    block, or no bound.
    """

    @property
    def val_blocks(self) -> int:
        """Blocks of validation rows, each of ``eval_tokens`` targets."""
        return 1 if self.block_tokens is UNSET else len(self.block_tokens)

    def floor_of(self, block: int) -> float | None:
        """Exact lower bound of the metric on that block, from 0; None without one."""
        return self.floor if self.floors is UNSET else self.floors[block]

    def span(self, block: int) -> tuple[int, int]:
        """Where that block begins and ends in the validation stream, in tokens. Raises IndexError."""
        sizes = (self.val_tokens,) if self.block_tokens is UNSET else self.block_tokens
        end = sum(sizes[: block + 1])
        return end - sizes[block], end


def write_prepared(
    folder: Path,
    *,
    task: str,
    bos: int,
    max_seq_len: int,
    eval_tokens: int,
    vocabulary: Literal["longest_match", "bpe"],
    train: npt.NDArray[np.integer],
    val: npt.NDArray[np.integer] | Sequence[npt.NDArray[np.integer]],
    vocab: Sequence[bytes | None],
    floor: float | Sequence[float] | None = None,
    pattern: str | None = None,
    uncharged_steps: int = 0,
) -> Manifest:
    """Write a prepared folder and return its manifest; a folder with the same content is left as it is,
    another one is replaced.

    train: a 1-D token stream. val: one, or one for each block. vocab: bytes of each token id, None for
    special ones. floor: of the one block, or of each. Raises ValueError when the parts contradict each other.
    """
    blocks = [val] if isinstance(val, np.ndarray) else list(val)
    floors = [floor] if isinstance(floor, int | float) else list(floor or ())
    _check(bos, max_seq_len, train, blocks, floors, vocab)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        beside = Path(scratch) / "new"
        beside.mkdir()
        _write_content(beside, vocab, {"train": [train], "val": blocks})
        unsigned = Manifest(
            task=task,
            digest="",
            vocab_size=len(vocab),
            bos=bos,
            max_seq_len=max_seq_len,
            eval_tokens=eval_tokens,
            train_tokens=len(train),
            vocabulary=vocabulary,
            pattern=pattern,
            uncharged_steps=uncharged_steps,
            **_fields_of(blocks, floors),
        )
        manifest = _sign(beside, unsigned)
        _install(beside, folder, manifest)
    return manifest


def _sign(beside: Path, unsigned: Manifest) -> Manifest:
    manifest = msgspec.structs.replace(unsigned, digest=content_digest(beside, unsigned))
    (beside / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def _fields_of(blocks: Sequence[npt.NDArray[np.integer]], floors: Sequence[float]) -> dict[str, Any]:
    fields = {"floor": floors[0] if floors else None, "val_tokens": sum(map(len, blocks))}
    if len(blocks) == 1:
        return fields
    return fields | {
        "block_tokens": tuple(map(len, blocks)),
        "floors": tuple(floors) if floors else UNSET,
    }


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
    if manifest.span(manifest.val_blocks - 1)[1] != manifest.val_tokens:
        raise _broken(folder, manifest.task, "its blocks of validation text are not all of it")
    return manifest


def require_blocks(folder: Path, manifest: Manifest, last: int) -> None:
    """Raise ConfigError where the data has no block of validation rows of that number, from 0."""
    if last >= manifest.val_blocks:
        raise ConfigError(
            f"the data in {folder} has {manifest.val_blocks} block(s) of validation rows, and block {last},"
            " counted from 0, is asked for",
            f"Delete it and run: autoswarm prepare --task {manifest.task}; or correct its task's val_blocks.",
        )


def read_tokens(folder: Path, stream: Literal["train", "val"]) -> Tokens:
    """The token stream, memory-mapped and read-only."""
    return np.asarray(np.memmap(folder / STREAMS[stream], dtype="<u2", mode="r"))


def read_block(folder: Path, manifest: Manifest, block: int) -> Tokens:
    """The validation stream of one block, from 0, mapped likewise. Raises ConfigError where there is none."""
    require_blocks(folder, manifest, block)
    return read_tokens(folder, "val")[slice(*manifest.span(block))]


def read_vocab(folder: Path) -> list[bytes | None]:
    """Bytes of each token id, None for special tokens."""
    encoded = msgspec.json.decode((folder / VOCABULARY).read_bytes(), type=list[str | None])
    return [None if token is None else bytes.fromhex(token) for token in encoded]


def _write_content(
    folder: Path, vocab: Sequence[bytes | None], streams: Mapping[str, Sequence[npt.NDArray[np.integer]]]
) -> None:
    encoded = [None if token is None else token.hex() for token in vocab]
    (folder / VOCABULARY).write_bytes(msgspec.json.encode(encoded))
    for stream, parts in streams.items():
        with (folder / STREAMS[stream]).open("wb") as file:
            for tokens in parts:
                tokens.astype("<u2", copy=False).tofile(file)


def _check(
    bos: int,
    max_seq_len: int,
    train: npt.NDArray[np.integer],
    blocks: Sequence[npt.NDArray[np.integer]],
    floors: Sequence[float],
    vocab: Sequence[bytes | None],
) -> None:
    if not blocks or len(floors) not in (0, len(blocks)):
        raise ValueError(f"{len(blocks)} blocks of validation text and {len(floors)} floors")
    if not 0 <= bos < len(vocab) <= LARGEST_VOCABULARY:
        raise ValueError(
            f"bos {bos} and vocabulary of {len(vocab)}: token ids must be below {LARGEST_VOCABULARY} and bos"
            " one of them"
        )
    if vocab[bos] is not None:
        raise ValueError(f"bos {bos} is an ordinary token: a special token has no bytes")
    for name, tokens in (("train", train), *(("val", block) for block in blocks)):
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
