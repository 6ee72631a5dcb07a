"""The trainer's end of a supervisor: started, listened to, cancelled, waited for.

- Safe in a thread of a process with many: the supervisor is started without running any Python between fork
  and exec.
- The lifeline's writing end is in this process only. However this process ends, the supervisor learns it from
  the kernel.
"""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from trainer.process.environment import our_environment
from trainer.run.job import CANCEL, Status, SupervisorJob, decode_status, encode

CHUNK = 1 << 16
"""Bytes read at once: what the status pipe holds."""


LAST_WAIT = 30.0
"""Seconds the supervisor has to go once its lifeline is closed: more than it waits for its own processes."""


class SupervisorLink:
    """One supervisor, as a context: leaving it ends the run and waits until its supervisor is gone."""

    def __init__(self, job: Callable[[int], SupervisorJob]) -> None:
        """Start it. job: makes the job, given the number of the lifeline. Raises OSError when no process can
        be started.
        """
        lifeline, self._lifeline = os.pipe()
        self._status, status = os.pipe()
        try:
            _start(job(lifeline), status)
        except BaseException:
            os.close(self._lifeline)
            os.close(self._status)
            raise
        finally:
            os.close(lifeline)
            os.close(status)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._status, selectors.EVENT_READ)
        self._partial = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lifeline)
        deadline = time.monotonic() + LAST_WAIT
        while time.monotonic() < deadline and self.listen(0.1) is not None:
            continue
        self._selector.close()
        os.close(self._status)

    def cancel(self) -> None:
        """Have the run ended; its result is still to be listened for."""
        try:
            os.write(self._lifeline, CANCEL)
        except BrokenPipeError:
            return  # the supervisor is gone, as listening will show

    def listen(self, timeout: float) -> list[Status] | None:
        """What it said within ``timeout`` seconds, perhaps nothing; None once it is gone. Raises
        msgspec.DecodeError.
        """
        if not self._selector.select(timeout):
            return []
        chunk = os.read(self._status, CHUNK)
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        return [decode_status(line) for line in lines] if chunk else None


def _start(job: SupervisorJob, status: int) -> None:
    """Start a supervisor. The first process forks it and ends at once."""
    command = [sys.executable, "-P", "-m", "trainer.run.supervisor"]
    environment = our_environment(os.environ, job.scratch)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=status, pass_fds=[job.lifeline], cwd="/", env=environment
    ) as first:
        first.communicate(encode(job))
