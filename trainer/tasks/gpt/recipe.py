"""Makes the gpt task's data: parquet shards from the hub, a tokenizer trained on the first of them, packed
token streams.

- Validation is always the last shard, which no number of training shards reaches, in blocks that share no
  document.
- Downloads resume where they stopped, and shards that are there are not fetched again; the prepared folder
  appears whole or not at all.
- What reads shards and trains the tokenizer is not part of a plain installation, and is imported only here
  and only when data has to be made.
"""

import os
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from configs.errors import ConfigError
from evaluator.judging.data import Manifest, Tokens, read_manifest, read_tokens, read_vocab, write_prepared
from evaluator.judging.packing import in_blocks, most_rows
from trainer.extras import command, missing
from trainer.recipe import DataNeeds
from trainer.tasks.gpt.corpus import Encode, token_stream, tokenizer_sample, vocabulary

DATASET = "karpathy/climbmix-400b-shuffle"
LAST_SHARD = 6_542
"""The validation shard, by its number."""
SHARDS_VARIABLE, SHARDS = "AUTOSWARM_GPT_SHARDS", 10
"""Environment variable for the number of training shards, and its default."""
VOCABULARY = 8_192
"""Tokens, one special one among them."""
CONTEXT = 2_048
"""Tokens of a row."""
EVAL_TOKENS = 40 * 524_288
"""Target tokens of one evaluation: fewer where the shard does not hold as many in each block."""
VAL_BLOCKS = 3
"""One for screens, one to confirm on, one to certify. The first makes the rows that the whole shard would."""
SHARD_BYTES, SHARD_TOKEN_BYTES = 100e6, 140e6
"""About: of a shard as it is published, some 250 million characters, and of its tokens, two bytes each."""
HUB = "https://huggingface.co"
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""Variables by which the hub's client is told to stay off the network."""
UNCHARGED_STEPS = 11
"""Optimizer steps before the clock starts: they compile."""
SAMPLE_CHARACTERS, SAMPLE_LONGEST = 1_000_000_000, 10_000
"""Text the tokenizer is trained on, and the most it takes from one document."""
PATTERN = r" ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"
"""Cuts text into words, numbers of at most two digits, punctuation and white space; no merge spans two of
them.
"""


def prepare(folder: Path) -> Path:
    """Make the data under ``folder`` if it is not there and return where it is.

    Downloads and tokenises for a while; progress goes to stderr. Raises ConfigError without a network or
    without the ``gpt`` extra.
    """
    count = shard_count(os.environ)
    place = folder / f"shards-{count}"
    there = _there(place)
    if there is None:
        tools = Tools()
        paths = [tools.fetch(number, folder / "hub") for number in (*range(count), LAST_SHARD)]
        _make(tools, place, paths[:-1], paths[-1])
    elif there.val_blocks != VAL_BLOCKS:  # made before there were blocks: the tokens are the same
        _write(place, read_tokens(place, "train"), read_tokens(place, "val"), read_vocab(place))
    return place


def needs(folder: Path) -> DataNeeds:
    """What making the data under ``folder`` would take. Raises ConfigError without the ``gpt`` extra, and
    where the network is switched off for the hub's client and shards are missing.
    """
    count = shard_count(os.environ)
    if _there(folder / f"shards-{count}") is not None:
        return DataNeeds()
    if lacking := missing("gpt"):
        names = ", ".join(re.split("[^A-Za-z0-9_-]", requirement)[0] for requirement in lacking)
        raise ConfigError(
            f"the gpt task makes its data with {names}, not installed here", f"Run {command(lacking)}."
        )
    shards = [shard_name(number) for number in (*range(count), LAST_SHARD)]
    absent = [name for name in shards if not (folder / "hub" / name).is_file()]
    if absent and any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in OFFLINE):
        raise ConfigError(
            f"{len(absent)} shards of the gpt task's data are missing, and {OFFLINE[0]} forbids a download",
            f"Unset it, or put {absent[0]} and the others into {folder / 'hub'} yourself.",
        )
    return DataNeeds(
        download_bytes=len(absent) * SHARD_BYTES,
        disk_bytes=len(absent) * SHARD_BYTES + len(shards) * SHARD_TOKEN_BYTES,
        address=os.environ.get("HF_ENDPOINT", HUB) if absent else "",
    )


def shard_count(environment: Mapping[str, str]) -> int:
    """The number of training shards asked for. Raises ConfigError when it is none or reaches the validation
    shard.
    """
    asked = environment.get(SHARDS_VARIABLE, str(SHARDS))
    if not asked.isdecimal() or not 1 <= int(asked) <= LAST_SHARD:
        raise ConfigError(
            f"{SHARDS_VARIABLE} is {asked!r}",
            f"Set it to a number from 1 to {LAST_SHARD}, or unset it for {SHARDS}.",
        )
    return int(asked)


def shard_name(number: int) -> str:
    """File name of a shard in the dataset."""
    return f"shard_{number:05d}.parquet"


def required(module: str) -> Any:
    """A module of the ``gpt`` extra. Raises ConfigError when it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"the gpt task makes its data with {module}, which is not installed",
            f"Run {command(missing('gpt') or [module.partition('.')[0]])}.",
        ) from error


class Tools:
    """The packages behind the recipe. Raises ConfigError when one is missing: before anything is
    downloaded.
    """

    def __init__(self) -> None:
        self._hub = required("huggingface_hub")
        self._parquet = required("pyarrow.parquet")
        self._bpe = required("rustbpe")
        self._tiktoken = required("tiktoken")

    def fetch(self, number: int, folder: Path) -> Path:
        """The shard of that number, downloaded if it is not in ``folder``. Raises ConfigError when it cannot
        be had.
        """
        name = shard_name(number)
        if not (folder / name).is_file():
            click.echo(f"downloading {name} of {DATASET}", err=True)
        try:
            return Path(self._hub.hf_hub_download(DATASET, name, repo_type="dataset", local_dir=folder))
        except (
            OSError,
            self._hub.errors.EntryNotFoundError,
        ) as error:  # the client's errors of network, offline mode and permission are OSErrors
            what = f"cannot download {name} of {DATASET}: {type(error).__name__}"
            raise ConfigError(
                what,
                f"Check the network and try again, it resumes; or put the shards into {folder} yourself.",
            ) from error

    def texts(self, path: Path) -> Iterator[str]:
        """The documents of a shard."""
        for batch in self._parquet.ParquetFile(path).iter_batches(columns=["text"]):
            yield from batch.column("text").to_pylist()

    def learn(self, texts: Iterator[str]) -> list[bytes | None]:
        """A vocabulary of ``VOCABULARY`` tokens for texts like these, the special one last."""
        tokenizer = self._bpe.Tokenizer()
        tokenizer.train_from_iterator(texts, VOCABULARY - 1, pattern=PATTERN)
        return vocabulary(tokenizer.get_mergeable_ranks())

    def encoder(self, vocab: list[bytes | None]) -> Encode:
        """What encodes texts with the merges of ``vocab``."""
        ranks = {piece: rank for rank, piece in enumerate(vocab) if piece is not None}
        encoding = self._tiktoken.Encoding(
            "gpt-task", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={}
        )
        encode: Encode = encoding.encode_ordinary_batch
        return encode


def _there(place: Path) -> Manifest | None:
    try:
        manifest = read_manifest(place)
    except ConfigError:
        return None
    made = (manifest.vocab_size, manifest.max_seq_len, manifest.pattern)
    return manifest if made == (VOCABULARY, CONTEXT, PATTERN) else None


def _make(tools: Tools, place: Path, training: list[Path], validation: Path) -> None:
    click.echo("training the tokenizer", err=True)
    texts = (text for path in training for text in tools.texts(path))
    vocab = tools.learn(tokenizer_sample(texts, SAMPLE_CHARACTERS, SAMPLE_LONGEST))
    encode = tools.encoder(vocab)
    train = np.concatenate([_tokens(tools, path, encode) for path in training])
    _write(place, train, _tokens(tools, validation, encode), vocab)


def _write(place: Path, train: Tokens, val: Tokens, vocab: list[bytes | None]) -> None:
    bos, wanted = VOCABULARY - 1, EVAL_TOKENS // CONTEXT
    rows = most_rows(val, bos, CONTEXT + 1, VAL_BLOCKS, wanted)
    blocks = in_blocks(val, bos, rows, CONTEXT + 1, VAL_BLOCKS) if rows else None
    if blocks is None:
        raise ConfigError(
            f"the validation shard holds {len(val)} tokens, too few for {VAL_BLOCKS} blocks",
            f"Delete {shard_name(LAST_SHARD)} in {place.parent / 'hub'}, so that it is downloaded again.",
        )
    if rows < wanted:
        click.echo(f"each block of validation holds {rows * CONTEXT} tokens, not {EVAL_TOKENS}", err=True)
    write_prepared(
        place,
        task="gpt",
        bos=bos,
        max_seq_len=CONTEXT,
        eval_tokens=rows * CONTEXT,
        vocabulary="bpe",
        train=train,
        val=blocks,
        vocab=vocab,
        pattern=PATTERN,
        uncharged_steps=UNCHARGED_STEPS,
    )


def _tokens(tools: Tools, path: Path, encode: Encode) -> npt.NDArray[np.uint16]:
    click.echo(f"tokenising {path.name}", err=True)
    return token_stream(tools.texts(path), encode, VOCABULARY - 1)
