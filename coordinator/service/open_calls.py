"""Calls of models that are under way: money is set aside for each until it is settled. Never journaled, and
gone with the coordinator's process.
"""

from collections.abc import Iterator

from msgspec import Struct

from coordinator.model_calls import CallRequest

GRACE_SECONDS = 60.0
"""Beyond a call's own timeout: after that its agent has died, or its connection."""


class OpenCall(Struct, frozen=True):
    """A call that was permitted."""

    agent: str
    request: CallRequest
    usd: float | None
    """Set aside for it, None where no price is known."""
    until: float
    """When it is given up, in seconds since the epoch."""


class OpenCalls:
    """Open calls by their id."""

    def __init__(self) -> None:
        self._open: dict[str, OpenCall] = {}

    def __iter__(self) -> Iterator[OpenCall]:
        return iter(list(self._open.values()))

    def __contains__(self, call: str) -> bool:
        return call in self._open

    @property
    def usd(self) -> float:
        """Dollars set aside."""
        return sum(call.usd or 0.0 for call in self._open.values())

    def of_model(self, model: str) -> int:
        """Open calls of a model."""
        return sum(call.request.model == model for call in self._open.values())

    def of_agent(self, agent: str) -> list[OpenCall]:
        """Open calls of an agent."""
        return [call for call in self._open.values() if call.agent == agent]

    def open(self, agent: str, request: CallRequest, usd: float | None, now: float) -> None:
        """A call begins."""
        self._open[request.call] = OpenCall(agent, request, usd, now + request.timeout + GRACE_SECONDS)

    def close(self, call: str) -> None:
        """A call is over; known or not."""
        self._open.pop(call, None)

    def expired(self, now: float) -> list[OpenCall]:
        """Calls nobody will settle any more."""
        return [call for call in self._open.values() if call.until < now]
