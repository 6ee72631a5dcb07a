"""Who allows a call that may cost money and counts what it costs, as proposers see it."""

from typing import Protocol

from coordinator.model_calls import CallRecord, CallRequest


class Permits(Protocol):
    """The money of a campaign, and the open calls it allows. Both calls may be repeated with the same call
    id.
    """

    def permit(self, request: CallRequest) -> None:
        """Returns when the call may be made, after a while at most. Raises Unavailable when it may not now,
        or never again.
        """
        ...

    def settle(self, record: CallRecord, transcript: bytes | None) -> None:
        """Say what came of a permitted call. transcript: what was said, compressed and without secrets; None
        where there is nothing to keep.
        """
        ...


class FreePermits:
    """Allows everything and counts nothing: for proposers outside a swarm."""

    def permit(self, request: CallRequest) -> None:
        """See ``Permits.permit``."""

    def settle(self, record: CallRecord, transcript: bytes | None) -> None:
        """See ``Permits.settle``."""
