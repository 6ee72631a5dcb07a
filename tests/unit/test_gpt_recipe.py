from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from configs.load import ConfigError
from evaluator.judging.data import read_block, read_tokens, write_prepared
from evaluator.judging.packing import Packer
from tests.prepared_folder import intact
from trainer.tasks.gpt.corpus import BATCH, token_stream, tokenizer_sample, vocabulary
from trainer.tasks.gpt.recipe import (
    CONTEXT,
    EVAL_TOKENS,
    LAST_SHARD,
    PATTERN,
    SHARDS,
    VOCABULARY,
    prepare,
    required,
    shard_count,
    shard_name,
)

BOS = 256


def by_bytes(texts: list[str]) -> list[list[int]]:
    return [list(text.encode()) for text in texts]


def test_every_document_begins_with_bos() -> None:
    stream = token_stream(["ab", "c"], by_bytes, BOS)
    assert stream.tolist() == [BOS, 97, 98, BOS, 99]
    assert stream.dtype == np.uint16


def test_empty_documents_are_left_out() -> None:
    assert token_stream(["", "a", ""], by_bytes, BOS).tolist() == [BOS, 97]
    assert token_stream([], by_bytes, BOS).tolist() == []


def test_no_document_is_lost_between_batches() -> None:
    documents = [f"{number:04d}" for number in range(2 * BATCH + 1)]
    text = bytes(token for token in token_stream(iter(documents), by_bytes, BOS).tolist() if token != BOS)
    assert text.decode() == "".join(documents)


def test_ids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(OverflowError):
        token_stream(["a"], lambda texts: [[70_000] for _ in texts], BOS)


def test_a_lesson_takes_the_beginning_of_each_document_until_it_is_long_enough() -> None:
    assert list(tokenizer_sample(["abcdef", "gh", "ijkl", "mn"], characters=7, longest=3)) == [
        "abc",
        "gh",
        "ijk",
    ]


def test_a_lesson_reads_no_further_than_it_needs() -> None:
    documents = iter(["abc", "def", "ghi"])
    assert list(tokenizer_sample(documents, characters=3, longest=10)) == ["abc"]
    assert list(documents) == ["ghi"]


def test_a_vocabulary_is_in_the_order_of_ranks_with_one_special_token_last() -> None:
    assert vocabulary([([98], 1), ([97], 0), ([97, 98], 2)]) == [b"a", b"b", b"ab", None]


def test_a_vocabulary_with_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match="ranks are not 0 to 1"):
        vocabulary([([97], 0), ([98], 2)])


def test_shards_are_named_by_five_digits() -> None:
    assert (shard_name(0), shard_name(LAST_SHARD)) == ("shard_00000.parquet", "shard_06542.parquet")


def test_ten_shards_are_the_default() -> None:
    assert shard_count({}) == 10
    assert shard_count({"AUTOSWARM_GPT_SHARDS": "3"}) == 3


@pytest.mark.parametrize("asked", ["0", "-1", "many", "", "6543"])
def test_a_number_of_shards_that_is_none_or_reaches_validation_is_refused(asked: str) -> None:
    with pytest.raises(ConfigError, match="AUTOSWARM_GPT_SHARDS"):
        shard_count({"AUTOSWARM_GPT_SHARDS": asked})


def test_a_missing_package_names_the_extra_to_install() -> None:
    with pytest.raises(ConfigError) as caught:
        required("a_package_nobody_has")
    assert "pip install" in caught.value.remedy
    assert "autoswarm[" not in caught.value.remedy  # no index has it


def test_data_made_before_there_were_blocks_is_cut_into_them_without_a_download(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    streams = [
        draw.integers(0, VOCABULARY - 1, 500 * documents).astype(np.uint16) for documents in (10, 4200)
    ]
    for tokens in streams:
        tokens[::500] = VOCABULARY - 1
    train, val = streams
    before = write_prepared(
        tmp_path / f"shards-{SHARDS}",
        task="gpt",
        bos=VOCABULARY - 1,
        max_seq_len=CONTEXT,
        eval_tokens=EVAL_TOKENS,
        vocabulary="bpe",
        train=train,
        val=val,
        vocab=[*(b"%d" % token for token in range(VOCABULARY - 1)), None],
        pattern=PATTERN,
    )
    assert before.val_blocks == 1
    place = prepare(tmp_path)
    after = intact(place)
    assert (after.val_blocks, after.train_tokens, after.val_tokens) == (3, len(train), len(val))
    assert read_tokens(place, "val").tolist() == val.tolist()
    rows = after.eval_tokens // CONTEXT
    assert 0 < rows < EVAL_TOKENS // CONTEXT, "the largest equal blocks, where the shard is small"
    first = Packer(read_block(place, after, 0), after.bos, None).rows(rows, CONTEXT + 1)
    assert first.tolist() == Packer(val, after.bos, None).rows(rows, CONTEXT + 1).tolist()
    assert prepare(tmp_path) == place


def test_the_pattern_leaves_out_no_text() -> None:
    """What a pattern does not match, tiktoken drops without a word."""
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x30000, 7)]))
    regex = import_module("regex")
    assert "".join(regex.findall(PATTERN, every)) == every
