"""CPU seconds of a run's processes, read beside it, until its last claim.

- Where the run has a control group, the kernel counts them: all of its processes, whoever waits for them and
  however short they live.
- Else two sums, of which the larger counts: what living processes used with the children they waited for, as
  the kernel adds it up; and what each process was ever seen to have used itself, for children that nobody
  waits for vanish from the first. What starts and ends between two looks, and is waited for by nobody, is in
  neither: real time times cores is all that bounds it.
"""

from collections.abc import Collection

from evaluator.result import CpuSeconds
from trainer.process.cgroups import ControlGroup
from trainer.process.descendants import cpu_below


class CpuMeter:
    """Reads everything below this process but ``spare``, or a control group."""

    used: CpuSeconds | None
    """None until the weights were handed over."""

    def __init__(self, spare: Collection[int], group: ControlGroup | None = None) -> None:
        """spare: pids that do not count, nor what is below them. group: of the live variant, if there is
        one.
        """
        self.used = None
        self._spare = spare
        self._group = group
        self._own: dict[int, float] = {}
        self._most = 0.0
        self._startup = 0.0
        self._trained: float | None = None
        self._closed = False

    def look(self) -> None:
        """Called at every tick."""
        if self._closed:
            return
        self._most = max(self._most, self._sum_seen() if self._group is None else self._group.cpu_seconds())
        if self._trained is not None:
            train, evaluate = self._trained - self._startup, self._most - self._trained
            self.used = CpuSeconds(self._startup, train, evaluate, counted=self._group is not None)

    def first_batch(self) -> None:
        """What is used from now on is training."""
        self.look()
        self._startup = self._most

    def handed_over(self) -> None:
        """What is used from now on is evaluation."""
        self.look()
        if self._trained is None:
            self._trained = self._most
            self.look()

    def claimed(self) -> None:
        """The last claim is in: nothing that is used from now on counts."""
        self.look()
        self._closed = True

    def _sum_seen(self) -> float:
        now = cpu_below(self._spare)
        self._own |= {pid: cpu.own for pid, cpu in now.items()}
        return max(sum(cpu.own + cpu.waited for cpu in now.values()), sum(self._own.values()))
