"""CPU seconds of a run's processes, read beside it, until its weights are handed over.

- Two sums, of which the larger counts: what living processes used with the children they waited for, as the
  kernel adds it up; and what each process was ever seen to have used itself, for children that nobody waits
  for vanish from the first.
- What starts and ends between two looks, and is waited for by nobody, is in neither.
"""

from collections.abc import Collection

from evaluator.result import CpuSeconds
from trainer.process.descendants import cpu_below


class CpuMeter:
    """Reads everything below this process but ``spare``."""

    used: CpuSeconds | None
    """None until the weights were handed over."""

    def __init__(self, spare: Collection[int]) -> None:
        """spare: pids that do not count, nor what is below them."""
        self.used = None
        self._startup = 0.0
        self._spare = spare
        self._own: dict[int, float] = {}
        self._most = 0.0

    def look(self) -> None:
        """Called at every tick."""
        if self.used is not None:
            return
        now = cpu_below(self._spare)
        self._own |= {pid: cpu.own for pid, cpu in now.items()}
        self._most = max(
            self._most, sum(cpu.own + cpu.waited for cpu in now.values()), sum(self._own.values())
        )

    def first_batch(self) -> None:
        """What is used from now on is training."""
        self.look()
        self._startup = self._most

    def handed_over(self) -> None:
        """Nothing that is used from now on counts."""
        self.look()
        self.used = self.used or CpuSeconds(self._startup, self._most - self._startup)
