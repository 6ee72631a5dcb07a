"""The tiers a variant may be confined by, what each leaves open, and what the choice of one found out. Values
only.

- The order of ``Tier`` is the order of strength.
- ``GAPS`` is what people are shown; tests/integration/test_sandbox.py asks every tier for everything that is
  not in it.
"""

from enum import StrEnum

from msgspec import Struct


class Tier(StrEnum):
    """How a variant is confined, the strongest first."""

    A = "A"
    """bubblewrap: user, pid, net, ipc, uts and mount namespaces, with seccomp inside."""
    B = "B"
    """Landlock (ABI 6 or newer), seccomp and a uid of its own."""
    C = "C"
    """Landlock (ABI 6 or newer) and seccomp, with the uid of the agent."""
    B_MINUS = "B-"
    """B on an older Landlock."""
    C_MINUS = "C-"
    """C on an older Landlock."""
    D = "D"
    """A uid of its own and seccomp."""
    E = "E"
    """seccomp."""
    F = "F"
    """Nothing but a clean environment and an end to all its processes."""


SCOPED_ABI = 6
"""First Landlock ABI that confines signals and abstract sockets (Linux 6.12)."""

_DISK = "what it writes to disk is bounded file by file and by a watch, not by the file system"
_PROC = "reads /proc of other processes: names and command lines of all, environments of its own uid"
_FILES = "reads every file its uid may read, the prepared data among them"
_PLACES = (
    "writes where every user may, such as the system's temporary folder; what it leaves there is removed"
    " after the run, not kept from runs beside it"
)
_METADATA = "sees the names, sizes and times of files it cannot open"
_TIMES = (
    "leaves access times where the file system notes them: one bit a file and day, which its twin and the"
    " next run can read"
)
_TIMES_IN_B = f"where the agent lacks CAP_SYS_ADMIN, {_TIMES}"
_NO_WORKERS = (
    "has neither /dev/shm nor sockets: loader workers and multiprocessing locks fail, torch.compile compiles"
    " in one process"
)
_COUNT = "the number of its processes is bounded by a look once a second where no control group bounds it"
_SIGNALS = "may signal processes of its uid"
_OLD_LANDLOCK = {
    2: "may not move files between its folders (Landlock ABI 1)",
    3: "may truncate files it cannot open for writing where its uid may write them (Landlock ABI below 3)",
    5: "ioctl on devices it may open is not confined (Landlock ABI below 5)",
}

GAPS: dict[Tier, tuple[str, ...]] = {
    Tier.A: (f"where the agent is not root, {_COUNT}",),
    Tier.B: (_DISK, _METADATA, _TIMES_IN_B, _NO_WORKERS),
    Tier.C: (_DISK, _METADATA, _TIMES, _NO_WORKERS, _COUNT),
    Tier.B_MINUS: (_DISK, _METADATA, _TIMES_IN_B, _NO_WORKERS),
    Tier.C_MINUS: (_DISK, _METADATA, _TIMES, _NO_WORKERS, _COUNT, _SIGNALS),
    Tier.D: (_FILES, _PLACES, _PROC, _DISK),
    Tier.E: (_FILES, "writes every file its uid may write", _PROC, _SIGNALS, _COUNT, _DISK),
    Tier.F: (
        _FILES,
        "writes every file its uid may write",
        _PROC,
        _SIGNALS,
        _DISK,
        "uses the network",
        "reads the memory of processes of its uid",
    ),
}
"""What a tier leaves open, for people."""


def gaps(tier: Tier, landlock_abi: int = SCOPED_ABI) -> tuple[str, ...]:
    """What ``tier`` leaves open on a kernel of that Landlock ABI (0: none)."""
    older = tuple(text for abi, text in _OLD_LANDLOCK.items() if landlock_abi < abi)
    return GAPS[tier] + (older if tier in (Tier.B_MINUS, Tier.C_MINUS) else ())


class Finding(Struct, frozen=True, kw_only=True):
    """Whether a tier works on this machine."""

    tier: Tier
    works: bool

    why: str = ""
    """Why it does not, in one line; empty where it does."""

    remedy: str = ""
    """How to reach it, in one line; empty where it works."""


class Sandbox(Struct, frozen=True, kw_only=True):
    """A tier and what it takes to enter it on this machine, found once and used for every run."""

    tier: Tier = Tier.F

    filter: bytes = b""
    """Compiled seccomp program, empty for none."""

    landlock: int = 0
    """ABI to use, 0 for none."""

    own_uid: bool = False
    """The variant gets a uid of its own."""

    bubblewrap: str = ""
    """Path of the program, empty for none."""


class SandboxError(Exception):
    """The tier asked for cannot be had here. ``str`` says what and ``remedy`` what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy
