"""A way for a variant with a uid of its own to what it needs in folders that uid may not enter, such as a
Python below root's home.

In a mount namespace of this process alone, an empty tmpfs is laid over the topmost such folder, and what is
needed of it is bound back at its place: the rest of that folder is gone from view. Needs CAP_SYS_ADMIN, which
containers usually lack; there, Python lies where all may read it.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS = 0x0002_0000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
"""Flags from <linux/sched.h> and <linux/mount.h>."""


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


def mount_all(needed: dict[Path, list[Path]]) -> None:
    """Make what ``behind`` found reachable for every uid, for this process and what it starts. Raises
    OSError.
    """
    if not needed:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(CLONE_NEWNS))
    _mount(libc, "none", Path("/"), MS_REC | MS_PRIVATE)
    for folder, paths in needed.items():
        _lay_over(libc, folder, paths)


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
