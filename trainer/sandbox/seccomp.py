"""The seccomp filter: compiled once from ``trainer.sandbox.policy``, then loaded by each variant's process as
it stands.

- The one door to libseccomp. Importing that binding runs ``ldconfig``, so it is imported late and never in a
  process that is being confined.
- Loading needs no library: a process that has just been forked calls ``load``.
"""

import ctypes
import errno
import sys
import tempfile
from types import ModuleType
from typing import Any

from trainer.process.prctl import prctl
from trainer.sandbox.policy import (
    ABSENT,
    AF_UNIX,
    FILE_FLAGS,
    FIRST_UNKNOWN,
    IDLE,
    IDLE_FCNTL,
    LAST_UNKNOWN,
    MOVED_PAGES,
    NEW_NAMESPACES,
    NUMBERS,
    PAIRED,
    REFUSED,
    REFUSED_FCNTL,
    REFUSED_MADVISE,
    SHARED_UID,
    SOCKET_TYPE,
    SOCKETS,
    TIOCLINUX,
    TIOCSTI,
    UNCACHED_READS,
)

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
"""Numbers from <linux/prctl.h> and <linux/seccomp.h>."""

INSTRUCTION = 8
"""Bytes of one instruction of a filter (struct sock_filter)."""

WHOLE = 0xFFFF_FFFF
"""Bits of an argument that the kernel takes as 32 bits; a program may set the others as it likes."""

QUERY_PERSONALITY = 0xFFFF_FFFF
"""Argument that only asks; others switch protections off."""


class SeccompError(Exception):
    """There is no libseccomp here, or it cannot compile the policy. ``str`` says why."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def compile_filter(*, sockets: bool, shared_uid: bool) -> bytes:
    """The policy as a program for the kernel.

    sockets: unix sockets may be made, because a network namespace keeps them in. shared_uid: the variant has
    the agent's uid. Raises SeccompError.
    """
    library = _library()
    try:
        rules = library.SyscallFilter(library.ALLOW)
        _refuse(library, rules, sockets, shared_uid)
        with tempfile.TemporaryFile() as file:
            rules.export_bpf(file)
            file.seek(0)
            return file.read()
    except (OSError, ValueError) as error:
        raise SeccompError(f"libseccomp cannot compile the policy: {error}") from error


def _library() -> ModuleType:
    if sys.platform != "linux":
        raise SeccompError("seccomp is a part of Linux")
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise SeccompError(f"libseccomp cannot be loaded: {error}") from error
    module: ModuleType = pyseccomp
    return module


def _refuse(library: Any, rules: Any, sockets: bool, shared_uid: bool) -> None:
    refused, absent = library.ERRNO(errno.EPERM), library.ERRNO(errno.ENOSYS)
    names = [name for group in REFUSED.values() for name in group]
    names += [] if sockets else SOCKETS
    names += SHARED_UID if shared_uid else []
    for name in names:
        rules.add_rule(refused, _call(library, name))
    for call in (*ABSENT, *range(FIRST_UNKNOWN, LAST_UNKNOWN + 1)):
        rules.add_rule(absent, call)
    _refuse_by_argument(library, rules, refused, sockets)
    _keep_silent(library, rules, refused)


def _call(library: Any, name: str) -> str | int:
    """Its name where libseccomp knows it, else its number."""
    number: int = library.resolve_syscall(library.system_arch(), name)
    return NUMBERS[name] if number == -1 and name in NUMBERS else name


def _refuse_by_argument(library: Any, rules: Any, refused: int, sockets: bool) -> None:
    argument = library.Arg
    for bit in (1 << shift for shift in range(32)):
        if NEW_NAMESPACES & bit and bit != 0x80:  # in clone that bit is a part of the signal's number
            rules.add_rule(refused, "clone", argument(0, library.MASKED_EQ, bit, bit))
    if sockets:
        rules.add_rule(refused, "socket", argument(0, library.NE, AF_UNIX))
    else:
        rules.add_rule(refused, "socketpair", argument(0, library.NE, AF_UNIX))
        for kind in range(SOCKET_TYPE + 1):
            if kind not in PAIRED:
                rules.add_rule(refused, "socketpair", argument(1, library.MASKED_EQ, SOCKET_TYPE, kind))
    for request in (TIOCSTI, TIOCLINUX, *FILE_FLAGS.values()):
        rules.add_rule(refused, "ioctl", argument(1, library.MASKED_EQ, WHOLE, request))
    rules.add_rule(refused, "prlimit64", argument(0, library.NE, 0))
    rules.add_rule(refused, "personality", argument(0, library.NE, QUERY_PERSONALITY))


def _keep_silent(library: Any, rules: Any, refused: int) -> None:
    """What would tell the next program something about a file that both may read."""
    argument, idle = library.Arg, library.ERRNO(0)
    for name in IDLE:
        rules.add_rule(idle, name)
    for commands, action in ((IDLE_FCNTL, idle), (REFUSED_FCNTL, refused)):
        for command in commands.values():
            rules.add_rule(action, "fcntl", argument(1, library.MASKED_EQ, WHOLE, command))
    for advice in REFUSED_MADVISE.values():
        rules.add_rule(library.ERRNO(errno.EINVAL), "madvise", argument(2, library.MASKED_EQ, WHOLE, advice))
    for flag in MOVED_PAGES.values():
        rules.add_rule(refused, "mbind", argument(5, library.MASKED_EQ, flag, flag))
    for flag in UNCACHED_READS.values():
        rules.add_rule(library.ERRNO(errno.EOPNOTSUPP), "preadv2", argument(5, library.MASKED_EQ, flag, flag))


def forbid_new_privileges() -> None:
    """From now on no program this process starts gains anything by being setuid. Raises OSError."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def load(program: bytes) -> None:
    """Confine this thread and all it starts by ``program``, for good. Needs ``forbid_new_privileges`` first.
    Raises OSError.
    """
    described = _Program(len(program) // INSTRUCTION, program)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(described))
