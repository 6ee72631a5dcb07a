"""Rules of early stops: where a screen is looked at, above which loss it is ended, which runs on. Pure.

Screens only: what a decision rests on (baselines, confirm and retest runs, certificates, refresh runs) is
never ended. Nor is a person's own variant, nor one of an arm that always starts from the baseline, which the
others are compared with; these are looked at, so that bars are learnt from them too.

In order the bar is a function of what the run's own proposal could see.
"""

from configs.reserved import PEOPLES
from coordinator.domain import Origin, Purpose
from coordinator.rules.lookups import horizon_of
from coordinator.rules.seeds import drawn
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Best, Division
from coordinator.state.records import Experiment, Run
from evaluator.early_bar import Learnt, learn
from evaluator.early_stop import StopPlan


def stop_plan(state: CampaignState, run: Run) -> StopPlan | None:
    """What the run's lease says of an early stop; None where it is not looked at."""
    rules, experiment = state.rules, state.experiments[run.experiment]
    if not rules.early_stop_at or run.purpose is not Purpose.SCREEN:
        return None
    division, horizon = state.divisions[experiment.division], horizon_of(state, experiment.ordinal)
    head = division.head_as_of(horizon) if rules.lookahead else division.head
    if head is None or not _may_end(experiment):
        return StopPlan(at=rules.early_stop_at)
    learnt = learnt_of(state, division, head, horizon if rules.lookahead else None)
    if learnt.bar is None:
        return StopPlan(at=rules.early_stop_at)
    some_end = not learnt.off
    at_zero, slope = learnt.line or (0.0, 0.0)
    sign = -rules.metric.gain(0.0, 1.0)
    return StopPlan(
        at=rules.early_stop_at,
        bar=learnt.bar,
        ends=some_end and drawn(state, f"early:{run.run}") / 2**31 >= rules.early_stop_audit,
        chance=rules.early_stop_audit if some_end else 1.0,
        head=head.value,
        at_zero=sign * at_zero,
        per_loss=sign * slope,
    )


def learnt_of(state: CampaignState, division: Division, head: Best, horizon: int | None) -> Learnt:
    """What the division's runs say of the bar. horizon: the last ordinal that may be known; None for all."""
    at = state.rules.early_stop_at
    runs = [one for one in division.looks if one.at == at and (horizon is None or one.ordinal <= horizon)]
    return learn(runs, -state.rules.metric.gain(0.0, head.value))


def _may_end(experiment: Experiment) -> bool:
    return experiment.arm not in PEOPLES and experiment.origin is not Origin.BASELINE
