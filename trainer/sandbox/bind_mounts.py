"""A way for a variant with a uid of its own to what it needs in folders that uid may not enter, such as a
Python below root's home.

In a mount namespace of this process alone, an empty tmpfs is laid over the topmost such folder, and what is
needed of it is bound back at its place: the rest of that folder is gone from view. There, too, reading leaves
no access time, which the next to look could read. Both need CAP_SYS_ADMIN, which containers usually lack;
there, Python lies where all may read it, in file systems of layers that note no access.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from trainer.process.cgroups import unescaped

CLONE_NEWNS = 0x0002_0000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
MS_REMOUNT, MS_NOATIME = 32, 1024
"""Flags from <linux/sched.h> and <linux/mount.h>."""

FLAGS = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": 8, "nodiratime": 2048}
"""Options of a mount that stay as they are."""

UNTIMED = (
    "proc",
    "sysfs",
    "tmpfs",
    "devtmpfs",
    "devpts",
    "cgroup",
    "cgroup2",
    "mqueue",
    "overlay",
    "squashfs",
)
"""File systems that note no access, or none that a run could leave for another."""


def closed(path: Path) -> Path | None:
    """The topmost folder above ``path`` that other users may not enter; None when the way is open."""
    for parent in reversed(path.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            return parent
    return None


def behind(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """The closed folders on the way to ``paths``, each with those that lie behind it."""
    paths_by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        if folder := closed(path):
            paths_by_folder.setdefault(folder, []).append(path)
    return paths_by_folder


class Mounted(Struct, frozen=True):
    """A file system where it is mounted."""

    place: Path

    flags: int
    """Of the mount, as it is."""


def timed(paths: Iterable[Path], mountinfo: str) -> list[Mounted]:
    """Mounts that hold ``paths`` and note when a file was read last. mountinfo: /proc/self/mountinfo."""
    wanted, mounts = list(paths), []
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        place, options = Path(unescaped(fields.split()[4])), fields.split()[5].split(",")
        holds = any(path.is_relative_to(place) or place.is_relative_to(path) for path in wanted)
        if holds and kind.split()[0] not in UNTIMED and not {"noatime", "ro"} & set(options):
            mounts.append(Mounted(place, sum(FLAGS[option] for option in options if option in FLAGS)))
    return mounts


def mount_all(needed: dict[Path, list[Path]], quiet: Iterable[Mounted] = ()) -> None:
    """Make what ``behind`` found reachable for every uid, for this process and what it starts, and keep what
    it reads in ``quiet`` mounts from being noted, where that can be had. Raises OSError.
    """
    mounts = list(quiet)
    libc = ctypes.CDLL(None, use_errno=True)
    if not (needed or mounts) or not _entered(libc, needed):
        return
    for mounted in mounts:
        flags = MS_REMOUNT | MS_BIND | MS_NOATIME | mounted.flags
        libc.mount(b"none", os.fsencode(mounted.place), None, ctypes.c_ulong(flags), None)
    for folder, paths in needed.items():
        _lay_over(libc, folder, paths)


def _entered(libc: ctypes.CDLL, needed: dict[Path, list[Path]]) -> bool:
    """Whether this process has a mount namespace of its own now."""
    try:
        _check(libc.unshare(CLONE_NEWNS))
        _mount(libc, "none", Path("/"), MS_REC | MS_PRIVATE)
    except OSError:
        if needed:
            raise
        return False
    return True


def _lay_over(libc: ctypes.CDLL, folder: Path, paths: list[Path]) -> None:
    sources = {path: os.open(path, os.O_PATH) for path in paths}
    kinds = {path: path.is_dir() for path in paths}
    _mount(libc, "tmpfs", folder, MS_NOSUID | MS_NODEV, b"mode=0755,size=1m")
    for path, descriptor in sources.items():
        _make_place(path, kinds[path])
        _mount(libc, f"/proc/self/fd/{descriptor}", path, MS_BIND | MS_REC)
        os.close(descriptor)


def _make_place(path: Path, folder: bool) -> None:
    (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
    if not folder:
        path.touch()


def _mount(libc: ctypes.CDLL, source: str, target: Path, flags: int, options: bytes | None = None) -> None:
    kind = source.encode() if source == "tmpfs" else None
    _check(libc.mount(source.encode(), os.fsencode(target), kind, ctypes.c_ulong(flags), options))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
