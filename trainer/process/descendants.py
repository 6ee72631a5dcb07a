"""Every process below this one: listed, stopped, killed.

- A subreaper inherits its orphaned descendants, so neither a double fork nor ``setsid`` leads out of the tree
  that ``/proc`` shows below it.
- All are stopped before the first is killed: a parent that forks faster than it dies cannot win.
- Where there is no ``/proc`` (macOS) only the process groups of the direct children are known: best effort.
"""

import os
import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from trainer.process.prctl import prctl

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""Numbers from <linux/prctl.h>."""

PROC = Path("/proc")
STOP_ROUNDS = 64
"""Scans that may still find something new to stop; a tree deeper than this many forks per scan is killed all
the same, only less neatly.
"""

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

REAPED_AT_ONCE = 1000
"""Children reaped between two scans: what forks without end also ends without end."""


def adopt_orphans() -> None:
    """Make this process a subreaper. Raises OSError when the kernel refuses; does nothing where there is no
    such thing.
    """
    if sys.platform == "linux":
        prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent``, which started it, dies. For the child between fork
    and exec.
    """
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def descendants(root: int, spare: Collection[int] = ()) -> list[int]:
    """Pids of all living processes below ``root``, parents first, without ``spare`` and what is below those.
    Zombies do not count.
    """
    return [process.pid for process in _below(root, spare)]


class Cpu(NamedTuple):
    """CPU seconds of a process: its own, and of children it has waited for."""

    own: float
    waited: float


def cpu_below(spare: Collection[int] = ()) -> dict[int, Cpu]:
    """Of every process below this one by its pid, and under 0 of those this one has waited for; without
    ``spare``.
    """
    ours = os.times()
    return {process.pid: process.cpu for process in _below(os.getpid(), spare)} | {
        0: Cpu(0.0, ours.children_user + ours.children_system)
    }


class Usage(NamedTuple):
    """What a tree of processes uses."""

    threads: int = 0
    """All of them, a process is at least one."""

    resident: int = 0
    """Bytes; pages that processes share count for each."""


def usage(spare: Collection[int] = ()) -> Usage:
    """What everything below this process uses now, but ``spare`` and what is below those; nothing where there
    is no ``/proc``. Orphans are among it: they are this process's own children by then.
    """
    tree = _below(os.getpid(), spare)
    return Usage(sum(process.threads for process in tree), sum(process.resident for process in tree))


def proportional(spare: Collection[int] = ()) -> int:
    """Bytes of memory of the same processes, each page divided by the number of processes that share it.
    Where the kernel does not tell of one, its resident pages count.
    """
    return sum(_proportional(process) for process in _below(os.getpid(), spare))


def _proportional(process: "_Process") -> int:
    try:
        lines = (PROC / str(process.pid) / "smaps_rollup").read_bytes().splitlines()
    except OSError:  # it has ended, or may not be looked into
        return process.resident
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:")), 0)


def _below(root: int, spare: Collection[int] = ()) -> list["_Process"]:
    family: dict[int, list[_Process]] = {}
    for process in _processes():
        family.setdefault(process.parent, []).append(process)
    below = [child for child in family.get(root, ()) if child.pid not in spare]
    for process in below:  # grows while it is walked
        below.extend(child for child in family.get(process.pid, ()) if child.pid not in spare)
    return [process for process in below if process.alive]


class _Process(NamedTuple):
    """A line of ``/proc``."""

    pid: int
    parent: int
    alive: bool
    cpu: Cpu
    threads: int

    resident: int
    """Bytes."""


def _processes() -> Iterator[_Process]:
    for pid in _pids():
        try:
            stat = (PROC / str(pid) / "stat").read_bytes()
        except OSError:  # ended meanwhile
            continue
        fields = stat[stat.rindex(b")") + 2 :].split()  # the name before may hold spaces and parentheses
        state, parent, threads = fields[0], int(fields[1]), int(fields[17])
        alive = state != b"Z" or threads > 1  # the first thread may end before the others
        user, system, waited_user, waited_system = (int(field) / TICKS for field in fields[11:15])
        cpu = Cpu(user + system, waited_user + waited_system)
        yield _Process(pid, parent, alive, cpu, threads, int(fields[21]) * PAGE)


def _pids() -> list[int]:
    try:
        return [int(path.name) for path in PROC.iterdir() if path.name.isdigit()]
    except FileNotFoundError:
        return []


class Ended(NamedTuple):
    """A child that ended."""

    pid: int

    status: int
    """As from ``os.wait``."""

    peak_memory: int
    """Bytes."""


def reap() -> Iterator[Ended]:
    """Collect the children that have ended, adopted ones too."""
    unit = 1 if sys.platform == "darwin" else 1024
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield Ended(pid, status, usage.ru_maxrss * unit)


def ended(child: int) -> int | None:
    """How a child ended, as from ``os.wait``, and not reaped; None while it lives, and for one that is no
    child any more.
    """
    try:
        info = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    if info is None:
        return None
    return info.si_status << 8 if info.si_code == os.CLD_EXITED else info.si_status


def end_all(groups: Iterable[int], timeout: float, spare: Collection[int] = ()) -> tuple[list[Ended], bool]:
    """Kill and reap everything below this process but ``spare``, within ``timeout`` seconds.

    Returns the children reaped, and whether nothing else is left. groups: process groups of direct children,
    used where there is no ``/proc``.
    """
    deadline = time.monotonic() + timeout
    reaped: list[Ended] = []
    _end_tree(groups, spare)
    while time.monotonic() < deadline:
        children = [pid for pid in _children() if pid not in spare]
        if not children and (spare or not _has_children()):
            return reaped, True
        send(signal.SIGKILL, children)
        ended = list(islice(reap(), REAPED_AT_ONCE))
        reaped.extend(ended)
        if not ended:
            time.sleep(0.002)
    return reaped, False


def _end_tree(groups: Iterable[int], spare: Collection[int]) -> None:
    if PROC.is_dir():
        send(signal.SIGKILL, _stop_all(os.getpid(), spare))
    else:
        _end_groups(groups)


def _children() -> list[int]:
    """Children of this process, which has one thread; all descendants where the kernel keeps no such list.

    Orphans become our children, so that killing these again and again gets at everything. Reading the list is
    fast enough to catch a process that forks and ends in a loop. It may lack some, ``_has_children`` does
    not.
    """
    try:
        return [
            int(pid) for pid in (PROC / "self" / "task" / str(os.getpid()) / "children").read_bytes().split()
        ]
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return descendants(os.getpid())


def _has_children() -> bool:
    """Whether there is any, a zombie among them or not. A subreaper without children has no descendants."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _stop_all(root: int, spare: Collection[int] = ()) -> list[int]:
    stopped: set[int] = set()
    for _ in range(STOP_ROUNDS):
        living = descendants(root, spare)
        if stopped.issuperset(living):
            break
        send(signal.SIGSTOP, set(living) - stopped)
        stopped.update(living)
    return living


def _end_groups(groups: Iterable[int]) -> None:
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Signal each of ``pids`` that still is there and is ours."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
