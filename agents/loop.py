"""An agent: one slot that trains and one head that thinks meanwhile.

- At most one lease. A result is on the node's disk before it is reported, and reported until it is acknowledged; what an earlier life left there is
  reported before the first lease.
- Three threads: the *slot* (lease, train, report), the *thinker*, the *pulse* (heartbeats while a lease is held). None waits for another, so an
  unreachable coordinator stops neither a training nor its heartbeats' retries.
- A lost lease ends the run. What it measured before that is handed in late; what was cut short is dropped.
- An exception costs the step it came from: it is logged once and the thread goes on after a wait that grows.
"""

import logging
import random
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from threading import Event, Thread

from msgspec import Struct

from agents.link import Link
from agents.patience import Backoff, Clock, Patience, SystemClock
from agents.proposers.contract import Proposer
from agents.spool import Spool, Spooled
from agents.thinker import Thinker
from coordinator.protocol import Ack, AgentCard, Coordinator, Lease, Wait
from evaluator.result import Lost, Progress, RunResult
from trainer.contract import RunOrder, Trainer

logger = logging.getLogger(__name__)

FIRST_HEARTBEAT = 5.0
"""Seconds between heartbeats where no welcome has said otherwise yet."""


class AgentState(StrEnum):
    """What an agent's slot does."""

    STARTING = "starting"
    IDLE = "idle"
    TRAINING = "training"
    REPORTING = "reporting"
    STOPPED = "stopped"


class Snapshot(Struct, frozen=True, kw_only=True):
    """An agent as people see it. run, experiment, progress: of its lease, None without one."""

    agent: str
    state: AgentState
    run: str | None = None
    experiment: str | None = None
    progress: Progress | None = None


class HeldLease:
    """A lease in this agent's hands. cancel: ends its training. over: nothing of it is left to do. lost: the coordinator no longer counts on it."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.cancel = Event()
        self.over = Event()
        self.lost = False
        self.progress = Progress()

    def note(self, progress: Progress) -> None:
        """Take the trainer's word on how far it is."""
        self.progress = progress


class AgentLoop:
    """Owns one slot from ``start`` to ``drain``, ``stop`` or the campaign's end."""

    def __init__(
        self,
        card: AgentCard,
        coordinator: Coordinator,
        trainer: Trainer,
        proposers: Mapping[str, Proposer],
        spool: Spool,
        runs: Path,
        *,
        clock: Clock | None = None,
        patience: Patience | None = None,
    ) -> None:
        """proposers: by arm, in the campaign's order. runs: folder that gets one folder per run."""
        self._agent = card.agent
        self._trainer = trainer
        self._spool = spool
        self._runs = runs
        self._clock = clock or SystemClock()
        self._patience = patience or Patience()
        self._rng = random.Random(card.agent)
        self._link = Link(card, coordinator, self._clock, self._patience.connection)
        self._closing, self._halting, self._over = Event(), Event(), Event()
        self._work, self._begun, self._emptied = Event(), Event(), Event()
        self._sick = Backoff(self._patience.failure, self._rng)
        self._pulse_retry = Backoff(self._patience.connection, self._rng)
        self._pulse_wait = 0.0
        self._state = AgentState.STARTING
        self._held: HeldLease | None = None
        self._free_since: float | None = None
        self._reason = "finished"
        self._thinker = Thinker(
            card.agent, self._link, proposers, self._work.set, closing=self._closing, over=self._over, clock=self._clock, patience=self._patience
        )
        self._threads = {name: Thread(target=work, name=f"{card.agent}-{name}", daemon=True) for name, work in self._parts().items()}

    def start(self) -> None:
        """Begin; returns at once."""
        for thread in self._threads.values():
            thread.start()

    def drain(self, reason: str = "drained") -> None:
        """Finish the current run and report it, lease nothing more, leave."""
        if not self._closing.is_set():
            self._reason = reason
        self._closing.set()
        self._wake()

    def stop(self, reason: str = "stopped") -> None:
        """Cancel the current run, hand its lease back, leave."""
        self._reason = reason
        self._halting.set()
        self._closing.set()
        held = self._held
        if held is not None:
            held.cancel.set()
        self._wake()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the agent has left, at most ``timeout`` seconds; whether it has. A proposer that is still thinking is not waited for."""
        return self._over.wait(timeout)

    def snapshot(self) -> Snapshot:
        """What the agent does now."""
        held = self._held
        if held is None:
            return Snapshot(agent=self._agent, state=self._state)
        return Snapshot(agent=self._agent, state=self._state, run=held.lease.run, experiment=held.lease.experiment, progress=held.progress)

    def _parts(self) -> dict[str, Callable[[], None]]:
        return {"slot": self._run_slot, "thinker": self._run_thinker, "pulse": self._run_pulse}

    def _wake(self) -> None:
        self._work.set()
        self._thinker.wake.set()

    def _run_slot(self) -> None:
        try:
            self._keep_going("slot", self._empty_spool, self._closing)
            self._emptied.set()
            self._keep_going("slot", self._slot_step, self._closing)
        finally:
            self._closing.set()
            self._keep_going("goodbye", self._leave, self._closing)
            self._state = AgentState.STOPPED
            for event in (self._over, self._emptied, self._begun):
                event.set()
            self._wake()

    def _leave(self) -> bool:
        self._link.leave(self._reason)
        return False

    def _run_thinker(self) -> None:
        self._emptied.wait()
        self._keep_going("thinker", self._thinker.step, self._closing)

    def _run_pulse(self) -> None:
        self._keep_going("pulse", self._pulse_step, self._over)

    def _keep_going(self, part: str, step: Callable[[], bool], until: Event) -> None:
        """Repeat ``step`` while it answers True. What it raises is logged, once where it repeats itself."""
        backoff, logged = Backoff(self._patience.failure, self._rng), ""
        while True:
            try:
                if not step():
                    return
                backoff.reset()
                logged = ""
            except Exception as error:  # the outermost loop of each thread: an agent outlives its parts
                if repr(error) != logged:
                    logger.exception("agent failed and goes on", extra={"agent": self._agent, "part": part})
                logged = repr(error)
                if self._clock.wait(until, backoff.next()):
                    return

    def _empty_spool(self) -> bool:
        """Report what an earlier life left. Asked before joining: a coordinator that remembers that life then still counts the result."""
        for spooled in self._spool:
            try:
                self._link.ask_unjoined(partial(self._say_result, spooled))
                self._spool.remove(spooled.token, spooled.result.run)
            except ConnectionError:
                self._deliver(spooled)
        return False

    def _slot_step(self) -> bool:
        lease = self._next_lease()
        if lease is None:
            return False
        self._run_lease(HeldLease(lease))
        return True

    def _next_lease(self) -> Lease | None:
        """The next run, when there is one; None when there will be none."""
        self._state = AgentState.IDLE
        poll = Backoff(self._patience.poll, self._rng)
        while not self._closing.is_set():
            match self._link.insist(lambda coordinator: coordinator.lease(self._agent), until=self._closing):
                case Lease() as lease:
                    return lease
                case Wait(stop=True) | None:
                    return None
                case Wait():
                    self._clock.wait(self._work, poll.next())
                    self._work.clear()
        return None

    def _run_lease(self, held: HeldLease) -> None:
        self._held = held
        self._begun.set()
        try:
            if self._closing.is_set():  # granted while the agent was told to go
                self._release(held, self._reason)
            else:
                self._train(held)
        finally:
            self._held = None
            held.over.set()
            self._thinker.wake.set()

    def _train(self, held: HeldLease) -> None:
        lease, result = held.lease, None
        order = RunOrder(run=lease.run, source=lease.source, seed=lease.seed, budget=lease.budget, directory=self._runs / lease.run)
        self._state = AgentState.TRAINING
        gap = None if self._free_since is None else self._clock.now() - self._free_since
        try:
            result = self._trainer.train(order, held.note, held.cancel)
        finally:
            self._free_since = self._clock.now()
            self._state = AgentState.REPORTING
            if result is None:
                self._release(held, "the trainer failed")
        self._hand_in(held, result, gap)

    def _hand_in(self, held: HeldLease, result: RunResult, gap: float | None) -> None:
        match result.outcome:
            case Lost() if held.cancel.is_set():
                if not held.lost:
                    self._release(held, self._reason if self._closing.is_set() else "stopped by the coordinator")
            case Lost(reason):
                self._report(held, result, gap)
                logger.warning("run was lost on this machine", extra={"agent": self._agent, "run": result.run, "reason": reason})
                self._clock.wait(self._closing, self._sick.next())
            case _:
                self._report(held, result, gap)
                self._sick.reset()

    def _report(self, held: HeldLease, result: RunResult, gap: float | None) -> None:
        try:
            self._spool.put(held.lease.token, result, gap)
        except OSError:  # a full disk must not hold back what the coordinator's disk can take
            logger.exception("result could not be spooled and is reported from memory", extra={"agent": self._agent, "run": result.run})
        self._deliver(Spooled(held.lease.token, result, gap))

    def _deliver(self, spooled: Spooled) -> None:
        ack = self._link.insist(partial(self._say_result, spooled), until=self._halting, grace=self._patience.goodbye)
        if ack is None:
            logger.warning("result stays spooled", extra={"agent": self._agent, "run": spooled.result.run})
            return
        self._spool.remove(spooled.token, spooled.result.run)
        if not ack.counted:
            logger.info("result did not count", extra={"agent": self._agent, "run": spooled.result.run, "reason": ack.reason})

    def _say_result(self, spooled: Spooled, coordinator: Coordinator) -> Ack:
        return coordinator.report(self._agent, spooled.token, spooled.result, spooled.gap)

    def _release(self, held: HeldLease, reason: str) -> None:
        self._link.insist(
            lambda coordinator: coordinator.release(self._agent, held.lease.token, reason), until=self._halting, grace=self._patience.goodbye
        )

    def _pulse_step(self) -> bool:
        """One heartbeat, or the wait for a lease."""
        held = self._held
        if held is None:
            self._begun.wait()
            self._begun.clear()
        elif not self._clock.wait(held.over, self._pulse_wait):
            self._beat(held)
        return not self._over.is_set()

    def _beat(self, held: HeldLease) -> None:
        try:
            pulse = self._link.ask(lambda coordinator: coordinator.heartbeat(self._agent, held.lease.token, held.progress))
        except ConnectionError:  # the training goes on, and the slot's own calls say so where it matters
            self._pulse_wait = min(self._pulse_retry.next(), self._interval())
            return
        self._pulse_retry.reset()
        self._pulse_wait = self._interval()
        if pulse.stop or not pulse.valid:
            held.lost = held.lost or not pulse.valid
            logger.info("run cancelled by the coordinator", extra={"agent": self._agent, "run": held.lease.run, "lost": held.lost})
            held.cancel.set()

    def _interval(self) -> float:
        welcome = self._link.welcome
        return welcome.heartbeat if welcome else FIRST_HEARTBEAT
