"""How often the kernel ended a process for memory: of a run where it has a control group that says so, else
of the whole machine, so that a number above 0 may be another's.
"""

from pathlib import Path

from trainer.process.cgroups import ControlGroup

VMSTAT = Path("/proc/vmstat")


class MemoryKills:
    """Counts from now on."""

    def __init__(self, counters: Path = VMSTAT, group: ControlGroup | None = None) -> None:
        """counters: a file of names and numbers, with ``oom_kill`` among them. group: the run's."""
        self._counters = counters
        self._group = group
        self._before = self._now()

    def since(self) -> int | None:
        """Processes ended for memory meanwhile; None where the kernel does not say."""
        if self._group and (kills := self._group.out_of_memory_kills()) is not None:
            return kills
        now = self._now()
        return None if now is None or self._before is None else now - self._before

    def _now(self) -> int | None:
        try:
            counters = dict(line.split() for line in self._counters.read_text().splitlines())
            return int(counters["oom_kill"])
        except (OSError, KeyError, ValueError):
            return None
