"""Files and numbers that boxes hand over: what is no list of files, what counts as a number."""

import json
import struct

import pytest

from evaluator.box_job import BoxFile, ParcelError, packed, unpacked
from trainer.boxes.metric_lines import read_metrics
from trainer.judges import Guard


def block(index: object, content: bytes = b"") -> bytes:
    encoded = json.dumps(index).encode()
    return struct.pack("<I", len(encoded)) + encoded + content


def test_files_come_back_as_they_were() -> None:
    files = {"a/b.txt": BoxFile(b"\x00x"), "run.sh": BoxFile(b"", executable=True)}
    assert unpacked(packed(files)) == files


@pytest.mark.parametrize("what", [
    b"", b"\x01", struct.pack("<I", 9) + b"[]", block({}), block([["a", 1]]),
    block([["../a", 0, False]]), block([["/a", 0, False]]), block([["a", -1, False]]),
    block([["a", 2, False]], b"x"),
    block([["a", 0, False], ["a", 0, False]]), block([["a", "0", False]]),
    block([[f"f{n}", 0, False] for n in range(5001)]),
])  # fmt: skip
def test_what_holds_no_files_is_refused(what: bytes) -> None:
    with pytest.raises(ParcelError):
        unpacked(what)


@pytest.mark.parametrize(("text", "files", "numbers"), [
    ("METRIC a=1\nMETRIC b = 2.5e-3\nMETRIC a=3\n", {}, {"a": 3.0, "b": 0.0025}),
    ("noise\n  METRIC a=1 ms\n", {}, {"a": 1.0}),
    ('{"a": 9}\nMETRIC a=1\n', {}, {"a": 1.0}),
    ('noise\n{"a": 1, "ok": true, "text": "x", "more": {"b": 2, "deep": {"c": 3}}}\n', {},
     {"a": 1.0, "ok": 1.0, "b": 2.0}),
    ('{"a": 1}\nafter it\n', {}, {}),
    ("", {"reward.json": b'{"reward": 0.5}', "reward.txt": b"9"}, {"reward": 0.5}),
    ("", {"reward.txt": b" 0.25\n"}, {"reward": 0.25}),
    ("METRIC a=lots\nMETRIC =1\nMETRIC 9=1\n", {}, {}),
    ("[1]\n", {"reward.json": b"\xff[", "reward.txt": b"\xff"}, {}),
    ("{" * 100_000, {}, {}),
])  # fmt: skip
def test_numbers_that_a_measuring_command_says(
    text: str, files: dict[str, bytes], numbers: dict[str, float]
) -> None:
    assert read_metrics(text, files) == numbers


def test_what_is_no_number_is_kept_as_one_that_is_not() -> None:
    assert repr(read_metrics("METRIC a=nan\nMETRIC b=-inf\n", {})) == "{'a': nan, 'b': -inf}"


@pytest.mark.parametrize(("guard", "value", "why"), [
    (Guard(at_least=1), 1.0, ""),
    (Guard(at_least=1), 0.5, "x is 0.5, at least 1 is wanted"),
    (Guard(at_most=1), 1.5, "x is 1.5, at most 1 is allowed"),
    (Guard(at_most=1), float("nan"), "x is nan, at most 1 is allowed"),
    (Guard(), 1e9, ""),
])  # fmt: skip
def test_a_bound_is_said(guard: Guard, value: float, why: str) -> None:
    assert guard.breach("x", value) == why
