"""What early stops came to in a division, and what they rest on. Pure."""

from msgspec import UNSET, UnsetType

from coordinator.rules.slots.early_stops import learnt_of
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.views.early_stop_view import EarlyStopView


def early_report(state: CampaignState, division: Division) -> EarlyStopView | UnsetType:
    """Of a division; absent where nobody is looked at and nobody was ended."""
    at, head = state.rules.early_stop_at, division.head
    if not at and not division.ended_early:
        return UNSET
    learnt = learnt_of(state, division, head, None) if at and head else None
    audited = [look for look in division.looks if look.over]
    return EarlyStopView(
        at=at,
        ended=division.ended_early,
        saved_hours=_saved_seconds(division) / 3600,
        audited=len(audited),
        better=sum(bool(look.better) for look in audited),
        bar=learnt.bar if learnt else None,
        runs=learnt.runs if learnt else 0,
        together=learnt.together if learnt else None,
        off=learnt.off if learnt else "switched off" if not at else "the baseline is not measured",
    )


def _saved_seconds(division: Division) -> float:
    """What the ended runs would have taken besides, if they had been as long as the others."""
    if not division.looks:
        return 0.0
    whole = division.whole_seconds / len(division.looks)
    return max(0.0, division.ended_early * whole - division.ended_seconds)
