"""The coordinator in one process: what agents, people and time may ask of a campaign.

- One call at a time (a lock), each one journal transaction: decide → apply → journal → act, then answer.
  Calls made ``together`` share the transaction, and none of them is answered before it is on the disk.
- A call that fails leaves nothing behind: the state is made anew from the journal.
- Heartbeats, briefs in hand and open calls are soft: nothing about them is journaled, and after a restart
  every lease has its full life again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import msgspec

from configs.load import ConfigError
from coordinator.domain import Phase
from coordinator.protocol import (
    Accepted,
    Ack,
    AgentCard,
    Brief,
    CallRecord,
    CallRequest,
    HeartbeatReply,
    Lease,
    Permit,
    Proposal,
    Refused,
    Token,
    Wait,
    Welcome,
)
from coordinator.rules import briefs, budget_cap, campaign, leases, recall
from coordinator.rules.base import division_of
from coordinator.rules.campaign import RulesMismatchError
from coordinator.rules.next_step import next_step
from coordinator.service.call_permits import CallPermits
from coordinator.service.charters import Charters
from coordinator.service.intake import Intake
from coordinator.service.presence import Presence
from coordinator.state.campaign_rules import Rules
from coordinator.state.campaign_state import CampaignState
from coordinator.state.open_calls import OpenCall
from coordinator.store.inbox import Inbox, InboxItem
from coordinator.store.journal import CampaignLock
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import Listener, TaskCard, UnitOfWork
from coordinator.variants.gate import Gate
from coordinator.views.status import Json, row, status
from evaluator.result import Progress, RunResult

log = logging.getLogger(__name__)


class LeaseTimes(msgspec.Struct, frozen=True):
    """Seconds between an agent's heartbeats, and that a lease lives without one."""

    heartbeat: float = 5.0
    ttl: float = 60.0


DEFAULT_LEASE_TIMES = LeaseTimes()


class _SpoiltError(Exception):
    """A call failed after it had changed the state."""


class Service:
    """A campaign, open for work. Meets ``coordinator.protocol.Coordinator``."""

    def __init__(
        self,
        layout: Layout,
        task: TaskCard,
        rules: Rules,
        pace: LeaseTimes = DEFAULT_LEASE_TIMES,
        clock: Callable[[], float] = time.time,
        listeners: Iterable[Listener] = (),
        charters: Charters | None = None,
    ) -> None:
        """Open or make the campaign. Raises ConfigError where it cannot be used, CampaignBusyError when
        another coordinator has it.
        """
        self._mutex = threading.RLock()
        self._clock = clock
        self._pace = pace
        self._presence = Presence(clock, pace.ttl)
        self._grouped = self._spoilt = False
        self.changes = 0
        self._layout = layout
        self._permits = CallPermits(layout.calls, clock)
        self._charters = charters or Charters({})
        self._inbox = Inbox(layout.inbox)
        gate = Gate(task.frozen, task.imports)
        self._intake = Intake(gate)
        _require_kept(gate, task)
        _make(layout)
        self._lock = CampaignLock(layout.folder)
        layout.stop_request.unlink(missing_ok=True)  # meant for a coordinator before this one
        try:
            self._unit = UnitOfWork(layout, task, clock, listeners)
            self._begin(layout, task, rules)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> CampaignState:
        """The live state, to read."""
        return self._unit.state

    def _begin(self, layout: Layout, task: TaskCard, rules: Rules) -> None:
        if self.state.started is None:
            self._unit.start(rules)
        start = self.state.start
        remedy = "Start another one with campaign.name=NAME."
        if (start.task, start.surface) != (task.name, task.surface):
            raise ConfigError(f"campaign {layout.name} searches task {start.task}, not {task.name}", remedy)
        try:
            self._unit.commit(campaign.begin(self.state, rules, self._clock()))
        except RulesMismatchError as error:
            raise ConfigError(f"campaign {layout.name}: {error}", remedy) from None
        self._unit.flush()
        self._unit.align()
        self._presence.expect(name for name, agent in self.state.agents.items() if agent.run)

    def close(self) -> None:
        """Let go of the campaign. Nothing is lost: everything acknowledged is on the disk, and open calls
        count at their estimates.
        """
        with self._mutex:
            try:
                self._give_up(list(self._permits.open))
            finally:
                self._unit.close()
                self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[UnitOfWork]:
        """One call: what it commits is settled and journaled together, or not at all."""
        with self._mutex:
            touched = self._unit.touched
            try:
                yield self._unit
                self._settle()
                if not self._grouped:
                    self.changes += self._unit.flush()
            except BaseException:
                if not self._grouped:
                    self._unit.discard()
                self._spoilt = self._unit.touched != touched
                raise

    def together(self, calls: Sequence[Callable[["Service"], Any]]) -> list[Any]:
        """Make several calls with one write to the disk: their answers, or in the place of an answer the
        exception that the call raised.

        A call that fails before it changed anything leaves the others as they are. Where one fails later, or
        the write fails, all of it is undone and each call is made by itself: none suffers from another's
        failure.
        """
        with self._mutex:
            answers = self._in_one_write(calls) if len(calls) > 1 else None
            return [self._attempt(call) for call in calls] if answers is None else answers

    def _in_one_write(self, calls: Sequence[Callable[["Service"], Any]]) -> list[Any] | None:
        answers: list[Any] = []
        self._grouped, self._spoilt = True, False
        try:
            for call in calls:
                answers.append(self._attempt(call))
                if self._spoilt:
                    raise _SpoiltError
            self.changes += self._unit.flush()
        except (_SpoiltError, ConfigError):
            self._unit.discard()
            return None
        finally:
            self._grouped = False
        return answers

    def _attempt(self, call: Callable[["Service"], Any]) -> Any:
        try:
            return call(self)
        except Exception as error:  # noqa: BLE001 - it belongs to the one who made this call, and only to them
            return error

    def _settle(self) -> None:
        """Do everything that is due now."""
        while (step := next_step(self.state, self._clock())) is not None:
            self._unit.perform(step)

    # ------------------------------------------------------------------ what agents ask

    def join(self, card: AgentCard) -> Welcome:
        """See ``Coordinator.join``."""
        with self._transaction() as unit:
            self._presence.heard(card.agent)
            self._presence.forget_thought(card.agent)
            agent = self.state.agents.get(card.agent)
            if (
                agent is not None and agent.card.incarnation != card.incarnation
            ):  # its earlier life can settle nothing any more
                self._give_up(self._permits.open.of_agent(card.agent))
            unit.commit(campaign.join(unit.state, card))
        start = self.state.start
        return Welcome(
            campaign=start.campaign,
            epoch=self.state.epoch,
            metric=start.rules.metric,
            heartbeat=self._pace.heartbeat,
            ttl=self._pace.ttl,
        )

    def leave(self, agent: str, reason: str) -> None:
        """See ``Coordinator.leave``."""
        with self._transaction() as unit:
            self._presence.forget(agent)
            self._give_up(self._permits.open.of_agent(agent))
            unit.commit(leases.leave(unit.state, agent, reason))

    def brief(self, agent: str) -> Brief | Wait:
        """See ``Coordinator.brief``."""
        with self._mutex:
            division = self._division_of(agent)
            peers = {name for name, peer in self.state.agents.items() if peer.card.division == division}
            thinking = self._presence.thinking(agent, peers)
            brief = briefs.brief(self.state, agent, thinking, self._clock(), self._presence.offered)
            if isinstance(brief, Wait):
                self._presence.forget_brief(agent)
                return brief
            self._presence.thinks(agent)
            return self._complete(agent, brief)

    def _complete(self, agent: str, brief: Brief) -> Brief:
        """The brief with what is no business of rules: programs, and the charter as it is now."""
        source, repair = self._unit.source, brief.repair
        if repair is not None:
            self._presence.offers(repair.experiment, agent)
            repair = msgspec.structs.replace(
                repair, source=source(self.state.experiments[repair.experiment].commit)
            )
        pieces = [
            msgspec.structs.replace(piece, before=source(piece.parent), after=source(piece.commit))
            for piece in brief.pieces
        ]
        texts = {"source": source(brief.parent), "program": self._charters.text(brief.arm)}
        return msgspec.structs.replace(brief, **texts, pieces=pieces, repair=repair)

    def propose(self, agent: str, proposal: Proposal) -> Accepted | Refused:
        """See ``Coordinator.propose``."""
        with self._transaction() as unit:
            self._division_of(agent)
            answer = self._intake.receive(unit, agent, proposal)
            if not recall.still_thinks(unit.state, proposal.arm, answer):
                self._presence.forget_brief(agent)
            return answer

    def lease(self, agent: str) -> Lease | Wait:
        """See ``Coordinator.lease``."""
        with self._transaction() as unit:
            self._division_of(agent)
            while events := leases.lease(unit.state, agent, self._permits.open.usd):
                unit.commit(events)
                self._settle()
        with self._mutex:
            name = self.state.agents[agent].run
            return self._lease(name) if name else self._wait()

    def _wait(self) -> Wait:
        if self.state.phase is Phase.RUNNING:
            return Wait("no run is queued")
        return Wait(self.state.phase_reason, stop=self.state.phase is Phase.FINISHED)

    def _lease(self, name: str) -> Lease:
        run = self.state.runs[name]
        experiment = self.state.experiments[run.experiment]
        assert run.token is not None  # noqa: S101 - a lease has one
        return Lease(
            token=run.token,
            run=run.run,
            experiment=run.experiment,
            purpose=run.purpose,
            title=experiment.title,
            source=self._unit.source(experiment.commit),
            seed=run.seed,
            budget=self.state.rules.budget,
            ttl=self._pace.ttl,
            audit=leases.audit_plan(self.state, run),
            warmup_allowance=leases.baseline_detail(self.state, run, "warmup_seconds"),
            pace=leases.baseline_detail(self.state, run, "pace"),
        )

    def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """See ``Coordinator.heartbeat``."""
        with self._mutex:
            self._division_of(agent)
            self._presence.progress[agent] = progress
            return HeartbeatReply(
                valid=leases.holds(self.state, agent, token) is not None, stop=self._presence.stopping
            )

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None = None) -> Ack:
        """See ``Coordinator.report``."""
        with self._transaction() as unit:
            self._presence.heard(agent)
            self._presence.progress.pop(agent, None)
            events = leases.report(unit.state, agent, token, result, gap)
            counted = leases.in_time(unit.state, agent, token, result)
            unit.commit(events)
        return Ack(counted, "" if counted else "its lease is over, or it was reported before; kept as data")

    def release(self, agent: str, token: Token, reason: str) -> None:
        """See ``Coordinator.release``."""
        with self._transaction() as unit:
            unit.commit(leases.release(unit.state, agent, token, reason))

    def permit(self, agent: str, request: CallRequest) -> Permit | Wait:
        """See ``Coordinator.permit``. Only the end of the money is written down."""
        with self._mutex:
            self._division_of(agent)
            answer = self._permits.permit(self.state, agent, request)
            if isinstance(answer, Wait) and answer.stop and self.state.phase is Phase.RUNNING:
                with self._transaction() as unit:
                    unit.commit(budget_cap.cap(unit.state, answer.reason))
            return answer

    def settle(self, agent: str, record: CallRecord, transcript: bytes | None = None) -> None:
        """See ``Coordinator.settle``. Taken from an agent that is not known any more, too: the money is
        spent.
        """
        with self._transaction() as unit:
            unit.commit(self._permits.settle(unit.state, agent, record, transcript))

    def _give_up(self, calls: Sequence[OpenCall]) -> None:
        if calls:
            with self._transaction() as unit:
                unit.commit(self._permits.give_up(unit.state, calls))

    def _division_of(self, agent: str) -> str:
        """Division of a present agent, who was heard of now. Raises UnknownAgentError."""
        division = division_of(self.state, agent).name
        self._presence.heard(agent)
        return division

    # ------------------------------------------------------------------ what people and time ask

    def tick(self) -> None:
        """Take back leases nobody renewed, take in what people left, see to limits and to a request to stop.
        To be called every second or so.
        """
        with self._transaction() as unit:
            if (asked := self._stop_asked()) is not None:
                self._presence.stopping = asked == "now"
                unit.commit(campaign.drain(unit.state, "stopped by `autoswarm stop`"))
            for agent in self._presence.silent():
                self._presence.forget(agent)
                why = f"not heard of for {self._pace.ttl:g} s"
                unit.commit(leases.leave(unit.state, agent, why, charged=True))
            self._give_up(self._permits.expired())
        for item in self._inbox.items():
            self._take_in(item)

    def _take_in(self, item: InboxItem) -> None:
        """A letter by itself: one that makes us fail must harm nothing else, and not come again every
        second.
        """
        try:
            with self._transaction() as unit:
                dealt_with = self._intake.take_in(unit, item)
        except ConfigError:  # a full disk: it waits
            raise
        except Exception:
            log.exception("what a person left made us fail", extra={"letter": item.name})
            return self._inbox.put_aside(item.name)
        return self._inbox.done(item.name) if dealt_with else None

    def drain(self, reason: str, now: bool = False) -> None:
        """Take no new work; with ``now`` also end the open runs and queue them again."""
        with self._transaction() as unit:
            self._presence.stopping = now
            unit.commit(campaign.drain(unit.state, reason))

    def _stop_asked(self) -> str | None:
        """What somebody left in the campaign's folder for us, taken away: ``drain`` or ``now``."""
        try:
            asked = self._layout.stop_request.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        self._layout.stop_request.unlink(missing_ok=True)
        return asked.strip()

    def overview(self, seen_rows: int = 0) -> tuple[Json, list[Json]]:
        """The status page, and rows of experiments finished since ``seen_rows`` of them."""
        with self._mutex:
            return self.status(), [
                row(self.state.experiments[name]) for name in self.state.finished[seen_rows:]
            ]

    def status(self) -> Json:
        """The status page."""
        with self._mutex:
            return status(
                self.state,
                self._clock(),
                alive=True,
                progress=self._presence.progress,
                calls_usd=self._permits.open.usd,
            )


def _require_kept(gate: Gate, task: TaskCard) -> None:
    """Raises ConfigError when the task's own surface would not pass: every variant of it would be refused."""
    objection = gate.look(task.source)
    if objection is not None:
        raise ConfigError(
            f"{task.surface} of task {task.name} would be refused: {objection.reason}",
            "Correct it, or the task's task.yaml.",
        )


def _make(layout: Layout) -> None:
    try:
        for folder in (layout.folder, layout.runs, layout.spool, layout.logs):
            folder.mkdir(parents=True, exist_ok=True)
        probe = layout.folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        what = f"cannot write in {layout.folder}: {error.strerror}"
        raise ConfigError(what, "Choose a folder you can write to: campaigns_dir=PATH.") from error
