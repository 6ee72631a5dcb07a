"""A surface that tries every way out it knows, says as JSON which were open, and is honest otherwise. ASKED is filled in by the test."""

import ctypes
import json
import os
import socket
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

opened["descriptors"] = [n for n in os.listdir("/proc/self/fd") if int(n) not in (0, 1, 2, int(os.environ["AUTOSWARM_JUDGE_FD"])) and os.path.exists("/proc/self/fd/" + n)] != []
opened["capabilities"] = "CapEff:\t0000000000000000" not in open("/proc/self/status").read()
opened["privileges"] = "NoNewPrivs:\t1" not in open("/proc/self/status").read()
print("PRISONER " + json.dumps({"opened": sorted(name for name, value in opened.items() if value), "uid": os.getuid()}), flush=True)

from prepare import batch, evaluate

batch()
evaluate(1.0)
