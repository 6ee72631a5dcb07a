"""CPU seconds of a process and of everything it starts, as the kernel counts them for a control group."""

from pathlib import Path

USED = "usage_usec "
"""Beginning of the line in ``cpu.stat`` that holds microseconds of user and system time together."""


class CpuCount:
    """Of one control group. A process cannot take back what the kernel has counted, nor what its children
    used that nobody waited for.
    """

    def __init__(self, stat: Path | None) -> None:
        """stat: its ``cpu.stat``; None where there is none, and then nothing is known."""
        self._stat = stat
        self._last: float | None = None

    def read(self) -> float | None:
        """Seconds since the group was made; the last ones known where it is gone, None where none ever
        were.
        """
        try:
            text = self._stat.read_text(encoding="ascii") if self._stat else ""
        except OSError:
            return self._last
        for line in text.splitlines():
            if line.startswith(USED):
                self._last = int(line.removeprefix(USED)) / 1e6
        return self._last
