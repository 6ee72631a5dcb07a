"""What the kernel does not bound by itself, looked at now and then: threads, memory, disk. The supervisor
ends a run that uses more than its share.

- A run may pass a bound for as long as it takes until the next look; the kernel's own limits
  (``trainer.sandbox.limits``) hold what it can do meanwhile.
- Memory is what the kernel charges the run's control group for, where a group has that. Else it is the
  proportional set size, which counts a page that processes share once. To read it takes a walk over all
  pages, so the sum of resident pages, which is never less, is asked first.
- What a variant started and left an orphan is below this process, not below the variant's first one: all that
  is below here counts, but what is known to be another's.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct

from trainer.process.control_group import ControlGroup
from trainer.process.descendants import Usage, proportional, usage
from trainer.sandbox.limits import PROCESSES, SCRATCH_BYTES, memory_bound

GROWTH = 1.05
"""Times the most resident pages so far from which on they are looked at more closely, for the peak. For the
bound that is done whenever their sum passes it.
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

    memory: int = memory_bound()
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
    """Looks at one variant, the only one below this process while it does."""

    def __init__(
        self,
        pid: int,
        home: Path | None,
        bounds: Bounds,
        group: ControlGroup | None = None,
        spare: Collection[int] = (),
    ) -> None:
        """pid: of its first process. home: None where its files are on no disk. group: its own. spare: pids
        below this process that are not its, nor what is below those.
        """
        self._pid = pid
        self._home = home
        self._bounds = bounds
        self._group = group
        self._spare = spare
        self._turn = 0
        self._resident = self._most_resident = 0
        self._counted_once = 1.0

    @property
    def memory(self) -> int:
        """Bytes it was last seen to use; 0 once its first process has gone."""
        return self._resident if Path("/proc", str(self._pid)).exists() else 0

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
        used = usage(self._spare)
        charged = self._group.memory() if self._group else None
        self._resident = self._once(used.resident) if charged is None else charged
        return breach_of(used._replace(resident=self._resident), self._bounds)

    def _once(self, resident: int) -> int:
        """Bytes, shared ones counted once; by the share of them in ``resident`` that was last seen where
        nothing calls for a closer look.
        """
        if resident > self._bounds.memory or resident > GROWTH * self._most_resident:
            self._most_resident = max(self._most_resident, resident)
            self._counted_once = proportional(self._spare) / max(resident, 1)
        return int(resident * min(self._counted_once, 1.0))
