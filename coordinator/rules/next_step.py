"""What is due next in a campaign without anybody asking for it. Pure.

Whoever holds a state repeats ``next_step`` until nothing is due, and carries out each step: events are
committed; a rebase and a merge want a commit of the variant's text first. The service does that with git,
tests without.
"""

from msgspec import Struct

from coordinator.domain import Phase
from coordinator.rules.baselines import abandon, begun_anew
from coordinator.rules.campaign import limits
from coordinator.rules.certificates import begin
from coordinator.rules.rebases import Rebase, rebase
from coordinator.rules.refreshes import refresh
from coordinator.rules.verdicts import Merge, decide
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent


class Commit(Struct, frozen=True):
    """Events that are complete: they only have to be applied and written down."""

    events: list[AnyEvent]


Step = Rebase | Commit | Merge


def next_step(state: CampaignState, now: float) -> Step | None:
    """Rebase what is stale, then give the verdicts that are due, then certify a trunk or run the best again,
    then begin what failed before the last start or end what must end; None when nothing is due. now: seconds
    since the epoch.
    """
    if (stale := rebase(state)) is not None:
        return stale
    verdict = decide(state)
    if isinstance(verdict, Merge):
        return verdict
    trunks = begin(state, now) or refresh(state) if state.phase is Phase.RUNNING and not verdict else []
    events = verdict or trunks or begun_anew(state) or abandon(state) or limits(state, now)
    return Commit(events) if events else None
