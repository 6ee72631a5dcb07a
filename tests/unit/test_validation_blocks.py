"""Validation text in blocks: what is written, what a run is shown of it, and what that comes to."""

import math
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from configs.errors import ConfigError
from evaluator.budget import Budget, Unit
from evaluator.job import JudgeJob
from evaluator.judging.claims import Claims
from evaluator.judging.data import (
    MANIFEST,
    Manifest,
    read_block,
    read_manifest,
    read_tokens,
    require_blocks,
    write_prepared,
)
from evaluator.judging.messages import Losses, Reply, Request, Rows
from evaluator.judging.run_end import RunEndedError
from evaluator.judging.wire import Channel, ClosedError, pair
from evaluator.result import Cheated
from tests.prepared_folder import intact

VOCABULARY, LENGTH, ROWS = 16, 8, 20
Stream = npt.NDArray[np.int64]


def streams(count: int) -> list[Stream]:
    """Documents of a row's width, of another text in each stream."""
    made = [
        np.random.default_rng(number).integers(1, VOCABULARY, 40 * (LENGTH + 1)) for number in range(count)
    ]
    for stream in made:
        stream[:: LENGTH + 1] = 0
    return made


def write(folder: Path, val: Stream | list[Stream], floor: float | list[float] | None = None) -> Manifest:
    return write_prepared(
        folder,
        task="tiny",
        bos=0,
        max_seq_len=LENGTH,
        eval_tokens=ROWS * LENGTH,
        vocabulary="longest_match",
        train=streams(1)[0],
        val=val,
        vocab=[None, *(bytes([96 + item]) for item in range(1, VOCABULARY))],
        floor=floor,
    )


def answer(connection: socket.socket) -> None:
    """A variant whose loss of a token is a hundredth of its id."""
    channel: Channel[Reply] = Channel(connection, msgspec.json.Decoder(Reply))
    try:
        while True:
            message, payload = channel.receive(1 << 24)
            assert isinstance(message, Rows)
            rows = np.frombuffer(payload, "<u2").reshape(message.rows, -1)
            losses = (rows[:, 1:] / 100).astype("<f4")
            channel.send(Losses(dtype="float32", shape=list(losses.shape)), losses.tobytes())
    except ClosedError:
        return


def claims(
    folder: Path,
    blocks: tuple[int, ...],
    at_once: int = 8,
    answered: Callable[[int], None] = lambda _: None,
) -> Claims:
    """What that variant claims on the blocks."""
    job = JudgeJob(run="r", data=folder, budget=Budget(Unit.FLOPS, 1, 9), seed=1, blocks=blocks)
    made = Claims(job, read_manifest(folder))
    ours, theirs = pair()
    thread = Thread(target=answer, args=(theirs,))
    with ours:
        thread.start()
        channel = Channel(ours, msgspec.json.Decoder(Request))
        made.collect(channel, at_once, np.random.default_rng(3), answered)
    thread.join()
    theirs.close()
    return made


def test_blocks_lie_one_after_the_other(tmp_path: Path) -> None:
    blocks = streams(3)
    manifest = write(tmp_path / "tiny", blocks, floor=[0.5, 0.6, 0.7])
    assert intact(tmp_path / "tiny") == manifest
    assert (manifest.val_blocks, manifest.floor) == (3, 0.5)
    assert [manifest.floor_of(block) for block in range(3)] == [0.5, 0.6, 0.7]
    assert read_tokens(tmp_path / "tiny", "val").tolist() == np.concatenate(blocks).tolist()
    for number, block in enumerate(blocks):
        assert read_block(tmp_path / "tiny", manifest, number).tolist() == block.tolist()


def test_a_folder_of_one_block_is_written_as_it_always_was(tmp_path: Path) -> None:
    (block,) = streams(1)
    one, listed = write(tmp_path / "one", block, floor=0.5), write(tmp_path / "listed", [block], floor=[0.5])
    assert one == listed
    assert (one.val_blocks, one.floor_of(0)) == (1, 0.5)
    assert read_block(tmp_path / "one", one, 0).tolist() == block.tolist()
    fields = msgspec.json.decode((tmp_path / "one" / MANIFEST).read_bytes())
    assert not {"block_tokens", "floors"} & set(fields)


def test_a_block_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    manifest = write(tmp_path / "tiny", streams(2))
    require_blocks(tmp_path / "tiny", manifest, 1)
    with pytest.raises(ConfigError, match=r"has 2 block\(s\) of validation rows, and block 2") as caught:
        read_block(tmp_path / "tiny", manifest, 2)
    assert caught.value.remedy.startswith("Delete it and run: autoswarm prepare --task tiny")


def test_more_rows_at_once_than_there_are_are_not_shown(tmp_path: Path) -> None:
    write(tmp_path / "tiny", streams(2))
    shown: list[int] = []
    many = claims(tmp_path / "tiny", (0, 1), 1000 * ROWS, shown.append)
    assert shown == 2 * [ROWS * LENGTH]  # what an evaluation may take grows with what was shown
    assert many.details == claims(tmp_path / "tiny", (0, 1)).details


def test_blocks_that_are_not_all_of_the_stream_are_found(tmp_path: Path) -> None:
    manifest = write(tmp_path / "tiny", streams(2))
    wrong = msgspec.structs.replace(manifest, block_tokens=(1, 2))
    (tmp_path / "tiny" / MANIFEST).write_bytes(msgspec.json.encode(wrong))
    with pytest.raises(ConfigError, match="not all of it"):
        read_manifest(tmp_path / "tiny")


@pytest.mark.parametrize("floor", [[0.5], [0.5, 0.6, 0.7]])
def test_floors_are_of_each_block_or_there_are_none(tmp_path: Path, floor: list[float]) -> None:
    with pytest.raises(ValueError, match="2 blocks"):
        write(tmp_path / "tiny", streams(2), floor=floor)


def test_every_block_begins_with_a_document(tmp_path: Path) -> None:
    first, second = streams(2)
    with pytest.raises(ValueError, match="val must begin with bos 0"):
        write(tmp_path / "tiny", [first, second[1:]])


def test_the_first_block_asked_for_gives_the_value_and_the_others_their_details(tmp_path: Path) -> None:
    write(tmp_path / "tiny", streams(3))
    alone = [claims(tmp_path / "tiny", (block,)) for block in range(3)]
    values = [one.score.value for one in alone]
    assert len(set(values)) == 3
    together = claims(tmp_path / "tiny", (1, 0, 2))
    assert together.score.value == values[1]
    assert {name: value for name, value in together.details.items() if name.startswith("value")} == {
        "value_block_0": values[0],
        "value_block_2": values[2],
    }
    assert not any(name.startswith("value") for name in alone[1].details)


def test_an_audit_can_be_anywhere_in_the_rows_that_were_shown(tmp_path: Path) -> None:
    write(tmp_path / "tiny", streams(2))
    alone, together = (claims(tmp_path / "tiny", blocks) for blocks in ((1,), (0, 1)))
    assert together.rows.shape == (2 * ROWS, LENGTH + 1)
    assert together.rows[ROWS:].tolist() == alone.rows.tolist()
    assert together.losses[ROWS:].tolist() == alone.losses.tolist()
    assert together.counted.sum() == 2 * alone.counted.sum()
    assert alone.nats_per_unit == math.log(2) * alone.details["eval_bytes"]  # type: ignore[operator]
    assert together.nats_per_unit == 2 * alone.nats_per_unit


def test_a_value_below_the_floor_of_any_block_is_not_honest(tmp_path: Path) -> None:
    write(tmp_path / "tiny", streams(2), floor=[0.01, 3.0])
    claims(tmp_path / "tiny", (0,)).check_floors()
    with pytest.raises(RunEndedError, match=r"exact floor 3\.0") as ended:
        claims(tmp_path / "tiny", (0, 1)).check_floors()
    assert isinstance(ended.value.outcome, Cheated)
