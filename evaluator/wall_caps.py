"""How long a run may take in real time: the wall cap that a budget names, and what follows from how fast this
machine is. Pure.

- The cap is there for runs that hang. Under a counted budget it must not decide anything else: the same code
  spends the same everywhere, and takes ten times as long on a machine that is ten times slower.
- So it is never less than the budget's own, and grows with what the unmodified surface took here.
- A run that was ended at it while it came on would have needed so much; what it gets then is bounded.
"""

from evaluator.budget import Budget
from evaluator.result import Limit, RunResult, TimedOut

COUNTED_TIMES = 10.0
"""Times the longest measured run of the unmodified surface that a run may take under a counted budget. What
it computes is priced alike, so what is left is a machine with neighbours.
"""
CLOCKED_TIMES = 2.0
"""The same under a budget in seconds: training takes as long everywhere, start and evaluation may differ."""

MARGIN = 2.0
"""Times what a run seems to need that it gets: its evaluation is to come, and neighbours may come too."""

MOST_TIMES = 16.0
"""Times the cap of its kind that a run may get at most: four doublings."""

STANDSTILL = 0.25
"""Share of its time at whose end nothing was spent: such a run hangs, and more time is of no use to it."""

STALLED = "stalled_seconds"
"""Detail of a run that was ended at its wall cap: seconds of real time since the judge last said that more of
the budget was spent.
"""


SLOWER = "it took longer in real time than its count explains"
"""Why a run under a counted budget timed out of which nothing else is known: it hides work, or the machine
was slow.
"""


def usual_cap(budget: Budget, longest: float | None) -> float:
    """Seconds of real time for a run. longest: that a measured run of the unmodified surface took here, None
    where there is none.
    """
    times = COUNTED_TIMES if budget.unit.deterministic else CLOCKED_TIMES
    return max(budget.wall_cap, times * (longest or 0.0))


def most(usual: float) -> float:
    """Seconds that no run gets more than."""
    return MOST_TIMES * usual


def needed(budget: Budget, result: RunResult) -> float:
    """Seconds of real time that a run which was ended at its wall cap would have taken, as far as it came."""
    seconds, share = result.seconds, min(result.spent / budget.amount, 1.0)
    if not share or not seconds.train:
        return seconds.total
    return seconds.startup + seconds.train / share + seconds.evaluate


def more_time(budget: Budget, result: RunResult, usual: float) -> float | None:
    """The cap with which a run that was ended at its wall cap is worth another try; None where no cap that it
    may get would do, or where it has had that. usual: the cap of its kind, in seconds.
    """
    if not isinstance(result.outcome, TimedOut) or result.outcome.limit is not Limit.WALL_CAP:
        return None
    needs, had = needed(budget, result), result.outcome.seconds
    if needs > most(usual) or had >= most(usual):
        return None
    return min(MARGIN * max(needs, had), most(usual))


def came_on(result: RunResult) -> bool:
    """Whether a run that was ended at its wall cap was still spending its budget."""
    stalled = result.details.get(STALLED)
    still = isinstance(stalled, float | int) and stalled > STANDSTILL * result.seconds.total
    return result.spent > 0 and not still
