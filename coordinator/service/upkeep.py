"""What people and time ask of a campaign: leases nobody renewed, calls nobody settled, what was left in the
inbox, requests to stop.
"""

import logging
from collections.abc import Iterable, Sequence

from configs.errors import ConfigError
from coordinator.rules import campaign
from coordinator.rules.slots import leases
from coordinator.service.call_permits import CallPermits
from coordinator.service.intake import Intake
from coordinator.service.open_calls import OpenCall
from coordinator.service.presence import Presence
from coordinator.service.transactions import Transactions
from coordinator.store.inbox import Inbox, InboxItem
from coordinator.store.paths import Layout

log = logging.getLogger(__name__)


class Upkeep:
    """Done for one campaign, every second or so."""

    def __init__(
        self,
        layout: Layout,
        transactions: Transactions,
        presence: Presence,
        permits: CallPermits,
        intake: Intake,
    ) -> None:
        self._stop_request = layout.stop_request
        self._inbox = Inbox(layout.inbox)
        self._transactions = transactions
        self._presence = presence
        self._permits = permits
        self._intake = intake

    def tick(self) -> None:
        """Take back leases nobody renewed, take in what people left, see to limits and to a request to
        stop.
        """
        with self._transactions.transaction() as unit:
            if (asked := self._stop_asked()) is not None:
                self._presence.stopping = asked == "now"
                unit.commit(campaign.drain(unit.state, "stopped by `autoswarm stop`"))
            for agent in self._presence.silent():
                self._presence.forget(agent)
                why = f"not heard of for {self._presence.ttl:g} s"
                unit.commit(leases.leave(unit.state, agent, why, charged=True, lost=True))
            self.give_up(self._permits.expired())
        for item in self._inbox.items():
            self._take_in(item)

    def lose(self, agents: Iterable[str], why: str) -> None:
        """These agents are gone with their machine: their runs need not wait until their leases end."""
        with self._transactions.transaction() as unit:
            for agent in agents:
                self._presence.forget(agent)
                unit.commit(leases.leave(unit.state, agent, why, charged=True, lost=True))

    def give_up(self, calls: Sequence[OpenCall]) -> None:
        """Settle calls nobody will speak of again."""
        if calls:
            with self._transactions.transaction() as unit:
                unit.commit(self._permits.give_up(unit.state, calls))

    def drain(self, reason: str, now: bool) -> None:
        """Take no new work; with ``now`` also end the open runs and queue them again."""
        with self._transactions.transaction() as unit:
            self._presence.stopping = now
            unit.commit(campaign.drain(unit.state, reason))

    def _take_in(self, item: InboxItem) -> None:
        """Each item by itself: one that makes us fail must harm nothing else, and not come again every
        second.
        """
        try:
            with self._transactions.transaction() as unit:
                dealt_with = self._intake.take_in(unit, item)
        except ConfigError:  # a full disk: it waits
            raise
        except Exception:
            log.exception("what a person left made us fail", extra={"item": item.name})
            return self._inbox.put_aside(item.name)
        return self._inbox.done(item.name) if dealt_with else None

    def _stop_asked(self) -> str | None:
        """What somebody left in the campaign's folder for us, taken away: ``drain`` or ``now``."""
        try:
            asked = self._stop_request.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        self._stop_request.unlink(missing_ok=True)
        return asked.strip()
