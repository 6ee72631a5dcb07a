"""What the kernel does not bound by itself, looked at now and then: threads, memory, disk. The supervisor
ends a run that uses more than its share.

A run may pass a bound for as long as it takes until the next look; the kernel's own limits
(``trainer.sandbox.limits``) hold what it can do meanwhile.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from trainer.process.descendants import Usage, usage
from trainer.sandbox.limits import PROCESSES, SCRATCH_BYTES

MEMORY_SHARE = 0.9
"""Of the machine's memory: beyond it the kernel would have to choose what to kill, and it might not choose
the variant.
"""

MAX_FILES = 200_000
"""Compile caches hold some thousands; to walk over this many takes about a second."""


TICKS_PER_LOOK = 2
"""To look at processes takes some milliseconds, more where a machine has thousands."""

TICKS_PER_WALK = 8
"""To look at files takes longer."""


class Bounds(Struct, frozen=True, kw_only=True):
    """The most that one variant may use."""

    threads: int = PROCESSES
    """In all its processes."""

    memory: int = int(MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    """Bytes."""

    disk: int = SCRATCH_BYTES
    """Bytes."""

    files: int = MAX_FILES


class Breach(Struct, frozen=True):
    """A bound was passed."""

    what: str

    memory: bool = False
    """Whether it was that of memory."""


def breach_of(used: Usage, bounds: Bounds) -> Breach | None:
    """The bound that ``used`` passes, if any."""
    if used.threads > bounds.threads:
        return Breach(f"it had {used.threads:,} processes and threads, {bounds.threads:,} are allowed")
    if used.resident > bounds.memory:
        return Breach(
            f"it used {used.resident / 1e9:.1f} GB of memory, {bounds.memory / 1e9:.1f} GB are allowed",
            memory=True,
        )
    return None


def breach_on_disk(home: Path, bounds: Bounds) -> Breach | None:
    """The bound that the files below ``home`` pass, if any. Looks at no more files than are allowed."""
    used = 0
    for files, entry in enumerate(_entries(home), start=1):
        used += _blocks(entry)
        if files > bounds.files:
            return Breach(f"it made more than {bounds.files:,} files")
        if used > bounds.disk:
            return Breach(f"it wrote more than {bounds.disk / 1e9:.1f} GB to disk")
    return None


def _entries(home: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below ``home``, without recursion: folders may be nested deeper than Python's stack."""
    folders = [home.as_posix()]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:  # it went meanwhile, or may not be read
            continue


def _blocks(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


class Watch:
    """Looks at one variant, and remembers the most memory it was seen to use."""

    peak_memory: int
    """The most it was seen to use, in bytes."""

    def __init__(self, pid: int, home: Path | None, bounds: Bounds) -> None:
        """pid: of its first process. home: None where its files are on no disk."""
        self._pid = pid
        self._home = home
        self._bounds = bounds
        self._turn = 0
        self.peak_memory = 0

    def look(self) -> Breach | None:
        """Called at every tick of the supervisor, looks at some. Returns the bound that the variant passes,
        if any.
        """
        self._turn += 1
        breach = self._processes() if self._turn % TICKS_PER_LOOK == 0 else None
        return breach or (
            breach_on_disk(self._home, self._bounds)
            if self._home and self._turn % TICKS_PER_WALK == 0
            else None
        )

    def _processes(self) -> Breach | None:
        used = usage(self._pid)
        self.peak_memory = max(self.peak_memory, used.resident)
        return breach_of(used, self._bounds)
