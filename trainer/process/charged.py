"""What a variant brings into the kernel's caches (pages of files, names that are there and names that are
not), charged to a memory group of its own and dropped with it.

- How fast a file is read or a name is looked up shows whether somebody did it before, without error and
  without end: the next program could read there what the last one wrote. Emptying the group removes what its
  processes brought in, and nothing else.
- It takes the memory controller of cgroup v1 (``memory.force_empty``), where that may be written to. Where it
  is one of v2, the run's own control group does the same (``ControlGroup.give_back``).
- Whoever is taken in must not run anything foreign before.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from trainer.process.descendants import descendants

OWN = Path("/proc/self")

ROUNDS = 8
"""Scans for processes that were started while their parent was taken in."""

TRIES = 4
"""Each takes what the one before could not, such as pages still on their way to a list."""


class Charged(Struct, frozen=True):
    """A group of processes, all of which somebody else ends."""

    path: Path

    def take_in(self, pid: int) -> bool:
        """Move ``pid`` and what is below it here; what they start from now on belongs here too."""
        taken: set[int] = set()
        for _ in range(ROUNDS):
            new = [one for one in (pid, *descendants(pid)) if one not in taken]
            if not new:
                return True
            for one in new:
                if not _write(self.path / "cgroup.procs", str(one)):
                    return False
            taken.update(new)
        return False

    def empty(self) -> int | None:
        """Have the kernel drop what its processes, now gone, brought in. Returns the bytes it kept; None
        where it does not say.
        """
        left = self._bytes()
        for _ in range(TRIES):
            before = left
            if not before:
                break
            _write(self.path / "memory.force_empty", "0")
            left = self._bytes()
            if left is None or left >= before:
                break
        return left

    def _bytes(self) -> int | None:
        try:
            return int((self.path / "memory.usage_in_bytes").read_text())
        except (OSError, ValueError):
            return None


def make(name: str, children: Iterable[str], own: Path = OWN) -> bool:
    """Make a group of that name below this process's own, with ``children``. Returns whether there is one."""
    if (base := _base(own)) is None:
        return False
    try:
        for child in children:
            (base / name / child).mkdir(parents=True)
    except OSError:
        return False
    return True


def find(name: str, child: str, own: Path = OWN) -> Charged | None:
    """What ``make`` made."""
    base = _base(own)
    path = base / name / child if base else None
    return Charged(path) if path and path.is_dir() else None


def remove(name: str, own: Path = OWN) -> None:
    """Empty what ``make`` made, no process being left in it, and remove it."""
    base = _base(own)
    if base is None or not (base / name).is_dir():
        return
    groups = [path for path in (base / name).iterdir() if path.is_dir()]
    for group in (*groups, base / name):
        Charged(group).empty()
        try:
            group.rmdir()
        except OSError:
            continue


def _base(own: Path) -> Path | None:
    """This process's own group in a hierarchy of cgroup v1 that has the memory controller, if it may make
    groups there.
    """
    try:
        mounts = [line.split() for line in (own / "mountinfo").read_text().splitlines()]
        groups = [line.split(":", 2) for line in (own / "cgroup").read_text().splitlines()]
    except OSError:
        return None
    above = next(
        (
            (Path(fields[4]), fields[3])
            for fields in mounts
            if fields[fields.index("-") + 1] == "cgroup" and "memory" in fields[-1].split(",")
        ),
        None,
    )
    path = next((path for _, kinds, path in groups if "memory" in kinds.split(",")), None)
    if above is None or path is None:
        return None
    mount, root = above
    inside = os.path.relpath(path, root)
    base = mount if inside.startswith("..") else mount / inside
    return base if os.access(base, os.W_OK) else None


def _write(path: Path, text: str) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY)  # a file of the kernel's, which is there or not
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
