"""Rules of when the best is run once more. Pure.

A best was chosen by its value and is worth less than that by luck, so that what is really better looks no
better. While nothing moves the head, its value is measured again now and then.
Where nobody proposes that is at once, one run after the other.
"""

from coordinator.domain import Purpose
from coordinator.rules.heads.certificates import all_is_settled, is_awaited
from coordinator.rules.lookups import proposes_in
from coordinator.rules.seeds import queued
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import AnyEvent

TRIES = 3
"""Runs of a best without a value after which it is left alone: it would fail for ever."""


def refresh(state: CampaignState) -> list[AnyEvent]:
    """Another run of the best of the first division that is due for one; [] where none is."""
    for division in state.divisions.values():
        if _is_due(state, division) and division.best is not None:
            experiment = state.experiments[division.best.experiment]
            return [queued(state, experiment.experiment, len(experiment.runs) + 1, Purpose.REFRESH)]
    return []


def _is_due(state: CampaignState, division: Division) -> bool:
    policy, best = state.rules.policy, division.best
    if not policy.refresh_every or best is None or best.runs >= policy.refresh_to or all_is_settled(state):
        return False
    pairing, runs = division.pairing, state.experiments[best.experiment].runs
    if pairing is not None and pairing.holds and len(runs) >= len(division.seeds):
        return False  # a run on another seed would say less than those it has
    waited = division.quiet // policy.refresh_every > division.refreshed or not proposes_in(state, division)
    if not waited or division.trunk or is_awaited(state, division):
        return False
    failed = [run for run in runs if run.purpose is Purpose.REFRESH and run.result and run.value is None]
    return len(failed) < TRIES
