"""The agent's end of a command's keeper: started, given calls, left.

- Safe in a thread of a process with many: no Python of this process runs between fork and exec.
- The writing end of the keeper's stdin is in this process only. However this process ends, the keeper learns
  it from the kernel.
"""

import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from agents.proposers.command.keeper import CHUNK, GRACE, REAP_SECONDS, Call, CommandEnd
from trainer.process.environment import ROOT, small_environment

START_SECONDS = 60.0
"""For a keeper to start: a Python and two modules, from a slow disk."""
LAST_WAIT = 30.0
"""Seconds a keeper has to go once it is left: more than it waits for the processes it kills."""


class CommandLink:
    """One keeper, as a context: leaving it ends every process of the command and removes ``folder``, which is
    empty at first.
    """

    folder: Path

    def __init__(self, scratch: Path | None) -> None:
        """Start it. scratch: holds the folder; None takes the system's place for such. Raises OSError when no
        process can be started.
        """
        calls, self._calls = os.pipe()
        self._answers, answers = os.pipe()
        self._partial = b""
        try:
            _start(calls, answers, scratch or Path(tempfile.gettempdir()))
        except BaseException:
            os.close(self._calls)
            os.close(self._answers)
            raise
        finally:
            os.close(calls)
            os.close(answers)

    def __enter__(self) -> Self:
        """Wait for its folder. Raises OSError when none can be made."""
        try:
            self.folder = Path(msgspec.json.decode(self._line(START_SECONDS), type=str))
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def call(self, call: Call) -> CommandEnd:
        """What came of it. Blocks as long as the call has, and a little. Raises OSError when the keeper is
        gone.
        """
        with os.fdopen(self._calls, "wb", closefd=False) as out:
            out.write(msgspec.json.encode(call) + b"\n")
        return msgspec.json.decode(
            self._line(call.seconds + GRACE + REAP_SECONDS + LAST_WAIT), type=CommandEnd
        )

    def _line(self, seconds: float) -> bytes:
        """The next line it says, within ``seconds``. Raises OSError."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._partial:
            chunk = self._chunk(deadline - time.monotonic())
            if not chunk:
                raise OSError("the process that keeps the command is gone")
            self._partial += chunk
        line, _, self._partial = self._partial.partition(b"\n")
        return line

    def _chunk(self, seconds: float) -> bytes:
        """What it said; empty once it is gone. Raises TimeoutError, an OSError."""
        poll = select.poll()  # unlike select it takes descriptors of any number
        poll.register(self._answers, select.POLLIN)
        if not poll.poll(max(0.0, 1000 * seconds)):
            raise TimeoutError("the process that keeps the command does not answer")
        return os.read(self._answers, CHUNK)

    def _leave(self) -> None:
        os.close(self._calls)
        deadline = time.monotonic() + LAST_WAIT
        try:
            while self._chunk(deadline - time.monotonic()):
                continue
        except TimeoutError:
            return  # a process the kernel does not let go of; the keeper's guard waits on
        finally:
            os.close(self._answers)


def _start(calls: int, answers: int, scratch: Path) -> None:
    """Start a keeper. The first process forks it and ends at once."""
    command = [sys.executable, "-P", "-m", "agents.proposers.command.keeper"]
    environment = small_environment(os.environ) | {"PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)}
    subprocess.run(
        command, stdin=calls, stdout=answers, stderr=subprocess.DEVNULL, cwd="/", env=environment, check=False
    )
