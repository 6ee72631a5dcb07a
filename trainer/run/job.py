"""What a trainer and its supervisor send to each other.

- The trainer writes one ``SupervisorJob`` as JSON to the supervisor's stdin and closes it; the supervisor
  answers on its stdout with one JSON line per ``Status``: a ``Running`` at most twice a second, one
  ``Finished`` last.
- The lifeline is a pipe whose only writer is the trainer. A byte on it cancels the run; its end of file means
  that the trainer is gone. Either way everything of the run is ended.
"""

from pathlib import Path

import msgspec
from msgspec import Struct, field

from evaluator.result import Progress, RunResult
from trainer.contract import RunOrder, Slot
from trainer.sandbox.tier import Sandbox

CANCEL = b"c"
"""What the trainer writes on the lifeline to cancel."""


class SupervisorJob(Struct, frozen=True, kw_only=True):
    """One run to supervise."""

    order: RunOrder
    slot: Slot

    lifeline: int
    """Number of the inherited file descriptor."""

    surface: str
    """File name the source goes by."""

    data: Path
    """Prepared data folder."""

    scratch: Path
    """An empty folder of this run alone, removed at the end."""

    log_bytes: int
    """Cap of the log file."""

    judge_module: str
    """Run with ``python -m``."""

    shim: Path
    """File that variants import as ``prepare``."""

    beside: list[Path] = field(default_factory=list)
    """Files and packages that variants find beside themselves too."""

    sandbox: Sandbox = Sandbox()
    """What confines the variant."""


class Running(Struct, frozen=True, tag="running"):
    """Sign of life."""

    progress: Progress


class Finished(Struct, frozen=True, tag="finished"):
    """Nothing of the run is left but its log and its result, both on disk."""

    result: RunResult


Status = Running | Finished


def encode(value: SupervisorJob | Status) -> bytes:
    """One line of JSON, its newline included."""
    return msgspec.json.encode(value, enc_hook=str) + b"\n"


def decode_job(line: bytes) -> SupervisorJob:
    """The job in a line. Raises msgspec.DecodeError, also for a line cut short."""
    return msgspec.json.decode(line, type=SupervisorJob, dec_hook=_path)


def decode_status(line: bytes) -> Status:
    """The status in a line. Raises msgspec.DecodeError."""
    status: Status = msgspec.json.decode(line, type=Status)
    return status


def _path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)
