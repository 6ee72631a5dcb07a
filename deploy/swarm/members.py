"""Which processes of a machine belong to one Ray cluster, agents and trainings included. Pure.

Ray's own name the cluster's address on their command lines. The others are known by what they have open: a
worker, and the supervisor of a training too, writes to the log of a worker, which lies in the folder of the
cluster's session; what a process of ours holds for another is a pipe that both have. What is below any of
them belongs to it.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

OURS = ("trainer.run.supervisor", "agents.proposers.command.keeper")
"""What our actors start outside their own process tree, as ``python -m`` names it."""


class Process(Struct, frozen=True):
    """One process."""

    pid: int
    parent: int
    command: tuple[str, ...] = ()
    output: frozenset[str] = frozenset()
    """Where its standard output and error go, as the links in /proc name it."""
    files: frozenset[str] = frozenset()
    """All that it has open."""
    born: int = 0
    """When it started, in ticks since the machine's start: with the pid, which process it is."""


class Members(Struct, frozen=True):
    """What belongs to a cluster."""

    ray: dict[int, Process] = {}
    """Ray's own, which end what they started when they are asked to."""
    others: dict[int, Process] = {}
    """Workers, agents, trainings."""


def addresses(processes: Iterable[Process]) -> list[str]:
    """Addresses of the clusters that have a process here, sorted."""
    return sorted({address for process in processes if (address := address_of(process.command))})


def address_of(command: tuple[str, ...]) -> str:
    """The cluster's address that a process of Ray's own names, HOST:PORT; empty for all others."""
    words: dict[str, str] = dict(re.findall(r"^--([\w-]+)=(.*)$", "\n".join(command), re.MULTILINE))
    if words.get("gcs-address"):
        return words["gcs-address"]
    if words.get("gcs_server_port") and words.get("node-ip-address"):
        return f"{words['node-ip-address']}:{words['gcs_server_port']}"
    return ""


def members(processes: Iterable[Process], same: Callable[[str], bool], spare: Iterable[int] = ()) -> Members:
    """Who belongs to the cluster. same: whether an address is the cluster's. spare: pids that do not count,
    nor does what is below them.
    """
    everybody = {process.pid: process for process in processes}
    for pid in spare:
        everybody.pop(pid, None)
    ray = {pid: one for pid, one in everybody.items() if same(address_of(one.command))}
    sessions = {folder for one in ray.values() if (folder := _session_of(one.command))}
    taken = dict(ray)
    _take(taken, everybody, lambda one: any(name.startswith(tuple(sessions)) for name in one.output))
    _take_below(taken, everybody)
    pipes = {name for one in taken.values() for name in one.files if name.startswith("pipe:")}
    _take(taken, everybody, lambda one: _is_ours(one.command) and not pipes.isdisjoint(one.files))
    _take_below(taken, everybody)
    return Members(ray, {pid: one for pid, one in taken.items() if pid not in ray})


def _session_of(command: tuple[str, ...]) -> str:
    """Folder of its session, with a slash at the end; empty where it names none."""
    folder = re.search(r"=(/\S*?/session_[^/\s]+)", " ".join(command))
    return f"{folder[1]}/" if folder else ""


def _is_ours(command: tuple[str, ...]) -> bool:
    return any(f"-m {module}" in " ".join(command) for module in OURS)


def _take(
    taken: dict[int, Process], everybody: Mapping[int, Process], wanted: Callable[[Process], bool]
) -> None:
    taken.update({pid: one for pid, one in everybody.items() if pid not in taken and wanted(one)})


def _take_below(taken: dict[int, Process], everybody: Mapping[int, Process]) -> None:
    while True:
        before = len(taken)
        _take(taken, everybody, lambda one: one.parent in taken)
        if len(taken) == before:
            return
