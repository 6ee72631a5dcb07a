"""Takes this machine out of a Ray cluster: ends what belongs to it (``deploy.swarm.members``), nothing else.

Ray's own processes are asked first, because they end what they started; agents then end their trainings by
themselves. What is left after a while is killed. Linux only: it reads /proc.
"""

import os
import signal
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from configs.errors import ConfigError
from deploy.swarm.members import Members, Process, addresses, members

PROC = Path("/proc")
ASKED_SECONDS = 10.0
"""For Ray to end after it was asked to."""
KILLED_SECONDS = 20.0
"""For killed processes to go: a driver may hold one for some seconds while it frees the memory of a GPU."""
LOOK_SECONDS = 0.1


class Left(Struct, frozen=True, kw_only=True):
    """What became of it."""

    ray: int
    """Processes of Ray's own that were there."""
    others: int
    """Workers, agents, trainings that were there."""
    remaining: list[int]
    """Pids that could not be ended."""


def leave(address: str) -> Left:
    """End everything of the cluster at ``address``, HOST:PORT, on this machine. Raises ConfigError where that
    cannot be known.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(
            f"{address!r} is no address of a cluster", "Name it as HOST:PORT, such as 192.0.2.10:6379."
        )
    there = _members(address)
    everybody = there.ray | there.others
    _send(signal.SIGTERM, there.ray.values())
    remaining = _wait(everybody, address, ASKED_SECONDS)
    _send(signal.SIGKILL, remaining.values())
    remaining = _wait(remaining, address, KILLED_SECONDS)
    return Left(ray=len(there.ray), others=len(there.others), remaining=sorted(remaining))


def clusters() -> list[str]:
    """Addresses of the clusters that have a process here. Raises ConfigError where that cannot be known."""
    return addresses(_processes())


def same_cluster(one: str, other: str) -> bool:
    """Whether two addresses lead to one place, seen from this machine, which may have several names."""
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    if not one or not other or port != other_port:
        return False
    hosts = {_resolved(host), _resolved(other_host)}
    return len(hosts) == 1 or all(map(_is_here, hosts))


def _members(address: str) -> Members:
    return members(_processes(), lambda one: same_cluster(one, address), _self_and_above())


def _wait(before: dict[int, Process], address: str, seconds: float) -> dict[int, Process]:
    """Those who are still there after so many seconds, and who joined them meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        now = {process.pid: process for process in _processes()}
        left = {pid: one for pid, one in before.items() if pid in now and now[pid].born == one.born}
        if time.monotonic() >= deadline or not left:
            late = _members(address)
            return left | late.ray | late.others
        time.sleep(LOOK_SECONDS)


def _send(number: signal.Signals, processes: Iterable[Process]) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)


def _processes() -> list[Process]:
    """All that live, without zombies and what may not be looked into. Raises ConfigError without /proc."""
    if not (PROC / "self" / "stat").exists():
        raise ConfigError(
            "this system has no /proc", "Run it on the cluster's own machines, which are Linux."
        )
    pids = [int(path.name) for path in PROC.iterdir() if path.name.isdigit()]
    return [process for pid in pids if (process := _read(pid)) is not None]


def _read(pid: int) -> Process | None:
    folder = PROC / str(pid)
    try:
        stat = (folder / "stat").read_bytes()
        command = (folder / "cmdline").read_bytes().decode(errors="replace")
        files = _open_files(folder / "fd")
    except OSError:  # it has ended, or is another user's
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()  # the name before may hold spaces and parentheses
    if fields[0] in (b"Z", b"X"):
        return None
    return Process(
        pid=pid,
        parent=int(fields[1]),
        command=tuple(command.split("\0")),
        output=frozenset(files[number] for number in ("1", "2") if number in files),
        files=frozenset(files.values()),
        born=int(fields[19]),
    )


def _open_files(folder: Path) -> dict[str, str]:
    files = {}
    for entry in os.scandir(folder):
        with suppress(OSError):
            files[entry.name] = str(Path(entry.path).readlink())
    return files


def _self_and_above() -> list[int]:
    """This process and those that started it, who wait for what it has to say."""
    pids, pid = [], os.getpid()
    while pid > 0:
        pids.append(pid)
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b") ")[2].split()
        pid = int(fields[1])
    return pids


def _resolved(host: str) -> str:
    with suppress(OSError):
        return socket.gethostbyname(host.strip("[]"))
    return host


def _is_here(host: str) -> bool:
    """Whether the address is one of this machine's."""
    with suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as trial:
        trial.connect((host, 9))  # nothing is sent; the kernel chooses where it would come from
        return host.startswith("127.") or trial.getsockname()[0] == host
    return False
