"""Open calls of models on the service's side: from a permit to a record, and what was said.

The rules decide (``coordinator.rules.budget_cap``); here is what they need to remember between two calls, and
for the moment only. The service's lock is held around every call of this.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from coordinator.protocol import CallRecord, CallRequest, Permit, Wait
from coordinator.rules.budget_cap import Spending
from coordinator.state.events import AnyEvent
from coordinator.state.open_calls import OpenCall, OpenCalls
from coordinator.store.transcripts import Transcripts


class CallPermits:
    """Remembers open calls. held: them, and the money set aside for them."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """folder: of exchanges. clock: seconds since the epoch."""
        self._transcripts = Transcripts(folder)
        self._clock = clock
        self.held = OpenCalls()

    def permit(self, rules: Spending, agent: str, request: CallRequest) -> Permit | Wait:
        """See ``Spending.permit``; what is permitted is set aside."""
        answer = rules.permit(request, self.held)
        if isinstance(answer, Permit) and request.call not in self.held:
            self.held.open(agent, request, rules.estimate(request), self._clock())
        return answer

    def settle(
        self, rules: Spending, agent: str, record: CallRecord, transcript: bytes | None
    ) -> list[AnyEvent]:
        """See ``Spending.settle``. What was said is kept with the first record."""
        events = rules.settle(agent, record)
        if events and transcript is not None:
            self._transcripts.keep(record.call, transcript)
        self.held.close(record.call)
        return events

    def give_up(self, rules: Spending, calls: Iterable[OpenCall]) -> list[AnyEvent]:
        """Settle calls at their estimates; what their agents say of them after all counts in the place of
        that.
        """
        events: list[AnyEvent] = []
        for call in calls:
            events += rules.give_up(call)
            self.held.close(call.request.call)
        return events

    def expired(self) -> list[OpenCall]:
        """Calls nobody will settle any more."""
        return self.held.expired(self._clock())
