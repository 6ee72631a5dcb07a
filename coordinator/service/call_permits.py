"""Open calls of models on the service's side: from a permit to a record, and what was said.

The rules decide (``coordinator.rules.budget_cap``); here is what they need to remember between two calls, and
for the moment only. The service's lock is held around every call of this.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from coordinator.model_calls import CallRecord, CallRequest, Permit
from coordinator.protocol import Wait
from coordinator.rules import budget_cap
from coordinator.service.open_calls import OpenCall, OpenCalls
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent
from coordinator.store.transcripts import Transcripts


class CallPermits:
    """Remembers open calls."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """folder: of transcripts. clock: seconds since the epoch."""
        self._transcripts = Transcripts(folder)
        self._clock = clock
        self.open = OpenCalls()
        """Calls that were permitted, and the money set aside for them."""

    def permit(self, state: CampaignState, agent: str, request: CallRequest) -> Permit | Wait:
        """See ``budget_cap.permit``; what is permitted is set aside."""
        answer = budget_cap.permit(state, request, self.open)
        if isinstance(answer, Permit) and request.call not in self.open:
            self.open.open(agent, request, budget_cap.estimate(state, request), self._clock())
        return answer

    def settle(
        self, state: CampaignState, agent: str, record: CallRecord, transcript: bytes | None
    ) -> list[AnyEvent]:
        """See ``budget_cap.settle``. What was said is kept with the first record."""
        events = budget_cap.settle(state, agent, record)
        if events and transcript is not None:
            self._transcripts.keep(record.call, transcript)
        self.open.close(record.call)
        return events

    def give_up(self, state: CampaignState, calls: Iterable[OpenCall]) -> list[AnyEvent]:
        """Settle calls at their estimates; what their agents say of them after all counts in the place of
        that.
        """
        events: list[AnyEvent] = []
        for call in calls:
            events += budget_cap.give_up(state, call.agent, call.request, call.usd)
            self.open.close(call.request.call)
        return events

    def expired(self) -> list[OpenCall]:
        """Calls nobody will settle any more."""
        return self.open.expired(self._clock())
