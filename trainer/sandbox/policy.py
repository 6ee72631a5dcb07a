"""Which system calls a variant is refused, and why. Data only; ``trainer.sandbox.seccomp`` compiles it.

- It is a list of refusals: torch, compilers and GPU drivers use too many calls for a list of permissions to
  hold over their versions. Calls newer than this list do not exist for a variant (``FIRST_UNKNOWN``).
- Refused calls fail with EPERM; those in ``ABSENT`` with ENOSYS, which makes libraries take an older way.
"""

REFUSED: dict[str, tuple[str, ...]] = {
    "reach into another process": (
        "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp",
        "move_pages", "migrate_pages",
        "pidfd_getfd", "pidfd_send_signal",
    ),
    "keep something for the next run in the kernel": (
        "keyctl", "add_key", "request_key",
        "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd",
        "msgrcv", "msgctl",
        "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
    ),
    "change what it is confined by": (
        "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen",
        "fsconfig", "fsmount", "fspick",
        "mount_setattr", "unshare", "setns", "swapon", "swapoff", "quotactl", "quotactl_fd",
    ),
    "open files without their path": ("name_to_handle_at", "open_by_handle_at", "lookup_dcookie"),
    "watch files it may not open": ("inotify_init", "inotify_init1", "fanotify_init", "fanotify_mark"),
    "ask what others have read": ("mincore", "cachestat"),
    "reach the kernel's less tested parts": (
        "bpf", "perf_event_open", "userfaultfd", "kexec_load", "kexec_file_load", "init_module",
        "finit_module", "delete_module", "acct", "syslog",
        "iopl", "ioperm", "modify_ldt", "uselib", "_sysctl", "vhangup", "vmsplice",
    ),
    "change the machine": ("reboot", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
    "sethostname", "setdomainname"),
}  # fmt: skip
"""Refused at every tier that has seccomp, by what a variant could do with them."""

ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "pidfd_open", "openat2")
"""As if the kernel did not know them. clone3 hides its flags from a filter; the C library then uses clone.
io_uring does what a filter cannot see. openat2 can be asked to open only what was looked up before.
"""

IDLE = ("flock", "fadvise64", "readahead")
"""Succeed and do nothing: a lock on a file that every sandbox sees, a page of it that is dropped, is a word
to whoever asks next. Programs that lock their caches, which nobody shares with them here, go on.
"""

IDLE_FCNTL = {"F_SETLK": 6, "F_SETLKW": 7, "F_OFD_SETLK": 37, "F_OFD_SETLKW": 38}
"""Commands of fcntl that do nothing, by <asm-generic/fcntl.h>. To ask for a lock (F_GETLK) stays: the answer
is that there is none, because none is ever taken.
"""

REFUSED_FCNTL = {"F_SETLEASE": 1024, "F_NOTIFY": 1026, "F_SET_RW_HINT": 1036, "F_SET_FILE_RW_HINT": 1038}
"""Commands of fcntl by <linux/fcntl.h> that leave a mark on a file which others open, or show such a mark."""

REFUSED_MADVISE = {"MADV_MERGEABLE": 12, "MADV_COLD": 20, "MADV_PAGEOUT": 21}
"""Advice about memory by <asm-generic/mman-common.h> that moves pages which others share; EINVAL, as before
Linux 5.4.
"""

MOVED_PAGES = {"MPOL_MF_MOVE": 2, "MPOL_MF_MOVE_ALL": 4}
"""Flags of mbind by <linux/mempolicy.h> that put pages of a file, which others share, on another node: there
they stay, and numa_maps and get_mempolicy say so.
"""

UNCACHED_READS = {"RWF_NOWAIT": 0x08, "RWF_DONTCACHE": 0x80}
"""Flags of preadv2 by <linux/fs.h>: read only what is cached, and drop it again. As if the file system had
neither.
"""

FILE_FLAGS = {
    "FS_IOC_SETFLAGS": 0x4008_6602,
    "FS_IOC_SETVERSION": 0x4008_7602,
    "FS_IOC_FSSETXATTR": 0x401C_5820,
    "FS_IOC_ENABLE_VERITY": 0x4080_6685,
}
"""ioctls of <linux/fs.h> by which an owner changes a file that he may only read: the variant is the owner
where it has the agent's uid.
"""

FIRST_UNKNOWN = 472
LAST_UNKNOWN = 511
"""Numbers of system calls that Linux 6.18 does not have; later kernels give them a meaning which nobody has
judged yet.
"""

SOCKETS = ("socket", "connect", "bind", "listen", "accept", "accept4")
"""Refused where no network namespace is: an abstract socket or one with a path leads to other programs of
this machine.
"""

SHARED_UID = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
    "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr",
    "removexattrat", "file_setattr",
    "utime", "utimes", "futimesat", "utimensat",
    "setpriority", "ioprio_set", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr",
)  # fmt: skip
"""Refused where the variant has the agent's uid: they work on files and processes which Landlock keeps it
from opening but not from changing.
"""

NUMBERS = {
    "cachestat": 451,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "process_mrelease": 448,
    "fchmodat2": 452, "setxattrat": 463,
    "removexattrat": 466, "open_tree_attr": 467, "file_setattr": 469,
}  # fmt: skip
"""Of calls that an older libseccomp has no name for; the same on every architecture."""

NEW_NAMESPACES = (
    0x0000_0080
    | 0x0002_0000
    | 0x0200_0000
    | 0x0400_0000
    | 0x0800_0000
    | 0x1000_0000
    | 0x2000_0000
    | 0x4000_0000
)
"""CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of <linux/sched.h>. The first
shares its bit with a signal's number.
"""

AF_UNIX = 1
PAIRED = (1, 5)
"""SOCK_STREAM and SOCK_SEQPACKET: the ends of such a pair cannot be turned towards anybody else, those of
datagrams can.
"""

SOCKET_TYPE = 0xF
"""Bits of a socket's type without its flags."""

TIOCSTI = 0x5412
TIOCLINUX = 0x541C
"""ioctls that type into a terminal, from <asm-generic/ioctls.h>."""
