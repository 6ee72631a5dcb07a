"""Landlock: the view as rules the kernel holds this process to, for good. The one door to landlockpy.

- Everything Landlock can deny is denied; what the view names is allowed back. No port is, so that no TCP
  connection leaves.
- ABI 6 (Linux 6.12) adds two scopes: no signal to and no abstract socket of a process outside.
- Imported before a fork and asked for the ABI there: the first question looks for the C library by running a
  program.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from trainer.sandbox.view import MACHINE, View, existing

if sys.platform == "linux":
    from landlockpy import (
        AccessFS,
        LandlockError,
        Ruleset,
        abi_version,
        fs_for_abi,
        net_for_abi,
        scope_for_abi,
    )

FOREIGN = ("MAKE_CHAR", "MAKE_BLOCK", "MAKE_SOCK", "IOCTL_DEV")
"""Rights a variant has nowhere in its home either."""

FOR_FILES = ("EXECUTE", "READ_FILE", "WRITE_FILE", "TRUNCATE", "IOCTL_DEV")
"""Rights that mean something for what is no folder; the kernel refuses others in a rule for a file."""


def supported_abi() -> int:
    """Landlock's ABI on this kernel; 0 where there is none, or where a container forbids to ask."""
    if sys.platform != "linux":
        return 0
    try:
        return abi_version()
    except LandlockError:
        return 0


def enter(view: View, abi: int) -> None:
    """Confine this process and all it will start to ``view``; its own folder in /proc stays readable. abi: to
    use of the kernel's. Raises OSError.
    """
    read, write = _rights(["READ_FILE", "READ_DIR"]), _rights(["WRITE_FILE", "IOCTL_DEV"])
    everything = _rights(right.name or "" for right in AccessFS if right.name not in ("NONE", *FOREIGN))
    with Ruleset(
        handled_fs=fs_for_abi(abi), handled_net=net_for_abi(abi), scoped=scope_for_abi(abi)
    ) as rules:
        _allow(rules, view.code, read | AccessFS.EXECUTE)
        _allow(rules, (*view.read, *existing((*MACHINE, "/proc/self"))), read)
        _allow(rules, view.nodes, read | write)
        _allow(rules, [view.home], everything)
        rules.restrict()


def _rights(names: Iterable[str]) -> "AccessFS":
    rights = AccessFS.NONE
    for name in names:
        rights |= AccessFS[name]
    return rights


def _allow(rules: "Ruleset", paths: Iterable[Path], rights: "AccessFS") -> None:
    for path in paths:
        rules.allow_path(path, rights if path.is_dir() else rights & _rights(FOR_FILES))
