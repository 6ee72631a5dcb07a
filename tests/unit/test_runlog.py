from pathlib import Path

import pytest

from trainer.run.runlog import LAST_PART, RunLog


def written(path: Path, cap: int, chunks: list[bytes]) -> bytes:
    with RunLog(path, cap) as log:
        for chunk in chunks:
            log.write(chunk)
    return path.read_bytes()


def test_a_short_log_is_kept_as_it_is(tmp_path: Path) -> None:
    assert written(tmp_path / "log", 200_000, [b"one\n", b"two\n"]) == b"one\ntwo\n"


@pytest.mark.parametrize("size", [1, 1000, 65_536, 300_000])
def test_a_log_of_exactly_the_cap_is_kept_whole_however_it_was_cut(tmp_path: Path, size: int) -> None:
    text = bytes(range(256)) * 400
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert written(tmp_path / "log", len(text), chunks) == text


@pytest.mark.parametrize("size", [1000, 70_000, 1_000_000])
def test_of_a_long_log_the_first_part_and_the_last_are_kept(tmp_path: Path, size: int) -> None:
    text = b"".join(b"%06d\n" % number for number in range(60_000))
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    first = 100_000 - LAST_PART
    kept = written(tmp_path / "log", 100_000, chunks)
    assert kept == text[:first] + b"\n... 320000 bytes left out ...\n" + text[-LAST_PART:]


def test_a_cap_below_the_last_part_keeps_the_last_part(tmp_path: Path) -> None:
    kept = written(tmp_path / "log", 10, [b"x" * 70_000])
    assert kept == b"\n... 4464 bytes left out ...\n" + b"x" * LAST_PART


def test_the_file_can_be_followed_while_it_is_written(tmp_path: Path) -> None:
    with RunLog(tmp_path / "log", 200_000) as log:
        log.write(b"step 1\n")
        assert (tmp_path / "log").read_bytes() == b"step 1\n"


def test_the_tail_is_the_end_of_what_was_written(tmp_path: Path) -> None:
    with RunLog(tmp_path / "log", 200_000) as log:
        assert log.tail(10) == b""
        for number in range(10):
            log.write(b"%d" % number)
        assert log.tail(3) == b"789"
        assert log.tail(3) == b"789"
        assert log.tail(100) == b"0123456789"
        assert log.written == 10
