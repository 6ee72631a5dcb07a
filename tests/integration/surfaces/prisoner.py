"""A surface that tries every way out it knows, says as JSON which were open, and is honest otherwise. ASKED is filled in by the test."""

import ctypes
import fcntl
import json
import mmap
import os
import socket
import struct
import sys

ASKED = {}
libc = ctypes.CDLL(None, use_errno=True)
opened = {}


def attempt(name):
    def run(function):
        try:
            opened[name] = bool(function())
        except BaseException as error:
            opened[name] = False
    return run


def syscall(number, *arguments):
    """Whether the kernel let it through to its own checks of the arguments."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments))
    return result >= 0 or ctypes.get_errno() not in (1, 38)  # EPERM, ENOSYS


for name, path in ASKED["read"].items():
    attempt(f"read {name}")(lambda: open(path).read())
for name, path in ASKED["list"].items():
    attempt(f"list {name}")(lambda: os.listdir(path))
for name, path in ASKED["write"].items():
    attempt(f"write {name}")(lambda: open(path, "w").write("left behind"))

attempt("tcp")(lambda: socket.create_connection(("127.0.0.1", ASKED["port"]), 1))
attempt("udp")(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", ASKED["port"])))
attempt("netlink")(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
attempt("abstract socket")(lambda: socket.socket(socket.AF_UNIX).connect("\0" + ASKED["abstract"]) is None)
attempt("socket with a path")(lambda: socket.socket(socket.AF_UNIX).connect(ASKED["socket"]) is None)
attempt("turned pair")(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].connect("\0" + ASKED["abstract datagram"]) is None)

pid = ASKED["pid"]
attempt("environment of another")(lambda: b"PLANTED" in open(f"/proc/{pid}/environ", "rb").read())
attempt("names of others")(lambda: b"sleep" in open(f"/proc/{pid}/cmdline", "rb").read())
attempt("signal")(lambda: os.kill(pid, 0) is None)
attempt("priority of another")(lambda: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid)) is None)

attempt("ptrace")(lambda: syscall(101, 16, pid))
attempt("process_vm_readv")(lambda: syscall(310, pid, 0, 0, 0, 0, 0))
attempt("process_vm_writev")(lambda: syscall(311, pid, 0, 0, 0, 0, 0))
attempt("pidfd_open")(lambda: syscall(434, os.getpid(), 0))
attempt("pidfd_getfd")(lambda: syscall(438, 0, 0, 0))
attempt("io_uring")(lambda: syscall(425, 1, 0))
attempt("keyring")(lambda: syscall(250, 0, -3, 1))
attempt("add_key")(lambda: syscall(248, 0, 0, 0, 0, -3))
attempt("shared memory")(lambda: syscall(29, 0, 4096, 0o1600))
attempt("message queue")(lambda: syscall(68, 0, 0o1600))
attempt("semaphores")(lambda: syscall(64, 0, 1, 0o1600))
attempt("posix queue")(lambda: syscall(240, 0, 0, 0, 0))
attempt("unshare")(lambda: syscall(272, 0x10000000))
attempt("clone into a namespace")(lambda: syscall(56, 0x10000000 | 17, 0, 0, 0, 0))
attempt("clone3")(lambda: syscall(435, 0, 0))
attempt("mount")(lambda: syscall(165, 0, 0, 0, 0, 0))
attempt("open_by_handle_at")(lambda: syscall(304, -1, 0, 0))
attempt("bpf")(lambda: syscall(321, 0, 0, 0))
attempt("perf")(lambda: syscall(298, 0, 0, -1, -1, 0))
attempt("userfaultfd")(lambda: syscall(323, 0))
attempt("module")(lambda: syscall(175, 0, 0, 0))
attempt("a call of tomorrow")(lambda: syscall(480))
attempt("personality")(lambda: syscall(135, 0x0040000))
attempt("terminal input")(lambda: syscall(16, 0, 0x5412, 0))
attempt("limits of another")(lambda: syscall(302, pid, 7, 0, 0))


def locked(lock):
    """Whether a lock of ours on a file is there for somebody else who opened it."""
    path = os.path.join(os.environ["HOME"], "lock")
    with open(path, "w") as ours, open(path, "w") as others:
        lock(ours)
        try:
            fcntl.flock(others, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
        return struct.unpack("hhqqi4x", fcntl.fcntl(others, 36, asked))[0] != fcntl.F_UNLCK  # F_OFD_GETLK


executable = os.open(sys.executable, os.O_RDONLY)
own = os.open(os.environ["HOME"], os.O_RDONLY)
flags = ctypes.c_long(0)
libc.ioctl(own, ctypes.c_ulong(0x80086601), ctypes.byref(flags))  # what it has is set again
attempt("flock")(lambda: locked(lambda file: fcntl.flock(file, fcntl.LOCK_EX)))
attempt("lock of a process")(lambda: locked(lambda file: fcntl.lockf(file, fcntl.LOCK_EX)))
attempt("lock of a file description")(lambda: locked(lambda file: fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))))
attempt("lease")(lambda: syscall(72, executable, 1024, fcntl.F_RDLCK))
attempt("notice of a change")(lambda: syscall(72, executable, 1026, 1))
attempt("hint on a file")(lambda: syscall(72, own, 1036, ctypes.addressof(ctypes.c_long(0))))
attempt("flags of a file")(lambda: syscall(16, own, 0x40086602, ctypes.addressof(flags)))
attempt("cached pages")(lambda: syscall(27, 0, 0, 0))
attempt("cached pages of a file")(lambda: syscall(451, executable, 0, 0, 0))
attempt("cached names")(lambda: syscall(437, -100, 0, 0, 0))
attempt("read of what is cached")(lambda: os.pread(executable, 64, 0) and os.preadv(executable, [bytearray(64)], 0, os.RWF_NOWAIT))
attempt("pages moved")(lambda: syscall(237, 0, 0, 0, 0, 0, 2))
attempt("pages pushed out")(lambda: mmap.mmap(-1, 4096).madvise(21) is None)

opened["descriptors"] = [n for n in os.listdir("/proc/self/fd") if int(n) not in (0, 1, 2, executable, own, int(os.environ["AUTOSWARM_JUDGE_FD"])) and os.path.exists("/proc/self/fd/" + n)] != []
opened["capabilities"] = "CapEff:\t0000000000000000" not in open("/proc/self/status").read()
opened["privileges"] = "NoNewPrivs:\t1" not in open("/proc/self/status").read()
print("PRISONER " + json.dumps({"opened": sorted(name for name, value in opened.items() if value), "uid": os.getuid()}), flush=True)

from prepare import batch, evaluate

batch()
evaluate(1.0)
