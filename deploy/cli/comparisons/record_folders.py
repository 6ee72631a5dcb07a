"""Records on disk: a folder each, beside the campaign that they are of, or in ``records`` below the folder
that the command was typed in.

- ``plan.json`` is there from the start, ``record.json`` from the end on. Between them the record goes on.
- One process works on a record: it holds a lock that the operating system lets go however it ends.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from configs.errors import ConfigError
from deploy.cli.comparisons.question import Plan, Question, RecordKind
from deploy.cli.comparisons.record import Record

OUTSIDE = Path("records")
PLAN, RECORD, LOCK = "plan.json", "record.json", "lock"
NAME = re.compile(r"(?:c|v)\d{4,}")
LETTER = {RecordKind.CERTIFY: "c", RecordKind.VERIFY: "v", RecordKind.ABLATE: "a"}

AnyStruct = TypeVar("AnyStruct", bound=Struct)


def plans(folder: Path) -> list[Plan]:
    """Every plan in a folder of records, the oldest first; what cannot be read is left out."""
    names = sorted(path.name for path in folder.glob("*") if NAME.fullmatch(path.name))
    read = [_read(folder / name / PLAN, Plan) for name in names]
    return sorted((plan for plan in read if plan is not None), key=lambda plan: plan.made_at)


def record_of(folder: Path, name: str) -> Record | None:
    """The finished record of that id, None where there is none."""
    return _read(folder / name / RECORD, Record)


def same(folder: Path, question: Question) -> Plan | None:
    """The newest plan that asks exactly this; None where nobody asked it. How long a run may hang decides
    nothing, and follows how fast the machine is found to be.
    """
    wanted = _without_cap(question)
    return next((plan for plan in reversed(plans(folder)) if _without_cap(plan.question) == wanted), None)


def _without_cap(question: Question) -> Question:
    return replace(question, budget=replace(question.budget, wall_cap=0.0))


def attempts(folder: Path, question: Question) -> int:
    """How often something was to be certified on these rows so far."""
    asked = [plan.question for plan in plans(folder)]
    return sum(
        other.kind is RecordKind.CERTIFY
        and (other.task, other.data, other.block, other.rows)
        == (question.task, question.data, question.block, question.rows)
        for other in asked
    )


def new_record(folder: Path, kind: RecordKind) -> str:
    """The id of a record that nobody has yet, and its folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name[1:]) for path in folder.glob("*") if NAME.fullmatch(path.name)]
    number = max(taken, default=0)
    while True:
        number += 1
        name = f"{LETTER[kind]}{number:04d}"
        try:
            (folder / name).mkdir()
        except FileExistsError:
            continue
        return name


def keep(path: Path, value: Struct) -> None:
    """Write a value as JSON: there whole and on the disk, or not at all. Raises OSError."""
    keep_text(path, msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def keep_text(path: Path, text: str) -> None:
    """The same of a text."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


@contextmanager
def working_on(folder: Path) -> Iterator[None]:
    """While nobody else does. Raises ConfigError."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another process makes the runs of record {folder.name}",
                "Wait for it, or end it: what it has measured stays.",
            ) from None
        yield
    finally:
        os.close(descriptor)


def _read(path: Path, kind: type[AnyStruct]) -> AnyStruct | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
