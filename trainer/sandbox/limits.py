"""What a variant may use of a machine that others use too, by the kernel's limits per process.

Address space is not among them: CUDA maps far more of it than it uses.
"""

import os
import resource

SCRATCH_BYTES = 8 << 30
"""Most that a variant may keep on disk: compile caches and weights of any model that trains in minutes take
less.
"""

PROCESSES = 1024
"""Processes and threads of a variant: OpenMP on the largest hosts and a compiler's workers take some
hundreds.
"""

OPEN_FILES = 4096

FILE_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: SCRATCH_BYTES,
    resource.RLIMIT_NOFILE: OPEN_FILES,
}
"""Limits that hold for each process alone."""

COUNT_LIMIT = {resource.RLIMIT_NPROC: PROCESSES}
"""Counts all processes of a uid, so that it is for a uid of the variant's own only."""


MEMORY_SHARE = 0.9
"""Of what falls to a slot of the machine's memory: beyond it the kernel would have to choose what to kill,
and it might not choose the variant.
"""


def scratch_bytes() -> int:
    """Most that a variant may keep where its files lie in memory: no more than a quarter of the machine's."""
    return min(SCRATCH_BYTES, _machine_memory() // 4)


def memory_bound(machine_share: float = 1.0, machine: int | None = None) -> int:
    """Most bytes of memory that a variant may use. machine_share: of the machine that is its slot's, 0 to 1.
    machine: bytes, this machine's for None.
    """
    return int(MEMORY_SHARE * machine_share * (_machine_memory() if machine is None else machine))


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def set_limits(limits: dict[int, int]) -> None:
    """Hold this process and what it starts to ``limits`` for good; one that is lower already stays. Raises
    OSError.
    """
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))
