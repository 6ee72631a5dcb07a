"""One system call of Linux: what a process asks of the kernel for itself and for what it starts."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, first: int, second: int = 0) -> None:
    """Ask for ``option``, a number from <linux/prctl.h>, with its arguments. Raises OSError when the kernel
    refuses. May be called between fork and exec.
    """
    unsigned = ctypes.c_ulong
    if _libc.prctl(option, unsigned(first), unsigned(second), unsigned(0), unsigned(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
