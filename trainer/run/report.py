"""What the judge says, read from its pipe, in order."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evaluator.job import JudgeEvent
from trainer.run.runlog import LAST_PART

CHUNK = 1 << 20
"""Bytes read at once."""

LONGEST_LINE = 1 << 20
"""Bytes of an event; a longer one is no event."""


class Report:
    """One judge's."""

    ended: bool
    """It will say nothing more."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: read without blocking."""
        self.ended = False
        self._descriptor = descriptor
        self._partial = b""
        self._events: list[JudgeEvent] = []

    def read(self) -> None:
        """Take what is there."""
        try:
            chunk = b"" if self.ended else os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        try:
            for line in lines:
                self._events.append(msgspec.json.decode(line, type=JudgeEvent))
        except msgspec.DecodeError:
            chunk = b""
        self.ended = not chunk or len(self._partial) > LONGEST_LINE

    def events(self) -> Iterator[JudgeEvent]:
        """Those not taken yet."""
        while self._events:
            yield self._events.pop(0)


def last_words(path: Path) -> str:
    """Last line the judge wrote to its log, which goes if it is empty."""
    lines = path.read_bytes()[-LAST_PART:].decode(errors="replace").strip().splitlines()
    if not lines:
        path.unlink()
    return lines[-1] if lines else ""
