"""Results on a node's disk until the coordinator has them.

- ``put`` returns after the file and its name are on the disk; a kill at any instant leaves a whole file or
  none.
- Files are read oldest lease first. A file that cannot be read is moved aside and never stands in the way of
  the others.
- One agent owns one folder.
"""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from coordinator.protocol import Token
from evaluator.result import RunResult

logger = logging.getLogger(__name__)


class Spooled(Struct, frozen=True):
    """A result that waits to be reported."""

    token: Token
    result: RunResult
    gap: float | None = None
    """Seconds the slot stood idle before its run; None where unknown."""


class Spool:
    """A folder of results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob("*.part"):
            part.unlink(missing_ok=True)

    def put(self, token: Token, result: RunResult, gap: float | None = None) -> None:
        """Make a result safe. Raises OSError when the disk does not take it."""
        path = self._path(token, result.run)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(msgspec.json.encode(Spooled(token, result, gap)))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        self._sync_names()

    def remove(self, token: Token, run: str) -> None:
        """Forget a result that the coordinator has. Not synced: one that comes back is reported again, which
        is harmless.
        """
        self._path(token, run).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Spooled]:
        """What waits, oldest lease first, as it is at the moment of asking."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=Spooled)
            except (msgspec.DecodeError, UnicodeDecodeError):
                logger.warning("spooled result is unreadable and was moved aside", extra={"file": path.name})
                path.replace(path.with_suffix(".corrupt"))
            except FileNotFoundError:
                continue

    def _path(self, token: Token, run: str) -> Path:
        """The token makes it unique and sorts it; the run's id, made harmless, is for people."""
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", run)[:80]
        return self._folder / f"{token.epoch:012d}-{token.counter:012d}-{readable}.json"

    def _sync_names(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
