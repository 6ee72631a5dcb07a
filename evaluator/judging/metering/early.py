"""When an evaluation comes long before the budget is spent: such a value measures no whole training. Pure."""

from evaluator.budget import Budget

EARLIEST = 0.9
"""Share of the budget that training must have come to. A loop may end before its budget does: it keeps a
margin, its own clock began with the first step, or another step would not fit.
"""


def come_to(budget: Budget, spent: float, shown: float, step: float, real: float) -> float:
    """The share of the budget, 0 or more, at which a training may say that it is over. spent, and shown by
    the clock of its last batch: in the budget's unit. step: what one more would cost, in that unit. real:
    seconds since its first batch, which a script's own clock may count under a budget in seconds.
    """
    end = max(spent, shown) + step
    return (end if budget.unit.deterministic else max(end, real)) / budget.amount


def early(steps: int, share: float) -> str:
    """Why a run that was evaluated after so many steps, at that share of its budget, has no value."""
    return (
        f"evaluated after {steps} step{'' if steps == 1 else 's'}, at {int(100 * share)} % of its budget:"
        " evaluate_bpb is called once, at the end, when the budget is spent"
    )


def why_early(budget: Budget, steps: int, spent: float, shown: float, step: float, real: float) -> str:
    """Why an evaluation after ``steps`` steps is none of a whole training; empty where it is. The others are
    those of ``come_to``; of a first step, whose cost is not known before it ends, ``spent`` is that.
    """
    step = max(step, spent / steps if steps else 0.0)
    over = come_to(budget, spent, shown, step, real) >= EARLIEST
    return "" if over else early(steps, spent / budget.amount)
