"""What a step of a run costs, and when a run is over its budget or takes longer than its count explains.

- A loop that stops when its own clock says so is late by up to a step. Batches end once the budget, 2 % and
  one step of this run are spent; an evaluation is too late two steps after that, which only a clock can find.
"""

import math
from collections import deque
from statistics import median

from evaluator.budget import Budget, nominal_seconds

GRACE = 0.02
"""Share of the budget that may be overspent besides one step: what a loop needs between its last look at the
clock and the evaluation.
"""

LARGEST_STEP = 0.05
"""Share of a budget in seconds that counts as one step at most: grace is for honest loops, and theirs are a
hundredth of this.
"""


class StepCost:
    """What one optimizer step of this run costs: the middle one of the last three, or the mean, whichever is
    more, so that steps may grow.

    So one long stall is never taken for what a step costs, and by the clock no step for more than a twentieth
    of the budget.
    """

    def __init__(self, budget: Budget) -> None:
        self.value = 0.0
        self._largest = math.inf if budget.unit.deterministic else LARGEST_STEP * budget.amount
        self._spent = 0.0
        self._steps = 0
        self._last: deque[float] = deque(maxlen=3)

    def tell(self, spent: float, steps: int) -> None:
        """``spent`` in all after ``steps`` steps. A count that shrinks begins anew: batches stand for steps
        until an optimizer is seen.
        """
        if steps and steps != self._steps:
            self._last.append((spent - self._spent) / max(steps - self._steps, 1))
            self.value = min(max(median(self._last), spent / steps), self._largest)
            self._spent, self._steps = spent, steps


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


FEED_STEPS = 1
"""Steps by which the budget may be overspent before there are no more batches."""
EVALUATE_STEPS = 3
"""Steps by which it may be overspent at the evaluation: one that began with the last batch, and one for a
clock that is not exact.
"""


def overrun(budget: Budget, spent: float, step: float, allowed: int) -> bool:
    """Whether ``spent`` is over the budget by more than 2 % and ``allowed`` steps that cost ``step`` each."""
    return spent > budget.amount * (1 + GRACE) + allowed * step
