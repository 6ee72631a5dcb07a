"""What a counted run is priced at by the CPU seconds it uses.

- Operations that the shim does not know, steps that it does not see and work in other threads and processes
  cost CPU all the same. The kernel counts that, and the baseline says what a budget costs in it.
- A run whose CPU fits its count is priced by the count alone, to the digit. One that uses more is priced at
  its count times a factor on a ladder: the same program mostly meets the same rung. The rung covers all that
  was used, not only what is beyond the tolerance: work that is hidden at a steady rate gains nothing.
- The factor is that of all the run until now, so it falls again where the beginning was dearer than the rest:
  what is bought at the first use of anything is not charged for every step. What was spent before is priced
  anew with each rung; the clock that the variant sees stands still meanwhile.
"""

EXCESS = 1.15
"""Times the baseline's CPU per counted work that is taken for the same: runs of one program differ by 5 %
over an idle machine, two slots and four busy neighbours.
"""

ONCE, ONCE_SECONDS = 0.05, 0.1
"""Share of the baseline's CPU, and seconds, that may be used once besides: the first step of the demo costs
0.06 to 0.15 s more than the others (the first use of kernels), which is 2 to 5 % of its shorter budget. The
larger of the two counts.
"""

SETTLED = 0.2
"""Share of the budget before which no price is raised: what is used once is the most of the beginning."""

RUNG = 1.1
"""From one price to the next: twice what CPU seconds scatter by."""


def explained(cpu: float, baseline: float) -> float:
    """Least share of the budget that explains ``cpu`` seconds of training, where the baseline used
    ``baseline`` for all of it.
    """
    if baseline <= 0:
        return 0.0
    return max(cpu - max(ONCE * baseline, ONCE_SECONDS), 0.0) / (EXCESS * baseline)


class PriceFactor:
    """Of one run: what its count is multiplied by."""

    def __init__(self) -> None:
        self.value = 1.0

    def look(self, counted: float, needed: float, used: float) -> None:
        """The least that covers what was used, where the count does not explain that. counted: share of the
        budget by the count. needed: least share by the CPU. used: CPU as a share of the baseline's.
        """
        self.value = 1.0
        if counted > 0 and SETTLED <= needed > counted:
            while counted * self.value < used:
                self.value *= RUNG
