"""CPU seconds of a run's processes, read beside it, until its weights are handed over.

- Two sums, of which the larger counts: what living processes used with the children they waited for, as the kernel adds it up; and what each process
  was ever seen to have used itself, for children that nobody waits for vanish from the first.
- What starts and ends between two looks, and is waited for by nobody, is in neither.
"""

from collections.abc import Collection

from trainer.descendants import cpu_below


class CpuMeter:
    """Reads everything below this process but ``spare``. seconds: None until stopped."""

    def __init__(self, spare: Collection[int]) -> None:
        self.seconds: float | None = None
        self._spare = spare
        self._own: dict[int, float] = {}
        self._most = 0.0

    def look(self) -> None:
        """Called at every tick."""
        if self.seconds is not None:
            return
        now = cpu_below(self._spare)
        self._own |= {pid: cpu.own for pid, cpu in now.items()}
        self._most = max(self._most, sum(cpu.own + cpu.waited for cpu in now.values()), sum(self._own.values()))

    def stop(self) -> None:
        """Nothing that is used from now on counts."""
        self.look()
        if self.seconds is None:
            self.seconds = self._most
