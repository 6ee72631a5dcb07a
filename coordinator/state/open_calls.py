"""Calls of models that are under way: money is set aside for each until it is settled. Never journaled, and
gone with the coordinator's process.
"""

from collections.abc import Iterator

from msgspec import Struct

from coordinator.protocol import CallRequest

GRACE_SECONDS = 60.0
"""Beyond a call's own timeout: after that its agent has died, or the line to it."""


class OpenCall(Struct, frozen=True):
    """A call that was permitted. usd: set aside for it, None where no price is known. until: seconds since
    the epoch, when it is given up.
    """

    agent: str
    request: CallRequest
    usd: float | None
    until: float


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
        return sum(each.usd or 0.0 for each in self._open.values())

    def of_model(self, model: str) -> int:
        """Open calls of a model."""
        return sum(each.request.model == model for each in self._open.values())

    def of_agent(self, agent: str) -> list[OpenCall]:
        """Open calls of an agent."""
        return [each for each in self._open.values() if each.agent == agent]

    def open(self, agent: str, request: CallRequest, usd: float | None, now: float) -> None:
        """A call begins."""
        self._open[request.call] = OpenCall(agent, request, usd, now + request.timeout + GRACE_SECONDS)

    def close(self, call: str) -> None:
        """A call is over; known or not."""
        self._open.pop(call, None)

    def expired(self, now: float) -> list[OpenCall]:
        """Calls nobody will settle any more."""
        return [each for each in self._open.values() if each.until < now]
