"""Which runs of an experiment a decision may rest on, and verdicts as events. Pure."""

from statistics import fmean

from coordinator.domain import Purpose, Verdict
from coordinator.rule_values.trust_rules import Grounds
from coordinator.rules import cpu_bounds, trust
from coordinator.rules.seeds import queued
from coordinator.rules.trust import Standing
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, VerdictGiven
from coordinator.state.records import Experiment
from evaluator.result import RunResult

AUDIT_TRIES = 2
"""Runs asked for beyond the usual ones where a better variant has too few that could be audited: a twin that
fails twice more will go on failing.
"""


def believed_runs(state: CampaignState, experiment: Experiment) -> tuple[list[float], list[RunResult]]:
    """Values and results of the runs a merge may rest on."""
    runs = [
        (value, result)
        for value, result in ((run.value, run.result) for run in experiment.resting)
        if value is not None and result is not None
    ]
    believed = [one for one in runs if trust.standing(one[1], state.rules.trust) is Standing.BELIEVED]
    return [value for value, _ in believed], [result for _, result in believed]


def overworked(state: CampaignState, experiment: Experiment) -> str:
    """Why a value under a counted budget is not believed; empty where a clock keeps the budget."""
    if not state.rules.budget.unit.deterministic:
        return ""
    baseline = state.experiments[state.divisions[experiment.division].baseline]
    return cpu_bounds.overworked(experiment.measured, baseline.measured, state.rules.trust)


def given(
    experiment: Experiment,
    verdict: Verdict,
    reason: str,
    value: float | None = None,
    grounds: Grounds | None = None,
    commit: str = "",
) -> VerdictGiven:
    """A verdict. value: in the metric's unit; by default the mean of its runs."""
    return VerdictGiven(
        experiment=experiment.experiment,
        verdict=verdict,
        reason=reason,
        value=fmean(experiment.values) if value is None else value,
        grounds=grounds,
        commit=commit,
    )


def confirmed_by(
    state: CampaignState, experiment: Experiment, reason: str, runs: int, due: int = 0
) -> list[AnyEvent]:
    """So many more runs of an experiment. due: of a certificate in order."""
    first = len(experiment.runs) + 1
    more = [
        queued(state, experiment.experiment, number, Purpose.CONFIRM) for number in range(first, first + runs)
    ]
    event = VerdictGiven(
        experiment=experiment.experiment,
        verdict=Verdict.CONFIRM,
        reason=reason,
        value=fmean(experiment.values) if experiment.values else experiment.step_value,
        due=due,
    )
    return [event, *more]
