"""The process that keeps one command: ``python -m agents.proposers.command.keeper``, calls on stdin, what
came of each on stdout.

- It makes the folder the command works in and says where it is. End of file on stdin means that the agent is
  done, or dead: then every process below is ended and the folder removed, whatever was made of it.
- It leaves the agent's session by a double fork and is a subreaper: neither a daemon's double fork nor
  ``setsid`` leads out of what it ends. Above it sits a guard, a subreaper too, that does the same if the
  keeper is killed.
- What a command prints is read as it comes and its end is kept in memory, nowhere else. The environment of a
  command arrives on stdin, so that no key is in the arguments or the environment of this process.
- It ends what belongs to a command and runs it as the person who started the agent. What the command does not
  see is the affair of the line it is given (``confinement``).
"""

import os
import selectors
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from trainer.process.descendants import REAPED_AT_ONCE, Ended, descendants, end_all, reap, send
from trainer.process.guard import leave_guard, leave_session
from trainer.process.scratch import make_scratch, remove_folder
from trainer.process.spawn import Program, spawn

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a command whose time is up: enough to hang up a connection."""
REAP_SECONDS = 20.0
"""Seconds for killed processes to go."""
OUTPUT_BYTES = 256 * 1024
"""Kept of the end of stdout: room for an answer in JSON that repeats a whole surface."""
ERROR_BYTES = 16 * 1024
"""Kept of the end of stderr, of which one line is passed on."""
CHUNK = 1 << 16
STDIN, STDOUT = 0, 1


class Call(Struct, frozen=True, kw_only=True):
    """One start of a command."""

    command: list[str]
    """The first word is an absolute path."""
    environment: dict[str, str]
    folder: str
    """Where it runs."""
    input: str
    """The file that is its stdin."""
    seconds: float
    """That it may take."""
    wrapped: bool = False
    """Whether the first process only holds a view for the command in it: it is not asked to end, or all would
    die before they could.
    """


class CommandEnd(Struct, frozen=True, kw_only=True):
    """How a call ended."""

    code: int
    """Exit code, or minus the number of the signal."""
    timed_out: bool
    """Its time was up."""
    output: str
    """The end of stdout, untrusted and not redacted."""
    errors: str
    """The end of stderr, likewise."""
    written: int
    """Bytes of both in all."""
    seconds: float
    """From its start to the end of everything it started."""


class _Stream:
    """The reading end of a pipe and the last ``limit`` bytes that came."""

    def __init__(self, limit: int) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self._limit = limit
        self._kept = bytearray()
        self.written = 0

    def take(self) -> bool:
        """Read what is there; whether more may come."""
        try:
            chunk = os.read(self.reading, CHUNK)
        except BlockingIOError:
            return True
        self.written += len(chunk)
        self._kept += chunk
        del self._kept[: -self._limit]
        return bool(chunk)

    def close(self) -> None:
        """Take what is left: nobody writes any more."""
        before = -1
        while before != self.written:
            before = self.written
            self.take()
        os.close(self.reading)

    def text(self) -> str:
        """What was kept."""
        return self._kept.decode(errors="replace")


class _RunningCall:
    """One call, from its start until nothing of it is left."""

    def __init__(self, call: Call, signals: int) -> None:
        self._began = time.monotonic()
        self._ends = self._began + call.seconds
        self._signals = signals
        self._wrapped = call.wrapped
        self._code: int | None = None
        self.abandoned = False
        self._streams = {"output": _Stream(OUTPUT_BYTES), "errors": _Stream(ERROR_BYTES)}
        output, errors = (stream.writing for stream in self._streams.values())
        self._child = spawn(
            Program(
                command=call.command,
                environment=call.environment,
                folder=Path(call.folder),
                output=output,
                errors=errors,
                inherit=[],
                input=Path(call.input),
            )
        )
        os.close(output)
        os.close(errors)
        self._selector = selectors.DefaultSelector()
        for descriptor in (STDIN, signals, *(stream.reading for stream in self._streams.values())):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def finish(self) -> CommandEnd:
        """Follow it to its end, or to the end of its time, and end all that is left of it."""
        self._follow(self._ends)
        timed_out = self._code is None and not self.abandoned
        if timed_out:
            asked = descendants(os.getpid())
            send(signal.SIGTERM, [pid for pid in asked if not (self._wrapped and pid == self._child)])
            self._follow(time.monotonic() + GRACE)
        reaped, _ = end_all([self._child], REAP_SECONDS)
        self._note(reaped)
        self._selector.close()
        for stream in self._streams.values():
            stream.close()
        return CommandEnd(
            code=-signal.SIGKILL if self._code is None else self._code,
            timed_out=timed_out,
            output=self._streams["output"].text(),
            errors=self._streams["errors"].text(),
            written=sum(stream.written for stream in self._streams.values()),
            seconds=time.monotonic() - self._began,
        )

    def _follow(self, until: float) -> None:
        while self._code is None and not self.abandoned and (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                self._react(key.fd)

    def _react(self, descriptor: int) -> None:
        if descriptor == STDIN:  # the agent says nothing while a command runs: this is its end
            self.abandoned = True
        elif descriptor == self._signals:
            os.read(self._signals, CHUNK)
            self._note(islice(reap(), REAPED_AT_ONCE))
        elif not next(stream for stream in self._streams.values() if stream.reading == descriptor).take():
            self._selector.unregister(descriptor)

    def _note(self, ended: Iterable[Ended]) -> None:
        for process in ended:
            if process.pid == self._child:
                self._code = os.waitstatus_to_exitcode(process.status)


def keep(folder: Path, signals: int) -> None:
    """Say where the folder is, then answer calls until the agent is gone. No process is left when this
    returns or raises.
    """
    try:
        _say(str(folder))
        for call in _calls():
            running = _RunningCall(call, signals)
            end = running.finish()
            if running.abandoned:
                return
            _say(end)
    except BrokenPipeError:
        return  # the agent died before it received the end
    finally:
        _clear(folder)


def _clear(folder: Path) -> None:
    end_all([], REAP_SECONDS)
    with suppress(OSError):  # what a container left there as another user
        remove_folder(folder)


def _calls() -> Iterator[Call]:
    partial = b""
    while chunk := os.read(STDIN, CHUNK):
        *lines, partial = (partial + chunk).split(b"\n")
        yield from (msgspec.json.decode(line, type=Call) for line in lines)


def _say(value: str | CommandEnd) -> None:
    with os.fdopen(STDOUT, "wb", closefd=False) as out:
        out.write(msgspec.json.encode(value) + b"\n")


def _watch_children() -> int:
    """A descriptor that can be read when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def main() -> None:
    """Entry of the process."""
    leave_session()
    folder = make_scratch(None)
    leave_guard(lambda: _clear(folder))
    keep(folder, _watch_children())


if __name__ == "__main__":
    main()
