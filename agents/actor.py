"""The Ray actor that owns one slot, and the coordinator as it is reached through Ray.

- Nothing here touches a GPU: only the run's own process does.
- The actor's methods return at once; the loop works on its own threads. Killed, Ray starts it again as
  another incarnation of the same agent.
"""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError

from agents.loop import AgentLoop, Snapshot
from coordinator.agent_calls import Coordinator
from coordinator.arm_notes import ArmNote
from coordinator.model_calls import CallRecord, CallRequest, Permit
from coordinator.parent_watch import end_with
from coordinator.priority import take_usual_priority
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

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Builder = Callable[[Coordinator], AgentLoop]

CALL_SECONDS = 15.0
"""Longest a call may take before it counts as unanswered; every call may be repeated."""
LONG_POLL_SECONDS = 5.0
"""Longest the coordinator may hold back a ``Wait``."""


class RemoteCoordinator:
    """Meets ``coordinator.agent_calls.Coordinator`` over the actor of that name. Whatever goes wrong on the
    way is a ``ConnectionError``.
    """

    def __init__(self, name: str, namespace: str, long_poll: float = LONG_POLL_SECONDS) -> None:
        """name, namespace: of the actor; an empty namespace is this process's own. long_poll: seconds for
        which a ``Wait`` may be held back.
        """
        self._name = name
        self._namespace = namespace or None
        self._long_poll = long_poll
        self._handle: Any = None

    def join(self, card: AgentCard) -> Welcome:
        """See ``Coordinator.join``."""
        answer: Welcome = self._ask(lambda actor: actor.join_campaign.remote(card))
        return answer

    def leave(self, agent: str, reason: str) -> None:
        """See ``Coordinator.leave``."""
        self._ask(lambda actor: actor.leave.remote(agent, reason))

    def brief(self, agent: str) -> Brief | Wait:
        """See ``Coordinator.brief``."""
        answer: Brief | Wait = self._ask(lambda actor: actor.brief.remote(agent, self._long_poll))
        return answer

    def propose(self, agent: str, proposal: Proposal) -> Accepted | Refused:
        """See ``Coordinator.propose``."""
        answer: Accepted | Refused = self._ask(lambda actor: actor.propose.remote(agent, proposal))
        return answer

    def note_arms(self, agent: str, number: int, notes: Sequence[ArmNote]) -> None:
        """See ``Coordinator.note_arms``."""
        self._ask(lambda actor: actor.note_arms.remote(agent, number, notes))

    def lease(self, agent: str) -> Lease | Wait:
        """See ``Coordinator.lease``."""
        answer: Lease | Wait = self._ask(lambda actor: actor.lease.remote(agent, self._long_poll))
        return answer

    def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """See ``Coordinator.heartbeat``."""
        answer: HeartbeatReply = self._ask(lambda actor: actor.heartbeat.remote(agent, token, progress))
        return answer

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None = None) -> Ack:
        """See ``Coordinator.report``."""
        answer: Ack = self._ask(lambda actor: actor.report.remote(agent, token, result, gap))
        return answer

    def release(self, agent: str, token: Token, reason: str) -> None:
        """See ``Coordinator.release``."""
        self._ask(lambda actor: actor.release.remote(agent, token, reason))

    def permit(self, agent: str, request: CallRequest) -> Permit | Wait:
        """See ``Coordinator.permit``."""
        answer: Permit | Wait = self._ask(lambda actor: actor.permit.remote(agent, request, self._long_poll))
        return answer

    def settle(self, agent: str, record: CallRecord, transcript: bytes | None) -> None:
        """See ``Coordinator.settle``."""
        self._ask(lambda actor: actor.settle.remote(agent, record, transcript))

    def _ask(self, call: Callable[[Any], Any]) -> Any:
        try:
            if self._handle is None:
                self._handle = ray.get_actor(self._name, namespace=self._namespace)
            return ray.get(call(self._handle), timeout=CALL_SECONDS)
        except ConnectionError:  # said by the coordinator itself
            raise
        except (RayError, ValueError) as error:  # ValueError: no actor of that name now
            self._handle = None
            raise ConnectionError(
                f"the coordinator does not answer: {str(error).splitlines()[-1:]}"
            ) from error


class AgentServer:
    """One agent in its own process."""

    def __init__(self, builder: Builder, coordinator: str, namespace: str, parent: int | None = None) -> None:
        """builder: makes the agent here. coordinator, namespace: of its actor. parent: pid of the process on
        this machine to end with; None where the agent outlives whoever started it.
        """
        take_usual_priority()
        if parent is not None:
            end_with(parent)
        self._loop = builder(RemoteCoordinator(coordinator, namespace))
        self._loop.start()

    def snapshot(self) -> Snapshot:
        """What it does now."""
        return self._loop.snapshot()

    def pid(self) -> int:
        """Number of its process."""
        return os.getpid()

    def end(self, now: bool, timeout: float) -> bool:
        """Finish the run, or end it ``now``; whether the agent has left after ``timeout`` seconds."""
        if now:
            self._loop.stop("stopped")
        else:
            self._loop.drain("drained")
        return self._loop.join(timeout)


def remote_class(**options: Any) -> Any:
    """The actor class: restarted however often it dies. More than one call at once, so that a snapshot is
    answered while ``end`` waits.
    """
    return ray.remote(AgentServer).options(max_restarts=-1, max_concurrency=4, **options)
