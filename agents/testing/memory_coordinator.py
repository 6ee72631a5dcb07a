"""A coordinator in memory, to run agents without a swarm: it queues what is proposed, leases it, and keeps
what is reported.

It decides nothing and forgets everything at its end. What a network and a restart can do to an agent can be
done to it on purpose: ``down``, ``lose_answers``, ``restart``, ``revoke``.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar

from coordinator.domain import Direction, Metric, Purpose, State
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
    Tried,
    Wait,
    Welcome,
)
from evaluator.budget import Budget, Unit
from evaluator.result import Progress, RunResult

Answer = TypeVar("Answer")


class MemoryCoordinator:
    """Meets ``Coordinator``. experiments: proposals it takes before it ends the campaign. ahead: most
    proposals it keeps queued.

    terms: of every lease besides the run: audit, warmup_allowance, pace.
    """

    def __init__(
        self,
        experiments: int = 0,
        *,
        source: str = "LR = 0.1\n",
        ahead: int = 1,
        heartbeat: float = 0.02,
        terms: Mapping[str, Any] | None = None,
    ) -> None:
        self._terms = dict(terms or {})
        self.down = False
        self.lose_answers: Counter[str] = Counter()
        """Calls, by name, that are done and then answered with ConnectionError, and how often."""
        self.stopping = False
        """Whether heartbeats ask for the run's end."""
        self.refuse: Callable[[Proposal], Refused | None] = lambda _: None
        self.allow: Callable[[CallRequest], Wait | None] = lambda _: None
        """Why a call of a model may not begin, or None."""
        self.permitted: list[CallRequest] = []
        self.settled: dict[str, CallRecord] = {}
        self.transcripts: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.progress: dict[str, Progress] = {}
        """The latest of each agent."""
        self.log: list[str] = []
        """``call run-or-agent``, in order, without heartbeats and without questions answered by Wait."""
        self.accepted: dict[str, Proposal] = {}
        self.results: dict[str, RunResult] = {}
        self.late: list[RunResult] = []
        self.gaps: list[float] = []
        self._experiments = experiments
        self._source = source
        self._ahead = ahead
        self._heartbeat = heartbeat
        self._lock = Lock()
        self._epoch = 1
        self._counter = 0
        self._turned_away: list[Tried] = []
        self._known: dict[str, str] = {}
        self._queue: deque[str] = deque()
        self._leases: dict[str, Lease] = {}

    def restart(self) -> None:
        """Forget who was there, as a new process does; leases stay."""
        with self._lock:
            self._epoch += 1
            self._known.clear()

    def revoke(self, agent: str) -> None:
        """Lose an agent's lease: its run is queued again."""
        with self._lock:
            self._lose(agent)

    def join(self, card: AgentCard) -> Welcome:
        """Begin, or begin again."""

        def begin() -> Welcome:
            if self._known.get(card.agent, card.incarnation) != card.incarnation:
                self._lose(card.agent)
            self._known[card.agent] = card.incarnation
            self.log.append(f"join {card.agent}")
            return Welcome(
                campaign="memory", epoch=self._epoch, metric=_METRIC, heartbeat=self._heartbeat, ttl=60.0
            )

        return self._call("join", begin)

    def leave(self, agent: str, reason: str) -> None:
        """Go."""
        self._call("leave", lambda: self.log.append(f"leave {reason}"), agent)

    def brief(self, agent: str) -> Brief | Wait:
        """A brief while fewer than ``ahead`` proposals are queued."""

        def think() -> Brief | Wait:
            ordinal = len(self.accepted) + 1
            if ordinal > self._experiments:
                return Wait("enough experiments", stop=True)
            if len(self._queue) >= self._ahead:
                return Wait("enough is queued")
            return Brief(
                ordinal=ordinal,
                seed=ordinal,
                arm="arm",
                division="cpu",
                metric=_METRIC,
                parent="parent",
                source=self._source,
                tried=list(self._turned_away),
            )

        return self._call("brief", think, agent)

    def propose(self, agent: str, proposal: Proposal) -> Accepted | Refused:
        """Queue it, once."""

        def take() -> Accepted | Refused:
            refused = self.refuse(proposal)
            if refused is not None:
                self._turned_away.append(_as_tried(proposal, refused))
                return refused
            self._turned_away.clear()
            if proposal.proposal not in self.accepted:
                self.accepted[proposal.proposal] = proposal
                self._queue.append(proposal.proposal)
            self.log.append(f"propose {proposal.proposal}")
            return Accepted(proposal.proposal)

        return self._call("propose", take, agent)

    def lease(self, agent: str) -> Lease | Wait:
        """The lease it holds, or the oldest run that is queued."""

        def grant() -> Lease | Wait:
            if agent not in self._leases:
                if not self._queue:
                    ended = len(self.accepted) >= self._experiments and not self._leases
                    return Wait("nothing is queued", stop=ended)
                self._leases[agent] = self._new_lease(self._queue.popleft())
            self.log.append(f"lease {self._leases[agent].run}")
            return self._leases[agent]

        return self._call("lease", grant, agent)

    def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """Whether the lease holds."""

        def renew() -> HeartbeatReply:
            self.progress[agent] = progress
            return HeartbeatReply(valid=self._holds(agent, token), stop=self.stopping)

        return self._call("heartbeat", renew, agent)

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None = None) -> Ack:
        """Keep a result; late or repeated ones apart."""

        def keep() -> Ack:
            self.log.append(f"report {result.run}")
            counted = self._holds(agent, token)
            if counted:
                del self._leases[agent]
                self.results[result.run] = result
                self.gaps.extend([] if gap is None else [gap])
            elif self.results.get(result.run) != result:
                self.late.append(result)
            return Ack(counted, "" if counted else "late or known")

        return self._call("report", keep, agent)

    def release(self, agent: str, token: Token, reason: str) -> None:
        """Queue its run again."""

        def take_back() -> None:
            self.log.append(f"release {reason}")
            if self._holds(agent, token):
                self._lose(agent)

        self._call("release", take_back, agent)

    def permit(self, agent: str, request: CallRequest) -> Permit | Wait:
        """Whatever ``allow`` says."""

        def decide() -> Permit | Wait:
            if (wait := self.allow(request)) is not None:
                return wait
            if request not in self.permitted:
                self.permitted.append(request)
            return Permit(request.call)

        return self._call("permit", decide, agent)

    def settle(self, agent: str, record: CallRecord, transcript: bytes | None) -> None:  # noqa: ARG002 - of whomever
        """Keep it, once."""

        def keep() -> None:
            if record.call not in self.settled and transcript is not None:
                self.transcripts[record.call] = transcript
            self.settled.setdefault(record.call, record)

        self._call("settle", keep)

    def _call(self, name: str, act: Callable[[], Answer], agent: str | None = None) -> Answer:
        with self._lock:
            self.calls[name] += 1
            if self.down or (agent is not None and agent not in self._known):
                raise ConnectionError("the coordinator is down" if self.down else "unknown agent")
            answer = act()
            if self.lose_answers[name] > 0:
                self.lose_answers[name] -= 1
                raise ConnectionError("the answer was lost")
            return answer

    def _holds(self, agent: str, token: Token) -> bool:
        return agent in self._leases and self._leases[agent].token == token

    def _lose(self, agent: str) -> None:
        lease = self._leases.pop(agent, None)
        if lease is not None:
            self._queue.appendleft(lease.run)

    def _new_lease(self, run: str) -> Lease:
        self._counter += 1
        return Lease(
            token=Token(self._epoch, self._counter),
            run=run,
            experiment=run,
            purpose=Purpose.SCREEN,
            title=self.accepted[run].title,
            source=self.accepted[run].source,
            seed=self._counter,
            budget=Budget(Unit.FLOPS, 1.0, 60.0),
            ttl=60.0,
            **self._terms,
        )


_METRIC = Metric("val_bpb", Direction.MINIMIZE)


def _as_tried(proposal: Proposal, answer: Refused) -> Tried:
    return Tried(
        experiment=answer.known or proposal.proposal,
        title=proposal.title,
        state=State.REJECTED,
        arm=proposal.arm,
        settings=proposal.settings,
        reason=f"refused: {answer.reason}",
    )
