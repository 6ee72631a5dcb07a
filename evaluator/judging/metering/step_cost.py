"""What a step of a run costs, and when a run is over its budget or takes longer than its count explains.

- A loop that stops when its own clock says so is late by up to a step. Batches end once the budget, 2 % and
  one step of this run are spent.
- What counts as a step has an upper bound, or many would be called one. Under a counted budget nobody needs
  to be late by more: what a step costs is known beforehand, and the clock that the script sees runs ahead of
  a step that is larger.
"""

import math
from collections import deque
from statistics import median

from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget, nominal_seconds

GRACE = 0.02
"""Share of the budget that may be overspent besides one step: what a loop needs between its last look at the
clock and the evaluation.
"""

LARGEST_STEP = 0.005
"""Share of the budget that counts as one step at most: honest loops have steps of a thousandth of it."""
LARGEST_EXCESS = 1.25
"""Times the baseline's own step that may count as one where that is more: a demo has few steps."""
LARGEST_UNKNOWN = 0.05
"""Share of a budget in seconds that counts as one step at most where the baseline's step is not known. A
count is not bounded then.
"""


def largest_step(budget: Budget, baseline: BaselineFacts) -> float:
    """What counts as one step at most, in the unit of ``budget``."""
    deterministic = budget.unit.deterministic
    own = baseline.step_price if deterministic else baseline.step_seconds
    if own is None:
        return math.inf if deterministic else LARGEST_UNKNOWN * budget.amount
    return max(LARGEST_STEP * budget.amount, LARGEST_EXCESS * own)


class StepCost:
    """What one optimizer step of this run costs: the middle one of the last three, or the mean, whichever is
    more, so that steps may grow. So one long stall is never taken for what a step costs.
    """

    def __init__(self) -> None:
        self.value = 0.0
        self._spent = 0.0
        self._steps = 0
        self._last: deque[float] = deque(maxlen=3)

    @property
    def middle(self) -> float:
        """The middle one of the last three."""
        return median(self._last) if self._last else 0.0

    def tell(self, spent: float, steps: int) -> None:
        """``spent`` in all after ``steps`` steps. A count that shrinks begins anew: batches stand for steps
        until an optimizer is seen.
        """
        if steps and steps != self._steps:
            self._last.append((spent - self._spent) / max(steps - self._steps, 1))
            self.value = max(self.middle, spent / steps)
            self._spent, self._steps = spent, steps


def ahead(step: float, largest: float) -> float:
    """By how much the clock of a counted run is ahead of what is spent, so that a loop which ends when it
    shows the budget's end, or a step later, has spent at most two ``largest`` steps more than that.
    """
    return max(2 * (step - largest), 0.0)


PACE_EXCESS = 4.0
"""Times the baseline's real seconds per priced second that a run may take: other operations suit a machine
less, and neighbours come and go.
"""
PACE_SLACK = 5.0
"""Seconds besides: a short budget is over before a machine has settled."""


def exceeds_pace(budget: Budget, real: float, baseline_pace: float | None) -> bool:
    """Whether ``real`` seconds of training are more than any count within the budget explains: then the count
    is not what was done.
    """
    if baseline_pace is None or not budget.unit.deterministic:
        return False
    return real > PACE_EXCESS * baseline_pace * nominal_seconds(budget.unit, budget.amount) + PACE_SLACK


FALLBACK_EXCESS, FALLBACK_SLACK = 16.0, 30.0
"""Times the baseline's CPU seconds, and seconds, that a run's real time on all cores of its slot may come to
where nothing counts its own CPU and real time enters no verdict: no neighbours slow an honest run by as much.
"""


def exceeds_cores(real: float, cores: int, baseline_cpu: float | None) -> bool:
    """Whether ``real`` seconds on ``cores`` do far more than the baseline did in ``baseline_cpu`` seconds."""
    return baseline_cpu is not None and real * cores > FALLBACK_EXCESS * baseline_cpu + FALLBACK_SLACK


FEED_STEPS = 1
"""Steps by which the budget may be overspent before there are no more batches."""
LATE_STEPS = 1
"""Steps by which a clock may be over the budget at the evaluation: the one that began before its end."""
LATE_UNKNOWN_STEPS = 3
"""The same where the baseline's step is not known: its own runs meet a machine that nobody has measured."""
LATE_COUNTED_STEPS = 3
"""The same for a count: two, of loops that look at the clock before they ask for a batch, and the batches of
one that were handed out and not used.
"""


def overrun(budget: Budget, spent: float, step: float, allowed: int) -> bool:
    """Whether ``spent`` is over the budget by more than 2 % and ``allowed`` steps that cost ``step`` each."""
    return spent > budget.amount * (1 + GRACE) + allowed * step
