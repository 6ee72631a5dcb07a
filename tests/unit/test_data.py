from pathlib import Path

import numpy as np
import pytest

from configs.errors import ConfigError
from evaluator.judging.data import (
    Manifest,
    content_digest,
    read_manifest,
    read_tokens,
    read_vocab,
    write_prepared,
)
from tests.prepared_folder import intact

VOCAB = [None, b"a", "é".encode()]


def write(
    folder: Path,
    train: list[int] | None = None,
    floor: float | None = None,
    vocab: list[bytes | None] | None = None,
) -> Manifest:
    return write_prepared(
        folder,
        task="tiny",
        bos=0,
        max_seq_len=2,
        eval_tokens=4,
        vocabulary="longest_match",
        train=np.array(train or [0, 1, 2, 0, 2]),
        val=np.array([0, 2, 1]),
        vocab=vocab or VOCAB,
        floor=floor,
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    manifest = write(tmp_path / "tiny", floor=0.5)
    assert read_manifest(tmp_path / "tiny") == manifest == intact(tmp_path / "tiny")
    assert (manifest.vocab_size, manifest.train_tokens, manifest.val_tokens, manifest.floor) == (3, 5, 3, 0.5)
    assert read_tokens(tmp_path / "tiny", "train").tolist() == [0, 1, 2, 0, 2]
    assert read_tokens(tmp_path / "tiny", "val").tolist() == [0, 2, 1]
    assert read_vocab(tmp_path / "tiny") == VOCAB


def test_tokens_lie_in_16_bits_little_endian(tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    assert (tmp_path / "tiny" / "val.bin").read_bytes() == b"\0\0\2\0\1\0"


def test_writing_the_same_again_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    first = write(tmp_path / "tiny")
    inode = (tmp_path / "tiny").stat().st_ino
    assert write(tmp_path / "tiny") == first
    assert (tmp_path / "tiny").stat().st_ino == inode


def test_other_content_replaces_the_folder(tmp_path: Path) -> None:
    first = write(tmp_path / "tiny")
    second = write(tmp_path / "tiny", train=[0, 1, 1, 1])
    assert second.digest != first.digest
    assert intact(tmp_path / "tiny") == second
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_broken_folder_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    (tmp_path / "tiny" / "train.bin").unlink()
    write(tmp_path / "tiny")
    intact(tmp_path / "tiny")


def test_the_digest_covers_what_the_manifest_says(tmp_path: Path) -> None:
    assert write(tmp_path / "one", floor=0.5).digest != write(tmp_path / "other", floor=0.6).digest


def test_missing_data_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prepared data") as caught:
        read_manifest(tmp_path / "tiny")
    assert caught.value.remedy == "Run: autoswarm prepare --task tiny"


def test_a_truncated_stream_is_found_at_once(tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    (tmp_path / "tiny" / "val.bin").write_bytes(b"\0\0")
    with pytest.raises(ConfigError, match=r"val\.bin does not hold 3 tokens"):
        read_manifest(tmp_path / "tiny")


def test_a_changed_token_changes_the_digest(tmp_path: Path) -> None:
    manifest = write(tmp_path / "tiny")
    (tmp_path / "tiny" / "val.bin").write_bytes(b"\0\0\1\0\1\0")
    assert content_digest(tmp_path / "tiny", manifest) != manifest.digest


def test_an_unreadable_manifest_is_a_config_error(tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    (tmp_path / "tiny" / "manifest.json").write_text('{"task": "tiny"}')
    with pytest.raises(ConfigError, match="cannot read"):
        read_manifest(tmp_path / "tiny")


@pytest.mark.parametrize("train", [[1, 0, 2], [0, 1, 3], [0, 1], [0, 1, -1]])
def test_a_stream_that_contradicts_the_vocabulary_is_refused(tmp_path: Path, train: list[int]) -> None:
    with pytest.raises(ValueError, match="train"):
        write(tmp_path / "tiny", train=train)
    assert list(tmp_path.iterdir()) == []


def test_a_bos_with_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="special token"):
        write(tmp_path / "tiny", vocab=[b"", b"a", b"b"])
