"""What is due next in a campaign without anybody asking for it. Pure.

Whoever holds a state repeats ``next_step`` until nothing is due, and carries out each step: events are
committed; a rebase, a merge, a combination and a transfer want a commit of a text first. The service does
that with git, tests without.
"""

from msgspec import Struct

from coordinator.domain import Phase
from coordinator.rules.campaign import limits
from coordinator.rules.heads.baselines import abandon, begun_anew
from coordinator.rules.heads.certificates import begin, settle
from coordinator.rules.heads.combinations import Combine, combine
from coordinator.rules.heads.rebases import Rebase, rebase
from coordinator.rules.heads.refreshes import refresh
from coordinator.rules.heads.transfers import Transfer, transfer
from coordinator.rules.heads.verdicts import Merge, decide
from coordinator.rules.last_runs import are_kept
from coordinator.rules.lookups import division_of
from coordinator.rules.slots.leases import lease
from coordinator.rules.slots.set_aside import set_aside
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent


class Commit(Struct, frozen=True):
    """Events that are complete: they only have to be applied and written down."""

    events: list[AnyEvent]


Step = Rebase | Commit | Merge | Combine | Transfer


def next_step(state: CampaignState, now: float) -> Step | None:
    """Rebase what is stale, then set a slot aside that is off, then give the verdicts that are due, then
    certify a trunk or run the best again, then begin what failed before the last start or end what must end,
    then try in one division what merged in another; None when nothing is due. now: seconds since the epoch.
    """
    if (stale := rebase(state)) is not None:
        return stale
    due = set_aside(state)
    if not due and state.rules.settles_one_by_one:
        due = _between_ordinals(state, now)
    if due:
        return Commit(due)
    verdict = decide(state)
    if isinstance(verdict, Merge):
        return verdict
    events = verdict or _looked_after(state, now) or settle(state) or begun_anew(state) or abandon(state)
    if not events and (brought := transfer(state)) is not None:
        return brought
    events = events or limits(state, now)
    return Commit(events) if events else None


def _between_ordinals(state: CampaignState, now: float) -> list[AnyEvent]:
    """In order: what is due before the next verdict, until the very end. It is due there whether somebody
    stopped the campaign meanwhile or not, and however early the next verdict could be given.
    """
    return [] if state.phase is Phase.FINISHED else begin(state, now) or refresh(state)


def _looked_after(state: CampaignState, now: float) -> list[AnyEvent]:
    """What trunks and bests are due for while work is taken."""
    return begin(state, now) or refresh(state) if state.phase is Phase.RUNNING else []


def next_lease(state: CampaignState, agent: str, calls_usd: float = 0.0) -> Step | None:
    """What gives an agent its next run, to be repeated like ``next_step``: a lease, or before it a rebase or
    a combination; None when it holds one or has to wait. Arguments as of ``leases.lease``.
    """
    if events := lease(state, agent, calls_usd):
        return Commit(events)
    waits = state.agents[agent].set_aside or are_kept(state, division_of(state, agent))
    return None if waits else combine(state, agent, calls_usd)
