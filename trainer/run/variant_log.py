"""What a variant writes: in one file until it is shown validation rows, and in another from then on.

What it writes later may be those rows, so nothing but a person ever gets to read it: no result, no message,
no proposer.
"""

import os
from pathlib import Path

from trainer.run.early_losses import EarlyLosses, begun
from trainer.run.result_file import LOG
from trainer.run.runlog import RunLog

EVALUATION_LOG = "evaluation.log"
"""Name in the run's directory, if there is anything in it."""

HEADING = (
    b"What the variant wrote after it had been shown validation rows. It is for people: it is not handed to"
    b" proposers.\n"
)

CHUNK = 1 << 20
"""Bytes read at once."""

READS = 16
"""More than empty the largest pipe: whoever still writes is not followed for ever."""


class VariantLog:
    """The live variant's."""

    def __init__(
        self, descriptor: int, folder: Path, cap: int, mark: bytes, early: EarlyLosses | None = None
    ) -> None:
        """descriptor: what it writes, read without blocking. cap: bytes of each file. mark: set in it by the
        judge before rows are shown. early: reads the losses in it.
        """
        self._descriptor = descriptor
        self._before = RunLog(folder / LOG, cap)
        self._path, self._cap = folder / EVALUATION_LOG, cap
        self._mark = mark
        self._early = early or EarlyLosses(None, mark)
        self._held = b""
        self._rows_shown = False
        self._after: RunLog | None = None

    @property
    def written(self) -> int:
        """All bytes, kept or not."""
        return self._before.written + (self._after.written - len(HEADING) if self._after else 0)

    def tail(self, size: int) -> str:
        """The last ``size`` bytes written before validation rows were shown."""
        return self._before.tail(size).decode(errors="replace")

    def last_words(self, size: int) -> str:
        """The last ``size`` bytes written after that. For a decision, never to be passed on."""
        return self._after.tail(size).decode(errors="replace") if self._after else ""

    def read(self) -> bool:
        """Take what is there, a chunk at most; False at its end. Raises BlockingIOError where there is
        nothing.
        """
        chunk = os.read(self._descriptor, CHUNK)
        if passed_on := self._early.passed_on(chunk):
            self._take(passed_on)
        return bool(chunk)

    def _take(self, chunk: bytes) -> None:
        if self._rows_shown:
            self._write_later(chunk)
            return
        before, mark, after = (self._held + chunk).partition(self._mark)
        self._rows_shown = bool(mark)
        held = begun(before, self._mark) if chunk and not mark else 0
        self._before.write(before[: len(before) - held])
        self._held = before[len(before) - held :]
        self._write_later(after)

    def _write_later(self, chunk: bytes) -> None:
        if chunk and self._after is None:
            self._after = RunLog(self._path, self._cap)
            self._after.write(HEADING)
        if chunk and self._after:
            self._after.write(chunk)

    def drain(self) -> bool:
        """Take what the pipe still holds, when nobody should write any more; whether nobody can."""
        try:
            return any(not self.read() for _ in range(READS))
        except BlockingIOError:
            return False  # somebody outlived our timeout and holds the other end

    def close(self) -> None:
        """Nothing more comes."""
        self._take(self._early.passed_on(b""))
        self._take(b"")
        self._before.close()
        if self._after:
            self._after.close()
