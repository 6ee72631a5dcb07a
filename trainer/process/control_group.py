"""One control group (cgroup v2): what it says of its processes, and what ends them.

What its kernel does not say is None. ``trainer.process.cgroups`` makes such groups.
"""

import os
import signal
import time
from pathlib import Path

from msgspec import Struct

LOOK = 0.002
"""Seconds between two looks at whether a group is empty."""


class ControlGroup(Struct, frozen=True):
    """By its folder."""

    path: Path

    @property
    def cpu_stat(self) -> Path:
        """File in which the kernel counts its CPU time."""
        return self.path / "cpu.stat"

    def child(self, name: str) -> "ControlGroup":
        """A group below it."""
        return ControlGroup(self.path / name)

    def cpu_seconds(self) -> float:
        """All that its processes used and those that have ended. Raises OSError once it is removed."""
        return _fields(self.cpu_stat)["usage_usec"] / 1e6

    def memory(self) -> int | None:
        """Bytes that cannot simply be given back: without cached files that nobody has used again."""
        try:
            current = int((self.path / "memory.current").read_text())
            return max(current - _fields(self.path / "memory.stat")["inactive_file"], 0)
        except (OSError, KeyError):
            return None

    def give_back(self) -> bool:
        """Have the kernel take back all memory that it can, files and names in its caches among it. Returns
        whether it could be asked to (Linux 5.19).
        """
        try:
            everything = (self.path / "memory.current").read_bytes()
            descriptor = os.open(self.path / "memory.reclaim", os.O_WRONLY)  # its owner may not read it
        except OSError:
            return False
        try:
            os.write(descriptor, everything)
        except BlockingIOError:  # some is in use
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def out_of_memory_kills(self) -> int | None:
        """Processes of it that the kernel has ended for memory."""
        try:
            return _fields(self.path / "memory.events").get("oom_kill")
        except OSError:
            return None

    def populated(self) -> bool:
        """Whether any process of it lives; a zombie does not."""
        try:
            return _fields(self.path / "cgroup.events")["populated"] == 1
        except FileNotFoundError:
            return False

    def kill(self, timeout: float) -> bool:
        """End everything in it and below it. Returns whether it was empty within ``timeout`` seconds; who is
        dead is still to be reaped.
        """
        deadline = time.monotonic() + timeout
        while self.populated():
            if time.monotonic() >= deadline:
                return False
            if not self._kill_at_once():
                self._kill_one_by_one()
            time.sleep(LOOK)
        return True

    def _kill_at_once(self) -> bool:
        try:
            (self.path / "cgroup.kill").write_text("1")
        except OSError:  # before Linux 5.14
            return False
        return True

    def _kill_one_by_one(self) -> None:
        for group in groups_below(self.path):
            for pid in _numbers(group / "cgroup.procs"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue

    def remove(self, timeout: float = 3.0) -> bool:
        """End what is left in it, then remove it with all below it. Returns whether it is gone; that it is
        not there is no fault.
        """
        self.kill(timeout)
        for group in reversed(groups_below(self.path)):
            try:
                group.rmdir()
            except OSError:
                continue
        return not self.path.exists()


def enter(group: Path) -> None:
    """Move this process into ``group`` for good. May be called between fork and exec. Raises OSError."""
    descriptor = os.open(group / "cgroup.procs", os.O_WRONLY)
    try:
        os.write(descriptor, b"0")
    finally:
        os.close(descriptor)


def groups_below(group: Path) -> list[Path]:
    """``group`` and all below it, each before what is below it."""
    return [Path(folder) for folder, _, _ in os.walk(group)]


def _fields(path: Path) -> dict[str, int]:
    """A file of lines with a name and a number."""
    pairs = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs}


def _numbers(path: Path) -> list[int]:
    try:
        return [number for number in map(int, path.read_text().split()) if number]
    except OSError:
        return []
