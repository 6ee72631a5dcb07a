"""What the judge says, read from its pipe, in order.

Whoever reads what a variant writes asks here first whether validation rows have been shown: the judge says so
before it shows any, so what was read before it said so was written before.
"""

import os
from collections.abc import Iterator

import msgspec

from evaluator.job import HandedOver, JudgeEvent

CHUNK = 1 << 20
"""Bytes read at once."""

LONGEST_LINE = 1 << 20
"""Bytes of an event; a longer one is no event."""


class Report:
    """One judge's."""

    rows_shown: bool
    """It was about to show validation rows."""

    ended: bool
    """It will say nothing more."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: read without blocking."""
        self.rows_shown = False
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
                self._take(msgspec.json.decode(line, type=JudgeEvent))
        except msgspec.DecodeError:
            chunk = b""
        self.ended = not chunk or len(self._partial) > LONGEST_LINE

    def _take(self, event: JudgeEvent) -> None:
        self._events.append(event)
        self.rows_shown = self.rows_shown or isinstance(event, HandedOver)

    def events(self) -> Iterator[JudgeEvent]:
        """Those not taken yet."""
        while self._events:
            yield self._events.pop(0)
