"""A control group (cgroup v2) of its own for every run, so that the kernel counts and bounds its processes.

- It is made below this process's own group, named after the run's scratch folder, and has a child for each
  process that runs a variant. Whoever knows the scratch folder finds it, also after its maker was killed.
- A process counts from its entry on with all that it starts, however short it lives and whoever waits for it.
- CPU and the end of all (``cgroup.kill``) are in the core of cgroup v2. Bounds of memory and processes take
  controllers, which the kernel refuses to groups below one that holds processes itself. A group named
  ``autoswarm`` is a leaf made for us: then the one above it, which has no processes, takes its place.
- Where there is no cgroup v2 that may be written to there is none, and a run goes on without.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from trainer.process.control_group import ControlGroup, groups_below

OWN = Path("/proc/self")

LEAF = "autoswarm"
"""Name of a group by which whoever delegates says that the group above it is ours as well."""

CONTROLLERS = ("memory", "pids")
"""What is asked for beyond the core."""


class Bound(Struct, frozen=True, kw_only=True):
    """The most that the processes of a group may use, where the kernel can hold them to it."""

    memory: int
    """Bytes; swap is none of it."""

    processes: int
    """And threads."""


def make(name: str, children: Iterable[str], bound: Bound, own: Path = OWN) -> ControlGroup | None:
    """A new group of that name with ``children``, each held to ``bound`` as far as the kernel can; None where
    there can be none. own: folder in /proc of the process below whose group it is made.
    """
    base = _base(own)
    if base is None or not os.access(base / "cgroup.procs", os.W_OK):
        return None
    group = ControlGroup(base / name)
    _enable(base)
    try:
        group.path.mkdir()
    except OSError:
        return None
    try:
        _lay_out(group, children, bound)
        usable = _can_be_entered(group) and group.cpu_seconds() >= 0.0
    except (OSError, KeyError):
        usable = False
    if not usable:
        group.remove()
    return group if usable else None


def find(name: str, own: Path = OWN) -> ControlGroup | None:
    """The group that ``make`` made under that name, if it is there."""
    base = _base(own)
    return ControlGroup(base / name) if base and name and (base / name).is_dir() else None


class Offered(Struct, frozen=True, kw_only=True):
    """What groups this machine gives to runs."""

    controllers: tuple[str, ...] = ()
    """Those of ``CONTROLLERS`` that bound them, besides what the core counts."""

    kill: bool = False
    """All processes of a group can be ended at once."""

    why: str = ""
    """Why there are none; empty where there are."""


def offered(own: Path = OWN) -> Offered:
    """What is there, by making a group and removing it again."""
    base = _base(own)
    if base is None:
        return Offered(why="no cgroup v2 is mounted that holds this process")
    group = make(f"autoswarm-trial-{os.getpid()}", ["variant"], Bound(memory=1 << 30, processes=64), own)
    if group is None:
        return Offered(why=f"no group can be made below {base}")
    try:
        child = group.child("variant").path
        controllers = (child / "cgroup.controllers").read_text().split()
        return Offered(
            controllers=tuple(name for name in CONTROLLERS if name in controllers),
            kill=(child / "cgroup.kill").exists(),
        )
    finally:
        group.remove()


def locate(mounts: str, groups: str) -> Path | None:
    """Folder of a process's group in cgroup v2. Pure. mounts: its /proc/PID/mountinfo. groups: its
    /proc/PID/cgroup.
    """
    names = [line.removeprefix("0::") for line in groups.splitlines() if line.startswith("0::/")]
    if not names or names[0].endswith(" (deleted)"):
        return None
    for line in mounts.splitlines():
        fields, _, kind = line.partition(" - ")
        if not kind.startswith("cgroup2 "):
            continue
        root, place = (unescaped(field) for field in fields.split()[3:5])
        name = Path(names[0])
        if name.is_relative_to(root) and ".." not in name.parts:
            return Path(place) / name.relative_to(root)
    return None


def unescaped(field: str) -> str:
    """A path of mountinfo, in which blanks and backslashes are octal numbers."""
    return field.encode().decode("unicode_escape") if "\\" in field else field


def _base(own: Path) -> Path | None:
    """The group below which ours are made."""
    try:
        group = locate((own / "mountinfo").read_text(), (own / "cgroup").read_text())
    except OSError:
        return None
    return group.parent if group and group.name == LEAF else group


def _enable(group: Path) -> None:
    """Let groups below ``group`` have what controllers it can give."""
    control = group / "cgroup.subtree_control"
    for controller in CONTROLLERS if control.exists() else ():
        try:
            control.write_text(f"+{controller}")
        except OSError:  # it is not there, or the group holds processes
            continue


def _lay_out(group: ControlGroup, children: Iterable[str], bound: Bound) -> None:
    _hold(group, bound)
    _enable(group.path)
    for child in children:
        group.child(child).path.mkdir()
        _hold(group.child(child), bound)


def _hold(group: ControlGroup, bound: Bound) -> None:
    wanted = {
        "memory.max": bound.memory,
        "memory.swap.max": 0,
        "memory.oom.group": 1,
        "pids.max": bound.processes,
    }
    for name, value in wanted.items():
        if (group.path / name).exists():
            (group.path / name).write_text(str(value))


def _can_be_entered(group: ControlGroup) -> bool:
    """Whether processes may live in its children: not below a group whose members are threads."""
    kinds = {(child / "cgroup.type").read_text().strip() for child in groups_below(group.path)[1:]}
    return kinds <= {"domain"}
