import os
from pathlib import Path

import pytest

from trainer.run.early_losses import begun
from trainer.run.variant_log import EVALUATION_LOG, VariantLog

MARK = b"0123456789abcdef"


def logged(folder: Path, *chunks: bytes) -> VariantLog:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    log = VariantLog(reading, folder, 100_000, MARK)
    for chunk in chunks:
        os.write(writing, chunk)
        assert log.read()
    os.close(writing)
    assert log.drain()
    log.close()
    os.close(reading)
    return log


@pytest.mark.parametrize("size", [1, 3, 16, 17, 1000])
def test_what_stands_behind_the_mark_is_kept_apart_however_it_was_cut(tmp_path: Path, size: int) -> None:
    text = b"step 1\nstep 2 0123\n" + MARK + b"a row\n"
    log = logged(tmp_path, *(text[at : at + size] for at in range(0, len(text), size)))
    assert (tmp_path / "train.log").read_bytes() == b"step 1\nstep 2 0123\n"
    heading, rest = (tmp_path / EVALUATION_LOG).read_bytes().split(b"\n", 1)
    assert b"not handed to proposers" in heading
    assert rest == b"a row\n"
    assert (log.tail(5), log.last_words(6)) == ("0123\n", "a row\n")
    assert log.written == len(text) - len(MARK)


def test_nothing_is_kept_apart_where_no_row_was_shown(tmp_path: Path) -> None:
    log = logged(tmp_path, b"step 1\n0123456789")
    assert (tmp_path / "train.log").read_bytes() == b"step 1\n0123456789"
    assert not (tmp_path / EVALUATION_LOG).exists()
    assert log.last_words(10) == ""


def test_a_mark_may_have_begun_at_the_end_of_what_was_read() -> None:
    assert begun(b"abc012", MARK) == 3
    assert begun(b"abc", MARK) == 0
    assert begun(MARK, MARK) == 0


def test_whoever_still_writes_is_not_followed_for_ever(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    log = VariantLog(reading, tmp_path, 1000, MARK)
    os.write(writing, b"x")
    assert not log.drain()
    for descriptor in (reading, writing):
        os.close(descriptor)
    log.close()
