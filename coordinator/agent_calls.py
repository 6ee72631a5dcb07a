"""What an agent may ask of the coordinator: eleven calls.

- Every call may be repeated after any failure: an agent holds at most one lease, proposals and calls carry an
  id, reports a fencing token.
- ``lease``, ``brief`` and ``permit`` answer at once in this interface; the actor shell may hold a ``Wait``
  back for some seconds until a change.
- The same Protocol is met by the service in this process and by the handle of the Ray actor.
"""

from collections.abc import Sequence
from typing import Protocol

from coordinator.arm_notes import ArmNote
from coordinator.model_calls import CallRecord, CallRequest, Permit
from coordinator.protocol import (
    Accepted,
    Ack,
    AgentCard,
    Brief,
    HeartbeatReply,
    Lease,
    Proposal,
    Refused,
    Token,
    Wait,
    Welcome,
)
from evaluator.result import Progress, RunResult


class Coordinator(Protocol):
    """The coordinator as agents see it. Raises ``ConnectionError`` when it cannot be reached; every call may
    then be repeated.
    """

    def join(self, card: AgentCard) -> Welcome:
        """Begin, or begin again. A lease of an earlier incarnation is lost when the agent next asks for one,
        without waiting for its end, and its run is queued again; a report that comes before that counts.
        """
        ...

    def leave(self, agent: str, reason: str) -> None:
        """Go, for good or for now."""
        ...

    def brief(self, agent: str) -> Brief | Wait:
        """Ask what to think about. ``Wait`` while enough proposals are queued."""
        ...

    def propose(self, agent: str, proposal: Proposal) -> Accepted | Refused:
        """Answer a brief."""
        ...

    def note_arms(self, agent: str, number: int, notes: Sequence[ArmNote]) -> None:
        """Say which arms gave nothing for a brief, and that the agent holds it no more. number: of this word
        in the agent's life, so that a repeated one counts once.
        """
        ...

    def lease(self, agent: str) -> Lease | Wait:
        """Ask for a run. An agent that holds a lease gets the same one again."""
        ...

    def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """Keep a lease alive."""
        ...

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None = None) -> Ack:
        """Hand in a result. gap: seconds the slot stood idle before this run, None for the first."""
        ...

    def release(self, agent: str, token: Token, reason: str) -> None:
        """Hand a lease back without a result; its run is queued again and nothing is charged."""
        ...

    def permit(self, agent: str, request: CallRequest) -> Permit | Wait:
        """Ask to make a call of a model. ``Wait`` while others have to end first; with ``stop`` when the
        money is spent. Permitted is permitted.
        """
        ...

    def settle(self, agent: str, record: CallRecord, transcript: bytes | None) -> None:
        """Say what came of a call. transcript: what was said, compressed and without secrets, to be kept;
        counted and kept once.
        """
        ...
