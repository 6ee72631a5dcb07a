"""The coordinator in one process: what agents, people and time may ask of a campaign.

- One call at a time (a lock), each one journal transaction: decide → apply → journal → act, then answer.
- A call that fails leaves nothing behind: the state is made anew from the journal.
- Heartbeats, briefs in hand and open calls are known for the moment only: nothing about them is journaled,
  and after a restart every lease has its full life again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

from coordinator.arm_notes import ArmNote
from coordinator.domain import Phase
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
from coordinator.rule_values.rule_set import Rules
from coordinator.rules import budget_cap, campaign
from coordinator.rules.lookups import division_of
from coordinator.rules.next_step import next_lease
from coordinator.rules.proposing import briefs, idle_arms, recall
from coordinator.rules.slots import leases
from coordinator.service.answers import Answers
from coordinator.service.call_permits import CallPermits
from coordinator.service.charters import Charters
from coordinator.service.idle_briefs import IdleBriefs
from coordinator.service.intake import Intake
from coordinator.service.opening import gate_of, opened
from coordinator.service.presence import DEFAULT_LEASE_TIMES, LeaseTimes, Presence
from coordinator.service.transactions import Transactions
from coordinator.service.upkeep import Upkeep
from coordinator.state.campaign_state import CampaignState
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import Listener, TaskCard
from coordinator.views.false_merges import FalseMergesMemory
from coordinator.views.leaderboard import doubts_of, row
from coordinator.views.overview import Overview, tried
from coordinator.views.status import status
from coordinator.views.status_page import StatusPage
from evaluator.result import Progress, RunResult


class Service:
    """A campaign, open for work. Meets ``coordinator.agent_calls.Coordinator``."""

    def __init__(
        self,
        layout: Layout,
        task: TaskCard,
        rules: Rules,
        times: LeaseTimes = DEFAULT_LEASE_TIMES,
        clock: Callable[[], float] = time.time,
        listeners: Iterable[Listener] = (),
        charters: Charters | None = None,
        secret: str | None = None,
        await_look: Callable[[], None] = lambda: None,
    ) -> None:
        """Open or make the campaign. clock: seconds since the epoch. secret: what a new one's draws rest on;
        None for one that nobody knows. await_look: waits a while for whoever watches. Raises ConfigError
        where the campaign cannot be used, CampaignBusyError when another coordinator has it.
        """
        intake = Intake(gate_of(task))
        self._unit, self._lock = opened(layout, task, rules, clock, listeners, secret)
        self._tried_before = tried(self.state)
        self._clock = clock
        self._await_look = await_look
        self._transactions = Transactions(self._unit, clock)
        self._presence = Presence(clock, times.ttl)
        self._presence.expect(name for name, agent in self.state.agents.items() if agent.run)
        self._permits = CallPermits(layout.calls, clock)
        self._intake = intake
        self._idle = IdleBriefs()
        self._answers = Answers(self._unit, times, charters or Charters({}))
        self._false_merges = FalseMergesMemory()
        self._upkeep = Upkeep(layout, self._transactions, self._presence, self._permits, intake)
        self.metrics = ""
        """Address at which somebody serves its metrics."""
        self.transaction = self._transactions.transaction
        """One call: what it commits is settled and journaled together, or not at all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> CampaignState:
        """The live state, to read."""
        return self._unit.state

    @property
    def changes(self) -> int:
        """Writes that changed something, so far."""
        return self._transactions.changes

    def close(self) -> None:
        """Let go of the campaign. Nothing is lost: everything acknowledged is on the disk, and open calls
        count at their estimates.
        """
        with self._transactions.lock:
            try:
                self._upkeep.give_up(list(self._permits.open))
            finally:
                self._unit.close()
                self._lock.release()

    def be_seen(self) -> None:
        """Stay until whoever watches the metrics has seen that the campaign is finished, some seconds at
        most. To be called with no lock held.
        """
        if self.state.phase is Phase.FINISHED:
            self._await_look()

    def together(self, calls: Sequence[Callable[["Service"], Any]]) -> list[Any]:
        """Make several calls with one write to the disk, see ``Transactions.together``."""
        return self._transactions.together([partial(call, self) for call in calls])

    # ------------------------------------------------------------------ what agents ask

    def join(self, card: AgentCard) -> Welcome:
        """See ``Coordinator.join``."""
        with self.transaction() as unit:
            self._presence.heard(card.agent)
            self._presence.drop_brief(card.agent)
            agent = self.state.agents.get(card.agent)
            if agent is not None and agent.card.incarnation != card.incarnation:
                self._upkeep.give_up(self._permits.open.of_agent(card.agent))  # its earlier life settles none
            unit.commit(campaign.join(unit.state, card))
        return self._answers.welcome()

    def leave(self, agent: str, reason: str) -> None:
        """See ``Coordinator.leave``."""
        with self.transaction() as unit:
            self._presence.forget(agent)
            self._upkeep.give_up(self._permits.open.of_agent(agent))
            unit.commit(leases.leave(unit.state, agent, reason))

    def brief(self, agent: str) -> Brief | Wait:
        """See ``Coordinator.brief``."""
        with self._transactions.lock:
            division = self._division_of(agent)
            peers = {name for name, peer in self.state.agents.items() if peer.card.division == division}
            thinking = self._presence.thinking(agent, peers)
            brief = briefs.brief(self.state, agent, thinking, self._clock(), self._presence.offered)
            if isinstance(brief, Wait):
                self._presence.brief_done(agent)
                return brief
            self._presence.brief_given(agent)
            if brief.repair is not None:
                self._presence.repair_offered(brief.repair.experiment, agent)
            return self._answers.brief(brief)

    def propose(self, agent: str, proposal: Proposal) -> Accepted | Refused:
        """See ``Coordinator.propose``."""
        with self.transaction() as unit:
            self._division_of(agent)
            answer = self._intake.receive(unit, agent, proposal)
            if isinstance(answer, Accepted):
                self._idle.gave(proposal.arm)
            if not recall.still_thinks(unit.state, proposal.arm, answer):
                self._presence.brief_done(agent)
            return answer

    def note_arms(self, agent: str, number: int, notes: Sequence[ArmNote]) -> None:
        """See ``Coordinator.note_arms``."""
        with self.transaction() as unit:
            self._division_of(agent)
            self._presence.brief_done(agent)
            for one in notes if self._idle.is_new(agent, number) else ():
                briefs_so_far = self._idle.gave_nothing(one.arm)
                unit.commit(idle_arms.note(unit.state, agent, one, briefs_so_far))

    def lease(self, agent: str) -> Lease | Wait:
        """See ``Coordinator.lease``."""
        with self.transaction() as unit:
            self._division_of(agent)
            while (step := next_lease(unit.state, agent, self._permits.open.usd)) is not None:
                unit.perform(step)
                self._transactions.settle()
        with self._transactions.lock:
            return self._answers.lease(agent)

    def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """See ``Coordinator.heartbeat``."""
        with self._transactions.lock:
            self._division_of(agent)
            self._presence.progress[agent] = progress
            valid = leases.holds(self.state, agent, token) is not None
            return HeartbeatReply(valid=valid, stop=self._presence.stopping)

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None = None) -> Ack:
        """See ``Coordinator.report``."""
        with self.transaction() as unit:
            self._presence.heard(agent)
            self._presence.progress.pop(agent, None)
            counted = leases.in_time(unit.state, agent, token, result)
            unit.commit(leases.report(unit.state, agent, token, result, gap))
        return Ack(counted, "" if counted else "its lease is over, or it was reported before; kept as data")

    def release(self, agent: str, token: Token, reason: str) -> None:
        """See ``Coordinator.release``."""
        with self.transaction() as unit:
            unit.commit(leases.release(unit.state, agent, token, reason))

    def permit(self, agent: str, request: CallRequest) -> Permit | Wait:
        """See ``Coordinator.permit``. Only the end of the money is written down."""
        with self._transactions.lock:
            self._division_of(agent)
            answer = self._permits.permit(self.state, agent, request)
            if isinstance(answer, Wait) and answer.stop and self.state.phase is Phase.RUNNING:
                with self.transaction() as unit:
                    unit.commit(budget_cap.cap(unit.state, answer.reason))
            return answer

    def settle(self, agent: str, record: CallRecord, transcript: bytes | None = None) -> None:
        """See ``Coordinator.settle``. Taken from an agent that is not known any more, too: the money is
        spent.
        """
        with self.transaction() as unit:
            unit.commit(self._permits.settle(unit.state, agent, record, transcript))

    def _division_of(self, agent: str) -> str:
        """Division of a present agent, who was heard of now. Raises UnknownAgentError."""
        division = division_of(self.state, agent).name
        self._presence.heard(agent)
        return division

    # ------------------------------------------------------------------ what people and time ask

    def tick(self) -> None:
        """See ``Upkeep.tick``. To be called every second or so."""
        self._upkeep.tick()

    def drain(self, reason: str, now: bool = False) -> None:
        """Take no new work; with ``now`` also end the open runs and queue them again."""
        self._upkeep.drain(reason, now)

    def lose(self, agents: Iterable[str], why: str) -> None:
        """Take note that these agents are gone with their machine; their runs are queued again."""
        self._upkeep.lose(agents, why)

    def overview(self, seen_rows: int = 0) -> Overview:
        """The status page, and rows of experiments finished since ``seen_rows`` of them."""
        with self._transactions.lock:
            finished = self.state.finished[seen_rows:]
            doubts = doubts_of(self.state, self._false_merges)
            steps = [one.experiment for place in self.state.divisions.values() for one in place.trunk]
            return Overview(
                page=self.status(),
                rows=[row(self.state.experiments[name], doubts) for name in finished],
                trunk=[row(self.state.experiments[name], doubts) for name in steps],
                tried=tried(self.state) - self._tried_before,
                trouble=self._unit.trouble,
            )

    def status(self) -> StatusPage:
        """The status page."""
        with self._transactions.lock:
            return status(
                self.state,
                self._clock(),
                alive=True,
                progress=self._presence.progress,
                missing=self._presence.missing(),
                calls_usd=self._permits.open.usd,
                metrics=self.metrics,
                false_merges=self._false_merges,
            )
