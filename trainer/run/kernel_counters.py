"""What the kernel did for want of memory while a run went on. It counts for the whole machine, so that a
number above 0 may be another's.
"""

from pathlib import Path

from trainer.process.control_group import ControlGroup

VMSTAT = Path("/proc/vmstat")

RECLAIMED = ("pgsteal_anon", "pgsteal_file", "drop_pagecache", "drop_slab")
"""Pages taken back, and times that somebody had all of them dropped."""


class KernelCounters:
    """Counts from now on."""

    def __init__(self, file: Path = VMSTAT) -> None:
        """file: lines of a name and a number."""
        self._file = file
        self._before = self._now()

    def kills(self, group: ControlGroup | None = None) -> int | None:
        """Processes ended for memory meanwhile: of ``group`` where it says so, else of the machine; None
        where the kernel does not say.
        """
        if group and (kills := group.out_of_memory_kills()) is not None:
            return kills
        return self._since("oom_kill")

    def reclaimed(self) -> int | None:
        """Pages taken back meanwhile: whoever made the kernel do that chose, within limits, which of those
        that others brought in are there no more. None where it does not say.
        """
        return self._since(*RECLAIMED)

    def _since(self, *names: str) -> int | None:
        now = self._now()
        if not all(name in now and name in self._before for name in names):
            return None
        return sum(now[name] - self._before[name] for name in names)

    def _now(self) -> dict[str, int]:
        try:
            lines = (line.split() for line in self._file.read_text().splitlines())
            return {name: int(number) for name, number in lines}
        except (OSError, ValueError):
            return {}
