"""The twin of a run: its surface started a second time, in another sandbox, to check what the first one
claims.

- While it is there every process of the live variant stands still: stopped, not killed, so that the memory of
  its GPU stays taken and nothing can be found there.
- When it is done all of it is ended, and the live variant goes on.
- One that uses more than a variant may is ended: the check has then failed, not the run.
- What it writes is kept beside the run's log, and only where the check did not succeed: it would repeat the
  live variant's start.
"""

import os
import signal
import time

from trainer.process.descendants import Ended, descendants, end_all, ended, send
from trainer.run.job import SupervisorJob
from trainer.run.processes import TWIN, Processes, pipe, start_variant, watch_over
from trainer.run.runlog import RunLog
from trainer.sandbox.watch import Watch

LOG = "twin.log"
"""Name in the run's directory, if there is a reason to read it."""

LOG_BYTES = 256 * 1024
"""Cap of its log: a start and a traceback."""

ROUNDS = 64
"""Scans that may still find something new to stop."""

SWEEP = 3.0
"""Seconds for its processes to go."""

DYING = 0.2
"""Seconds in which a twin that let go of its socket is gone, if it is dying: a process closes what it holds
before it can be seen to have ended.
"""

CHUNK = 1 << 20
"""Bytes of its log read at once."""


class Twin:
    """At most one per run."""

    pid: int | None
    """Of its first process, while there is one."""

    log: int
    """Descriptor its log is read from, -1 before it is started."""

    def __init__(self, job: SupervisorJob, processes: Processes) -> None:
        self.pid = None
        self.log = -1
        self._job = job
        self._judge = processes.judge
        self._live: int | None = processes.variant
        self._socket = processes.twin
        self._file: RunLog | None = None
        self._watch: Watch | None = None

    def enter(self) -> int | None:
        """Stop the live variant and start the twin. Returns the descriptor of its log, or None where it could
        not be started.
        """
        if self._socket < 0:
            return None
        self._stop_live()
        self.log, log_in = pipe()
        self._file = RunLog(self._job.order.directory / LOG, LOG_BYTES)
        try:
            self.pid = start_variant(self._job, TWIN, self._socket, log_in)
            self._watch = watch_over(self._job, TWIN, self.pid)
        except OSError as error:
            self._file.write(f"the twin could not be started: {error}\n".encode())
        finally:
            os.close(log_in)
            self._close_socket()  # where nobody holds it any more the judge reads its end
        return self.log

    def breaches(self) -> bool:
        """Whether it is there and was seen to use more than a variant may."""
        return self.pid is not None and self._watch is not None and self._watch.look() is not None

    @property
    def memory(self) -> int:
        """Bytes it was seen to use, 0 while there is none."""
        return self._watch.memory if self._watch else 0

    def own_end(self) -> int | None:
        """How it ended by itself, as from ``os.wait``, waited for a moment; None while it lives. It is not
        reaped.
        """
        if self.pid is None:
            return None
        deadline = time.monotonic() + DYING
        while (status := ended(self.pid)) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        return status

    def leave(self) -> list[Ended]:
        """End all of it and let the live variant go on. Returns the children reaped meanwhile."""
        if self.pid is None:
            return []
        spared = [self._judge] if self._live is None else [self._judge, self._live]
        reaped, _ = end_all([self.pid], SWEEP, spare=spared)
        self.pid = None
        self._continue_live()
        return reaped

    def forget(self) -> None:
        """The live variant has ended: there is nobody to go on."""
        self._live = None

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

    def _stop_live(self) -> None:
        """Stop everything of the run but the judge, also what forks meanwhile."""
        stopped: set[int] = set()
        for _ in range(ROUNDS):
            living = set(descendants(os.getpid(), spare=[self._judge]))
            if stopped >= living:
                return
            send(signal.SIGSTOP, living - stopped)
            stopped |= living

    def _continue_live(self) -> None:
        if self._live is not None:
            send(signal.SIGCONT, [self._live, *descendants(self._live)])
