"""Code for attacks: which processes belong to the same run. An attack may stop or kill these and no others: a
machine has more than one user.
"""

KIN = """
import os as _os

def kin():
    stats, ours = {}, set()
    try:
        names = _os.listdir("/proc")
    except OSError:
        return [_os.getppid()] if _os.getppid() > 1 else []
    for name in filter(str.isdigit, names):
        try:
            with open(f"/proc/{name}/stat") as file:
                stats[int(name)] = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            pass
    pid = stats.get(_os.getpid(), 0)
    while pid > 1:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
        except OSError:
            break
        if b"trainer" not in line and b"bwrap" not in line:
            break
        ours.add(pid)
        pid = stats.get(pid, 0)
    return sorted((ours | {child for child, parent in stats.items() if parent in ours}) - {_os.getpid()})

"""
"""``kin()``: pids of the supervisors above this process and of their other children, the judge among them;
empty where they cannot be seen.
"""

SYSCALL = """
import ctypes as _ctypes
_libc = _ctypes.CDLL(None, use_errno=True)

def syscall(number, *arguments):
    return _libc.syscall(_ctypes.c_long(number), *(_ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))

"""
"""``syscall(number, …)``: -1 where the kernel says no."""
