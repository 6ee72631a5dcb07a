"""A uid for one variant alone, and what is done with it. Only root can.

- It is drawn at random from the top of what this user namespace has, and taken only if no process and no
  account has it.
- Taking it drops every capability; staying root drops them too (``drop_capabilities``), because root without
  them is only a name.
- What a variant could leave lying about belongs to its uid, which no other run ever has: ``sweep`` finds and
  removes it.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from trainer.process.scratch import remove_folder

HIGHEST = 2_147_483_000
"""Below 2^31, where some programs begin to read uids as negative."""

SPAN = 1_000_000
"""Uids are drawn from that many at the top, or from the upper half of a smaller namespace."""

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/dev/mqueue")  # noqa: S108 they are searched, not used
"""Where every user may write."""

PR_CAPBSET_DROP = 24
LAST_CAPABILITY = 63
"""The kernel refuses numbers it has no capability for."""

OWNERS = "owners"
"""File in a scratch folder: the uids its variants ran as, one a line."""

NEEDED = {0: "CAP_CHOWN", 5: "CAP_KILL", 6: "CAP_SETGID", 7: "CAP_SETUID"}
"""Capabilities that starting and ending a process of another uid takes."""


def lacking() -> list[str]:
    """What this process lacks to start a variant under a uid of its own; empty when it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return ["root"]
    effective = int(_status("CapEff") or "0", 16)
    return [name for number, name in NEEDED.items() if not effective >> number & 1]


def _status(name: str) -> str | None:
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key == name), None)


def fresh_uid() -> int:
    """A uid nobody has. Raises OSError when this namespace has none to spare."""
    below = min(HIGHEST, _namespace_size())
    if below < 2:
        raise OSError("this user namespace has no uid but root's")
    taken = {path.stat().st_uid for path in _processes()}
    span = min(SPAN, below // 2)
    while True:
        uid = below - 1 - secrets.randbelow(span)
        if uid not in taken and not _is_account(uid):
            return uid


def _namespace_size() -> int:
    """First uid above those mapped in this user namespace."""
    rows = [
        [int(field) for field in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()
    ]
    return max(first + count for first, _, count in rows)


def _processes() -> Iterable[Path]:
    return (path for path in Path("/proc").iterdir() if path.name.isdigit() and path.exists())


def _is_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def give(folder: Path, uid: int) -> None:
    """Make ``folder`` and the folders in it the variant's; files in them stay ours, readable."""
    os.chown(folder, uid, uid)
    for path in folder.iterdir():
        if path.is_dir():
            os.chown(path, uid, uid)
        else:
            path.chmod(0o644)


def let_through(folder: Path, uid: int) -> None:
    """Let the variant pass through ``folder``, which stays ours, and nobody else."""
    os.chown(folder, -1, uid)
    folder.chmod(0o710)


def become(uid: int) -> None:
    """Take ``uid`` for good, without groups and capabilities. Raises OSError."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def drop_capabilities() -> None:
    """Root gives up all capabilities at its next exec; nothing happens for others."""
    if os.geteuid() == 0 and sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        for number in range(LAST_CAPABILITY + 1):
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)


def record(scratch: Path, uid: int) -> None:
    """Note that a variant in ``scratch`` runs as ``uid``, so that whoever removes the one sweeps after the
    other.
    """
    with (scratch / OWNERS).open("a") as file:
        file.write(f"{uid}\n")


def recorded(scratch: Path) -> list[int]:
    """Uids noted there."""
    try:
        return [int(line) for line in (scratch / OWNERS).read_text().splitlines()]
    except FileNotFoundError:
        return []


def sweep(uids: Iterable[int], places: Iterable[str] = PLACES) -> None:
    """Remove what belongs to ``uids`` in places where every user may write, links and sockets too, without
    following any.
    """
    wanted = frozenset(uids)
    for place in places if wanted else ():
        for folder, folders, files in os.walk(place, topdown=True):
            for name in [*files, *folders]:
                _remove_if_owned(Path(folder, name), wanted)


def remove_scratch(folder: Path) -> bool:
    """Remove a scratch folder in which variants ran, and what those with uids of their own left in places
    open to all. Returns whether the folder is gone.
    """
    sweep(recorded(folder))
    return remove_folder(folder)


def _remove_if_owned(path: Path, uids: frozenset[int]) -> None:
    try:
        if path.lstat().st_uid not in uids:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    except OSError:  # it went by itself, or lies where even root may not write
        return
