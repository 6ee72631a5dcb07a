"""What is done in one box: a sandboxed process that gets files, runs commands and gives files back.

The trainer lays a folder out for the box's judge, which finds there ``box.json`` (a ``BoxJob``) and ``in``
(files), and leaves ``out`` (files) and ``box_report.json`` (a ``BoxReport``) there.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, field

from evaluator.bundle import wrong_path

JOB, REPORT, IN, OUT = "box.json", "box_report.json", "in", "out"
"""Names in that folder."""
MOST_BYTES = 64 << 20
"""Of files into or out of a box."""
MOST_FILES = 5_000
TAIL_CHARS = 24_000
"""Of what a command wrote, the last ones."""


class ParcelError(ValueError):
    """Bytes that hold no files. ``str`` says why."""


class Step(Struct, frozen=True, kw_only=True):
    """A command."""

    name: str
    command: str
    """For ``/bin/sh -c``, in the folder of the files."""
    seconds: float
    """Of real time that it may take."""


class BoxJob(Struct, frozen=True, kw_only=True):
    """One box."""

    steps: list[Step]
    """Done in turn; one that fails is the last."""
    environment: dict[str, str] = field(default_factory=dict)
    give: list[str] = field(default_factory=list)
    """Patterns of files that come back."""
    shown: bool = False
    """What it writes may be about hidden files: it is kept for people and told nobody."""


class StepReport(Struct, frozen=True, kw_only=True):
    """What came of a command."""

    name: str
    code: int | None
    """Its exit code, negative for a signal; None where it was ended at its limit."""
    seconds: float
    """By the judge's clock."""
    cpu: float | None = None
    """Seconds of CPU of all of the box meanwhile, as the kernel counts them; None where it does not."""
    tail: str = ""
    """The end of what it wrote; untrusted."""


class BoxReport(Struct, frozen=True, kw_only=True):
    """What came of a box."""

    steps: list[StepReport]

    @property
    def failed(self) -> StepReport | None:
        """The step that failed, if one did."""
        return next((step for step in self.steps if step.code != 0), None)


class BoxFile(Struct, frozen=True):
    """A file that goes into a box or comes out of it."""

    content: bytes
    executable: bool = False


Files = Mapping[str, BoxFile]
"""By their paths below the folder that commands run in."""


def packed(files: Files) -> bytes:
    """Files as one block: a length, their paths, sizes and modes as JSON, their bytes."""
    index = [[path, len(file.content), file.executable] for path, file in files.items()]
    encoded = json.dumps(index).encode()
    return struct.pack("<I", len(encoded)) + encoded + b"".join(file.content for file in files.values())


def unpacked(block: bytes | bytearray) -> dict[str, BoxFile]:
    """Files of a block that anybody made. Raises ParcelError."""
    try:
        (size,) = struct.unpack_from("<I", block)
        if 4 + size > len(block):
            raise ParcelError("a list of files that is cut off")
        index = msgspec.json.decode(block[4 : 4 + size], type=list[tuple[str, int, bool]])
    except (struct.error, msgspec.DecodeError) as error:
        raise ParcelError(f"no list of files: {error}") from None
    if len(index) > MOST_FILES:
        raise ParcelError(f"{len(index)} files, {MOST_FILES} are allowed")
    files, at = dict[str, BoxFile](), 4 + size
    for path, length, executable in index:
        if length < 0 or at + length > len(block) or path in files or wrong_path(path):
            raise ParcelError(f"{path[:100]!r} has no plain path, or not its size")
        files[path] = BoxFile(bytes(block[at : at + length]), executable)
        at += length
    return files


def read_box(folder: Path) -> BoxJob:
    """Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode((folder / JOB).read_bytes(), type=BoxJob)


def read_report(folder: Path) -> BoxReport:
    """Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode((folder / REPORT).read_bytes(), type=BoxReport)
