"""Rules of what a lease tells the judge: how much of a run to check, and what the baseline came to. Pure."""

from msgspec.structs import replace

from coordinator.domain import Purpose
from coordinator.rules import trust
from coordinator.rules.lookups import horizon_of
from coordinator.rules.seeds import drawn
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Best, Division
from coordinator.state.records import Run
from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts, facts_of, without_real_time

FORCED = (Purpose.CONFIRM, Purpose.RETEST, Purpose.REFRESH)
"""A merge may rest on any of these runs, so all of them are audited in full."""


def audit_plan(state: CampaignState, run: Run) -> AuditPlan:
    """How much of the run's claims the judge is to check.

    In order it depends on what the run's own proposal could see, not on which verdicts came in meanwhile:
    whether a cheat is caught must not depend on how fast other slots are. What is better than the best at the
    verdict is better than any best before it, so none slips through.
    """
    experiment = state.experiments[run.experiment]
    division, rules = state.divisions[experiment.division], state.rules
    draw = drawn(state, f"audit:{run.run}") / 2**31
    if experiment.baseline:
        first = next((one for one in experiment.runs if one.result is None or one.value is not None), None)
        return trust.plan(rules.trust, None, forced=run is first, draw=draw)
    head = division.head_as_of(horizon_of(state, experiment.ordinal)) if rules.lookahead else division.head
    forced = head is None or run.purpose in FORCED
    return trust.plan(rules.trust, _screen_bar(state, division, head) if head else None, forced, draw)


def _screen_bar(state: CampaignState, division: Division, head: Best) -> float:
    """A screen run no better than this is rejected, in the metric's unit."""
    bar = state.rules.policy.screen_bar(head.runs, division.sigma or 0.0)
    return state.rules.metric.improved(head.value, bar)


def baseline_facts(state: CampaignState, run: Run) -> BaselineFacts:
    """What the baseline of the run's division came to; nothing while that is being measured.

    In order seconds of real time are left out: what the judge does with them depends on how busy a machine
    is, and the same seed must give the same verdicts. So is the baseline's pace for a run that is made again
    as the machine was slow.
    """
    experiment = state.experiments[run.experiment]
    division = state.divisions[experiment.division]
    if division.best is None:
        return BaselineFacts()
    facts = facts_of(state.experiments[division.baseline].measured)
    if state.rules.lookahead:
        return without_real_time(facts)
    return replace(facts, pace=None) if experiment.needs else facts
