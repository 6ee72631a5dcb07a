"""An agent's way to the money: permits and records over its line to the coordinator."""

import logging
import random
from functools import partial

from agents.backoff import Backoff, Clock, Waits
from agents.link import Link
from agents.proposers.contract import Unavailable
from agents.shutdown import Shutdown
from coordinator.agent_calls import Coordinator
from coordinator.model_calls import CallRecord, CallRequest, Permit
from coordinator.protocol import Wait

logger = logging.getLogger(__name__)

LONGEST_WAIT = 30.0
"""Seconds for which a call waits its turn. After that another arm answers the brief."""


class PermitClient:
    """Meets ``proposers.purse.Permits``. The agent's loop connects it before anybody thinks."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._link: Link | None = None

    def connect(self, link: Link, shutdown: Shutdown, clock: Clock, waits: Waits) -> None:
        """Use this line from now on."""
        self._link, self._shutdown, self._clock, self._waits = link, shutdown, clock, waits

    def permit(self, request: CallRequest) -> None:
        """See ``Permits.permit``."""
        link, closing = self._connected(), self._shutdown.closing
        poll = Backoff(self._waits.poll, random.Random(request.call))
        deadline = self._clock.now() + LONGEST_WAIT
        while not closing.is_set():
            match link.retry_until(partial(self._ask, request), until=closing):
                case Permit():
                    return
                case Wait(reason=reason, stop=stop):
                    left = deadline - self._clock.now()
                    if stop or left <= 0:
                        raise Unavailable(f"{request.model} may not be called: {reason}")
                    self._clock.wait(closing, min(poll.next(), left))
                case None:
                    pass
        raise Unavailable("the agent comes to its end")

    def settle(self, record: CallRecord, transcript: bytes | None) -> None:
        """See ``Permits.settle``. Said without joining first, so that an agent that has left stays gone;
        unsaid, the call counts at its estimate.
        """
        link, closing = self._connected(), self._shutdown.closing
        again = Backoff(self._waits.connection, random.Random(record.call))
        while True:
            try:
                return link.ask_unjoined(partial(self._say, record, transcript))
            except ConnectionError as error:
                if self._clock.wait(closing, again.next()):
                    return logger.warning(
                        "call is not settled",
                        extra={"agent": self._agent, "call": record.call, "error": str(error)},
                    )

    def _say(self, record: CallRecord, transcript: bytes | None, coordinator: Coordinator) -> None:
        coordinator.settle(self._agent, record, transcript)

    def _ask(self, request: CallRequest, coordinator: Coordinator) -> Permit | Wait:
        return coordinator.permit(self._agent, request)

    def _connected(self) -> Link:
        if self._link is None:
            raise Unavailable("the purse is not connected to a coordinator")
        return self._link
