"""A run's log: everything it writes to stdout and stderr, kept up to a cap.

- The file grows as the run writes, so that it can be followed, until the first part is full; the last part is
  added at the end.
- Memory is bounded by one chunk more than the last part, however much is written and in however small pieces.
"""

from collections import deque
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

LAST_PART = 64 * 1024
"""Bytes of the end that are kept whatever was written before: room for any traceback."""


class RunLog:
    """Writes one file of bounded size."""

    written: int
    """All bytes, kept or not."""

    def __init__(self, path: Path, cap: int) -> None:
        """path: of the file. cap: bytes; it gets at most one line more."""
        self.written = 0
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._room = max(cap - LAST_PART, 0)
        self._end: deque[bytes] = deque()
        self._end_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, chunk: bytes) -> None:
        """Take what the run wrote."""
        if first := chunk[: max(self._room - self.written, 0)]:
            self._file.write(first)
        self.written += len(chunk)
        self._end.append(chunk)
        self._end_bytes += len(chunk)
        while self._end_bytes - len(self._end[0]) >= LAST_PART:
            self._end_bytes -= len(self._end.popleft())

    def tail(self, size: int) -> bytes:
        """The last bytes written, ``size`` of them if there are as many, 64 KiB at most."""
        if self._end_bytes > LAST_PART or len(self._end) > 1:
            joined = b"".join(self._end)[-LAST_PART:]
            self._end = deque([joined])
            self._end_bytes = len(joined)
        return self._end[0][-size:] if self._end else b""

    def close(self) -> None:
        """Add the last part, after a line saying how many bytes were left out, if any were."""
        if self._file.closed:
            return
        beyond = max(self.written - self._room, 0)
        last = self.tail(min(beyond, LAST_PART)) if beyond else b""
        if left_out := beyond - len(last):
            self._file.write(b"\n... %d bytes left out ...\n" % left_out)
        self._file.write(last)
        self._file.close()
