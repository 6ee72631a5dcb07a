"""What runs that were looked at leave behind: what bars are learnt from, and what early stops came to. Called
by ``CampaignState.apply`` only.
"""

from coordinator.domain import Metric, Purpose
from coordinator.state.divisions import Division
from coordinator.state.records import Experiment, Run
from evaluator.early_bar import BothKnown
from evaluator.early_stop import EarlyLook
from evaluator.result import EndedEarly


def note(division: Division, experiment: Experiment, run: Run, metric: Metric) -> None:
    """Take in the result of a run."""
    result = run.result
    if result is None or result.early is None or run.purpose is not Purpose.SCREEN:
        return
    if isinstance(result.outcome, EndedEarly):
        division.ended_early += 1
        division.ended_seconds += run.seconds
    elif (value := run.value) is not None:
        division.looks.append(_both(experiment.ordinal, run.slot, result.early, value, metric))
        division.whole_seconds += run.seconds


def _both(ordinal: int, slot: str, look: EarlyLook, value: float, metric: Metric) -> BothKnown:
    plan = look.plan
    compared = plan.bar is not None and plan.head is not None
    return BothKnown(
        ordinal=ordinal,
        slot=slot,
        at=plan.at,
        loss=look.loss,
        worse=-metric.gain(0.0, value),
        over=look.over,
        chance=plan.chance,
        better=metric.gain(plan.head, value) > 0 if compared and plan.head is not None else None,
    )
