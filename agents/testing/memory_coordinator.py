"""A coordinator in memory, to run agents without a swarm: it queues what is proposed, leases it, and keeps
what is reported.

It gives no verdicts and forgets everything at its end. What a network and a restart can do to an agent can be
done to it on purpose: ``down``, ``lose_answers``, ``restart``, ``revoke``.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, TypeVar

from agents.testing.lease_queue import Grant, LeaseQueue
from coordinator.arm_notes import ArmNote
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
    """Meets ``coordinator.agent_calls.Coordinator``."""

    down: bool
    """Whether nobody can reach it."""
    lose_answers: Counter[str]
    """Calls, by name, that are done and then answered with ConnectionError, and how often."""
    stopping: bool
    """Whether heartbeats ask for the run's end."""
    refuse: Callable[[Proposal], Refused | None]
    """Why a proposal costs no training, or None."""
    allow: Callable[[CallRequest], Wait | None]
    """Why a call of a model may not begin, or None."""
    calls: Counter[str]
    """How often each call was made, by name."""
    progress: dict[str, Progress]
    """The latest of each agent."""
    log: list[str]
    """``call run-or-agent``, in order, without heartbeats and without questions answered by Wait."""
    results: dict[str, RunResult]
    """Those that counted, by run."""
    notes: list[ArmNote]
    """What agents said of arms that gave nothing."""
    gaps: list[float]
    """Seconds that slots stood idle before the runs that counted."""

    def __init__(
        self,
        experiments: int = 0,
        *,
        source: str = "LR = 0.1\n",
        ahead: int = 1,
        heartbeat: float = 0.02,
        terms: Mapping[str, Any] | None = None,
    ) -> None:
        """experiments: proposals it takes before it ends the campaign. source: the parent of all of them.
        ahead: most proposals it keeps queued. heartbeat: seconds between heartbeats. terms: of every lease
        besides the run: audit, baseline, blocks.
        """
        self.down = self.stopping = False
        self.lose_answers, self.calls = Counter(), Counter()
        self.refuse = lambda _: None
        self.allow = lambda _: None
        self.permitted: list[CallRequest] = []
        self.settled: dict[str, CallRecord] = {}
        self.transcripts: dict[str, bytes] = {}
        self.progress, self.log = {}, []
        self.accepted: dict[str, Proposal] = {}
        self.results, self.gaps = {}, []
        self.late: list[RunResult] = []
        self._experiments = experiments
        self._source = source
        self._ahead = ahead
        self._heartbeat = heartbeat
        self._terms = dict(terms or {})
        self.notes = []
        self._noted: set[tuple[str, int]] = set()
        self._lock = Lock()
        self._epoch = 1
        self._incarnations: dict[str, str] = {}  # of agents that have joined
        self._turned_away: list[Tried] = []  # since the last proposal that was accepted
        self._leases = LeaseQueue()

    def restart(self) -> None:
        """Forget who was there, as a new process does; leases stay."""
        with self._lock:
            self._epoch += 1
            self._incarnations.clear()

    def revoke(self, agent: str) -> None:
        """Lose an agent's lease: its run is queued again."""
        with self._lock:
            self._leases.lose(agent)

    def join(self, card: AgentCard) -> Welcome:
        """Begin, or begin again."""

        def begin() -> Welcome:
            if self._incarnations.get(card.agent, card.incarnation) != card.incarnation:
                self._leases.lose(card.agent)
            self._incarnations[card.agent] = card.incarnation
            self.log.append(f"join {card.agent}")
            return Welcome(
                campaign="memory", epoch=self._epoch, metric=_METRIC, heartbeat=self._heartbeat, ttl=60.0
            )

        return self._call("join", begin)

    def leave(self, agent: str, reason: str) -> None:
        """Forget the agent; a lease it holds is lost."""

        def forget() -> None:
            self._incarnations.pop(agent, None)
            self._leases.lose(agent)
            self.log.append(f"leave {reason}")

        self._call("leave", forget)

    def brief(self, agent: str) -> Brief | Wait:
        """A brief while fewer than ``ahead`` proposals are queued."""

        def think() -> Brief | Wait:
            ordinal = len(self.accepted) + 1
            if ordinal > self._experiments:
                return Wait("enough experiments", stop=True)
            if len(self._leases) >= self._ahead:
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
        """Queue it, once, unless ``refuse`` says why not."""

        def take() -> Accepted | Refused:
            if proposal.proposal not in self.accepted:
                refused = self.refuse(proposal)
                if refused is not None:
                    self._turned_away.append(_as_tried(proposal, refused))
                    return refused
                self._turned_away.clear()
                self.accepted[proposal.proposal] = proposal
                self._leases.add(proposal.proposal)
            self.log.append(f"propose {proposal.proposal}")
            return Accepted(proposal.proposal)

        return self._call("propose", take, agent)

    def note_arms(self, agent: str, number: int, notes: Sequence[ArmNote]) -> None:
        """Keep them, once."""

        def keep() -> None:
            if (agent, number) not in self._noted:
                self._noted.add((agent, number))
                self.notes.extend(notes)

        self._call("note_arms", keep, agent)

    def lease(self, agent: str) -> Lease | Wait:
        """The lease it holds, or the oldest run that is queued."""

        def grant() -> Lease | Wait:
            granted = self._leases.grant(agent, self._epoch)
            if granted is None:
                ended = len(self.accepted) >= self._experiments and not self._leases.leased
                return Wait("nothing is queued", stop=ended)
            self.log.append(f"lease {granted.run}")
            return self._lease(granted)

        return self._call("lease", grant, agent)

    def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """Whether the lease holds."""

        def renew() -> HeartbeatReply:
            self.progress[agent] = progress
            return HeartbeatReply(valid=self._leases.holds(agent, token), stop=self.stopping)

        return self._call("heartbeat", renew, agent)

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None = None) -> Ack:
        """Keep a result, also of an agent that has not joined; late ones apart."""

        def keep() -> Ack:
            self.log.append(f"report {result.run}")
            counted = self._leases.holds(agent, token)
            if counted:
                self._leases.finish(agent)
                self.results[result.run] = result
                self.gaps.extend([] if gap is None else [gap])
            elif self.results.get(result.run) != result:
                self.late.append(result)
            return Ack(counted, "" if counted else "late, or reported before")

        return self._call("report", keep)

    def release(self, agent: str, token: Token, reason: str) -> None:
        """Queue its run again."""

        def take_back() -> None:
            self.log.append(f"release {reason}")
            if self._leases.holds(agent, token):
                self._leases.lose(agent)

        self._call("release", take_back)

    def permit(self, agent: str, request: CallRequest) -> Permit | Wait:
        """Whatever ``allow`` says; permitted is permitted."""

        def decide() -> Permit | Wait:
            if request not in self.permitted:
                if (wait := self.allow(request)) is not None:
                    return wait
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
        """agent: who must have joined; None where a call is taken from anybody."""
        with self._lock:
            self.calls[name] += 1
            if self.down or (agent is not None and agent not in self._incarnations):
                raise ConnectionError("the coordinator is down" if self.down else "unknown agent")
            answer = act()
            if self.lose_answers[name] > 0:
                self.lose_answers[name] -= 1
                raise ConnectionError("the answer was lost")
            return answer

    def _lease(self, granted: Grant) -> Lease:
        proposal = self.accepted[granted.run]
        return Lease(
            token=granted.token,
            run=granted.run,
            experiment=granted.run,
            purpose=Purpose.SCREEN,
            title=proposal.title,
            source=proposal.source,
            seed=1 + list(self.accepted).index(granted.run),
            budget=Budget(Unit.FLOPS, 1.0, 60.0),
            ttl=60.0,
            **self._terms,
        )


_METRIC = Metric("val_bpb", Direction.MINIMIZE)


def _as_tried(proposal: Proposal, answer: Refused) -> Tried:
    return Tried(
        experiment=answer.repeats or proposal.proposal,
        title=proposal.title,
        state=State.REJECTED,
        arm=proposal.arm,
        settings=proposal.settings,
        reason=f"refused: {answer.reason}",
    )
