"""Rules of runs that failed where the machine is the suspect: they are made again. Pure.

- A run of the unmodified surface is the user's own program, which nobody wrote to deceive. Timed out, out of
  memory or killed it is made again, and so is one that crashed where another run of it was measured: what
  works once is not broken.
- A run of a variant that was ended at its wall cap under a counted budget, while it came on, or for nothing
  but real time, is made again once: real time is no part of such a budget. Once rows were shown to it, it is
  not: a program that does not like its value could have itself run again.
- What was learnt goes along: the next try gets as much time as the run would have needed, within bounds.
"""

from coordinator.rules.wall_caps import division_cap, wall_cap
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import RunLost
from coordinator.state.records import Experiment, Run, evaluation_began
from evaluator.classify import KILLED_BY
from evaluator.result import Crashed, CrashKind, Limit, Measured, RunResult, TimedOut
from evaluator.wall_caps import SLOWER, came_on, more_time

BASELINE_TRIES = 2
"""Of a run of the baseline that failed otherwise than at its wall cap: a broken program would fail for ever.
"""


def repeat(state: CampaignState, run: Run, result: RunResult) -> list[RunLost]:
    """[RunLost] where the run is to be made again instead of being reported; [] where its result stands."""
    experiment = state.experiments[run.experiment]
    if run.attempts + 1 >= state.rules.max_attempts or not _suspect(state, experiment, run, result):
        return []
    if not _at_cap(result):
        needs = 0.0 if experiment.baseline else wall_cap(state, run)
        return [_lost(run, _failed(result), needs)]
    more = more_time(state.rules.budget, result, division_cap(state, experiment.division))
    return [] if more is None else [_lost(run, _timed_out(state, run, result, more), more)]


def _suspect(state: CampaignState, experiment: Experiment, run: Run, result: RunResult) -> bool:
    """Whether the machine is."""
    if not experiment.baseline:
        counted = state.rules.budget.unit.deterministic
        once = not (experiment.killed or experiment.needs)
        slow = (_at_cap(result) and came_on(result)) or _slower(result)
        return counted and once and slow and not evaluation_began(result)
    return _at_cap(result) or (
        run.attempts + 1 < BASELINE_TRIES and (_by_the_machine(result) or _works(experiment, result))
    )


def _at_cap(result: RunResult) -> bool:
    return isinstance(result.outcome, TimedOut) and result.outcome.limit is Limit.WALL_CAP


def _slower(result: RunResult) -> bool:
    """Whether nothing but real time ended it."""
    return isinstance(result.outcome, TimedOut) and result.outcome.why == SLOWER


def _by_the_machine(result: RunResult) -> bool:
    match result.outcome:
        case TimedOut():
            return True
        case Crashed(kind=kind, message=message):
            return kind is CrashKind.OUT_OF_MEMORY or message.startswith(KILLED_BY)
        case _:
            return False


def _works(experiment: Experiment, result: RunResult) -> bool:
    """Whether it crashed, and another run of the same program was measured."""
    return isinstance(result.outcome, Crashed) and any(
        run.result is not None and isinstance(run.result.outcome, Measured) for run in experiment.counted
    )


def _timed_out(state: CampaignState, run: Run, result: RunResult, needs: float) -> str:
    share, cap = result.spent / state.rules.budget.amount, wall_cap(state, run)
    return (
        f"it was ended at its wall cap of {cap:.0f} s with {share:.1%} of its budget spent, and gets"
        f" {needs:.0f} s"
    )


def _failed(result: RunResult) -> str:
    match result.outcome:
        case TimedOut(limit=limit, why=why):
            return f"it was timed out at its {limit.value.replace('_', ' ')}{f': {why}' if why else ''}"
        case Crashed(kind=kind, message=message):
            return f"it crashed ({kind.value.replace('_', ' ')}: {message})"
        case _:
            return "it failed"


def _lost(run: Run, reason: str, needs: float = 0.0) -> RunLost:
    assert run.token is not None  # noqa: S101 - it was leased
    return RunLost(run=run.run, experiment=run.experiment, token=run.token, reason=reason, needs=needs)
