"""Permits for calls of models, and records of them, over an agent's line to its coordinator."""

import logging
import random
from functools import partial

from agents.backoff import Backoff
from agents.context import AgentContext
from agents.proposers.contract import Unavailable
from coordinator.agent_calls import Coordinator
from coordinator.model_calls import CallRecord, CallRequest, Permit
from coordinator.protocol import Wait

logger = logging.getLogger(__name__)

LONGEST_WAIT = 30.0
"""Seconds for which a call waits its turn. After that another arm answers the brief."""


class PermitClient:
    """Meets ``agents.proposers.permits.Permits``. The agent's loop connects it before anybody thinks."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._context: AgentContext | None = None

    def connect(self, context: AgentContext) -> None:
        """Use this agent's line from now on."""
        self._context = context

    def permit(self, request: CallRequest) -> None:
        """See ``Permits.permit``."""
        context = self._connected()
        clock, closing = context.clock, context.shutdown.closing
        poll = Backoff(context.waits.poll, random.Random(request.call))
        deadline = clock.now() + LONGEST_WAIT
        while not closing.is_set():
            match context.link.retry_until(partial(self._ask, request), until=closing):
                case Permit():
                    return
                case Wait(reason=reason, stop=stop):
                    left = deadline - clock.now()
                    if stop or left <= 0:
                        raise Unavailable(f"{request.model} may not be called: {reason}")
                    clock.wait(closing, min(poll.next(), left))
                case None:
                    pass
        raise Unavailable("the agent comes to its end")

    def settle(self, record: CallRecord, transcript: bytes | None) -> None:
        """See ``Permits.settle``. Said without joining first, so that an agent that has left stays gone;
        unsaid, the call counts at its estimate.
        """
        context = self._connected()
        retry = Backoff(context.waits.connection, random.Random(record.call))
        while True:
            try:
                return context.link.ask_unjoined(partial(self._say, record, transcript))
            except ConnectionError as error:
                if context.clock.wait(context.shutdown.closing, retry.next()):
                    return logger.warning(
                        "call is not settled",
                        extra={"agent": self._agent, "call": record.call, "error": str(error)},
                    )

    def _say(self, record: CallRecord, transcript: bytes | None, coordinator: Coordinator) -> None:
        coordinator.settle(self._agent, record, transcript)

    def _ask(self, request: CallRequest, coordinator: Coordinator) -> Permit | Wait:
        return coordinator.permit(self._agent, request)

    def _connected(self) -> AgentContext:
        if self._context is None:
            raise Unavailable("no call is permitted: this agent has no line to a coordinator yet")
        return self._context
