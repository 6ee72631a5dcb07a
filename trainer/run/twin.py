"""The twin of a run: its surface started a second time, in another sandbox, to check what the first one
claims.

- It is started as a standby: a process that runs only our launcher, imports what most surfaces import, and
  waits. It is handed the surface when nothing is left of the live variant that could tell it anything.
- When it is done all of it is ended.
- One that uses more than a variant may is ended: the check has then failed, not the run.
- What it writes is kept beside the run's log, and only where the check did not succeed: it would repeat the
  live variant's start.
"""

import os

from trainer.process.descendants import Ended, end_all
from trainer.run.job import SupervisorJob
from trainer.run.launch import STAND_BY
from trainer.run.processes import (
    TWIN,
    Processes,
    Started,
    hand_surface,
    pipe,
    start_variant,
    watch_over,
)
from trainer.run.runlog import RunLog
from trainer.sandbox.watch import Watch

LOG = "twin.log"
"""Name in the run's directory, if there is a reason to read it."""

LOG_BYTES = 256 * 1024
"""Cap of its log: a start and a traceback."""

SWEEP = 3.0
"""Seconds for its processes to go."""

CHUNK = 1 << 20
"""Bytes of its log read at once."""

HEAVY = "torch"
"""Package that takes a second or two to import, and which most surfaces need."""

COMPILER = "torch._dynamo"
"""Module that takes another second, and which the first optimizer that is made imports (torch 2.13)."""

OPTIMIZER = "optim"
"""Word of a surface that makes one."""

BEFORE_IMPORTS = ("environ", "putenv")
"""Words of a surface that may set variables which the import of a package reads: it imports that itself."""


def imported_before(source: str) -> list[str]:
    """What a standby may import before it has the surface."""
    if HEAVY not in source or any(word in source for word in BEFORE_IMPORTS):
        return []
    return [HEAVY, COMPILER] if OPTIMIZER in source.lower() and COMPILER not in source else [HEAVY]


class Twin:
    """At most one per run."""

    log: int
    """Descriptor its log is read from, -1 before it is started."""

    has_ended: bool
    """Its first process is gone; what that left behind may not be."""

    def __init__(self, job: SupervisorJob, processes: Processes) -> None:
        self.log = -1
        self.has_ended = False
        self._job = job
        self._judge = processes.judge
        self._socket = processes.twin
        self._standby: Started | None = None
        self._pid: int | None = None
        self._file: RunLog | None = None
        self._watch: Watch | None = None

    @property
    def spared(self) -> list[int]:
        """Pids that stay where the live variant is ended."""
        return [self._judge] if self._pid is None else [self._judge, self._pid]

    def stand_by(self) -> int | None:
        """Start it, without its surface. Returns the descriptor of its log, or None where it was there
        before.
        """
        if self._socket < 0:
            return None
        self.log, log_in = pipe()
        self._file = RunLog(self._job.order.directory / LOG, LOG_BYTES)
        arguments = [STAND_BY, *imported_before(self._job.order.source)]
        try:
            self._standby = start_variant(self._job, TWIN, self._socket, log_in, arguments)
            self._pid = self._standby.pid
            self._watch = watch_over(self._job, TWIN, self._pid, self._judge)
        except OSError as error:
            self._file.write(f"the twin could not be started: {error}\n".encode())
        finally:
            os.close(log_in)
            self._close_socket()  # where nobody holds it any more the judge reads its end
        return self.log

    @property
    def waits_at(self) -> int | None:
        """Descriptor that can be read from when it waits for its surface; None where it never will."""
        return self._standby.surface if self._standby else None

    def enter(self) -> None:
        """Hand it the surface, for which it waits."""
        if self._standby:
            os.read(self._standby.surface, 1)
            hand_surface(self._job, TWIN, self._standby)
            self._standby = None

    def note(self, pid: int) -> None:
        """A child was reaped."""
        self.has_ended = self.has_ended or pid == self._pid

    def breaches(self) -> bool:
        """Whether it is there and was seen to use more than a variant may."""
        return self._pid is not None and self._watch is not None and self._watch.look() is not None

    @property
    def memory(self) -> int:
        """Bytes it was seen to use, 0 while there is none."""
        return self._watch.memory if self._watch else 0

    def leave(self) -> list[Ended]:
        """End all of it. Returns the children reaped meanwhile."""
        if self._standby:
            os.close(self._standby.surface)
            self._standby = None
        if self._pid is None:
            return []
        reaped, _ = end_all([self._pid], SWEEP, spare=[self._judge])
        self._pid, self.has_ended = None, False
        return reaped

    def read_log(self) -> bool:
        """Take what it wrote; False at its end."""
        chunk = os.read(self.log, CHUNK)
        if self._file and chunk:
            self._file.write(chunk)
        return bool(chunk)

    def close(self, keep_log: bool) -> None:
        """Let go of everything; nobody of the run is left."""
        self._close_socket()
        if self._file is None:
            return
        try:
            while self.read_log():
                continue
        except BlockingIOError:
            pass  # somebody outlived our timeout and holds the other end
        self._file.close()
        os.close(self.log)
        if not keep_log:
            (self._job.order.directory / LOG).unlink()

    def _close_socket(self) -> None:
        if self._socket >= 0:
            os.close(self._socket)
            self._socket = -1
