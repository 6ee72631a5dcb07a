"""A run's result on disk: there entirely or not at all, whatever happens to the machine."""

import os
from pathlib import Path

import msgspec

from evaluator.result import RunResult

RESULT = "result.json"
LOG = "train.log"
"""Names in a run's directory."""


def write_result(directory: Path, result: RunResult) -> None:
    """Write ``result.json``: beside, to the disk, into place, and the new name to the disk. Raises
    OSError.
    """
    beside = directory / f"{RESULT}.new"
    with beside.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    beside.rename(directory / RESULT)
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
