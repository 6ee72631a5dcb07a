"""The half of an agent that trains: lease → train → spool → report, one after the other.

- At most one lease. A result is on the node's disk before it is reported, and reported until it is
  acknowledged; what waits there goes before the next lease, what an earlier life left there before the first.
- A lost lease ends the run. What it measured before that is handed in late; what was cut short is dropped.
- Nothing stands between two trainings but the report and the lease.
"""

import logging
import random
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from threading import Event

from agents.backoff import Backoff
from agents.context import AgentContext
from agents.spool import Spool, Spooled
from coordinator.agent_calls import Coordinator
from coordinator.protocol import Ack, Lease, Wait
from evaluator.result import Lost, Progress, RunResult
from trainer.contract import RunOrder, Trainer

logger = logging.getLogger(__name__)


class AgentState(StrEnum):
    """What an agent's runner does."""

    STARTING = "starting"
    IDLE = "idle"
    TRAINING = "training"
    REPORTING = "reporting"
    STOPPED = "stopped"


class HeldLease:
    """A lease in this agent's hands."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.cancel = Event()
        """Ends its training."""
        self.over = Event()
        """Nothing of it is left to do."""
        self.lost = False
        """The coordinator no longer counts on it."""
        self.progress = Progress()

    def note(self, progress: Progress) -> None:
        """Take the trainer's word on how far the run is."""
        self.progress = progress


class Runner:
    """Trains in steps, one run each."""

    def __init__(
        self,
        context: AgentContext,
        trainer: Trainer,
        spool: Spool,
        runs: Path,
        finished: Callable[[], None],
    ) -> None:
        """runs: folder that gets one folder per run. finished: called when a run is over and the coordinator
        may want another proposal.
        """
        self._agent = context.agent
        self._link = context.link
        self._shutdown = context.shutdown
        self._clock = context.clock
        self._waits = context.waits
        self._trainer = trainer
        self._spool = spool
        self._runs = runs
        self._finished = finished
        self._rng = random.Random(context.agent)
        self._failure = Backoff(context.waits.failure, self._rng)
        self._free_since: float | None = None
        self.state = AgentState.STARTING
        self.held: HeldLease | None = None
        """The lease in hand."""
        self.work = Event()
        """To be set when a lease may be had."""
        self.begun = Event()
        """Set when a lease is in hand."""

    def empty_spool(self) -> bool:
        """Report what waits on the disk; always False, there is nothing to repeat.

        Asked before joining: a coordinator that remembers this agent's earlier life then still counts its
        result.
        """
        for spooled in self._spool:
            try:
                self._take_ack(spooled, self._link.ask_unjoined(partial(self._say_result, spooled)))
            except ConnectionError:
                self._deliver(spooled)
        return False

    def step(self) -> bool:
        """One run; whether to go on."""
        self.empty_spool()  # empty, except after a report that failed in an unforeseen way
        lease = self._next_lease()
        if lease is None:
            return False
        if self._run(HeldLease(lease)):
            self._failure.reset()
        else:
            self._clock.wait(self._shutdown.closing, self._failure.next())
        return True

    def _next_lease(self) -> Lease | None:
        """The next run, when there is one; None when there will be none."""
        self.state = AgentState.IDLE
        poll = Backoff(self._waits.poll, self._rng)
        while not self._shutdown.closing.is_set():
            match self._link.retry_until(
                lambda coordinator: coordinator.lease(self._agent), until=self._shutdown.closing
            ):
                case Lease() as lease:
                    return lease
                case Wait(stop=True) | None:
                    return None
                case Wait():
                    self._clock.wait(self.work, poll.next())
                    self.work.clear()
        return None

    def _run(self, held: HeldLease) -> bool:
        """Do what the lease asks for; whether this machine did its part."""
        self.held = held
        self.begun.set()
        try:
            if self._shutdown.closing.is_set():  # granted while the agent was being closed
                self._release(held, self._shutdown.reason)
                return True
            return self._hand_in(held, *self._train(held))
        finally:
            self.held = None
            held.over.set()
            self._finished()

    def _train(self, held: HeldLease) -> tuple[RunResult, float | None]:
        """The result and the gap before it."""
        lease, result, why = held.lease, None, "the trainer failed"
        order = RunOrder(
            run=lease.run,
            source=lease.source,
            seed=lease.seed,
            budget=lease.budget,
            directory=self._runs / lease.run,
            audit=lease.audit,
            baseline=lease.baseline,
            blocks=lease.blocks,
            early=lease.early,
        )
        self.state = AgentState.TRAINING
        gap = None if self._free_since is None else self._clock.now() - self._free_since
        try:
            result = self._trainer.train(order, held.note, held.cancel)
        except OSError as error:  # no room, no right to write: others may do it
            why = f"its machine could not begin it: {error}"
            raise
        finally:
            self._free_since = self._clock.now()
            self.state = AgentState.REPORTING
            if result is None:
                self._release(held, why)
        return result, gap

    def _hand_in(self, held: HeldLease, result: RunResult, gap: float | None) -> bool:
        match result.outcome:
            case Lost() if held.lost:
                return True
            case Lost() if held.cancel.is_set():
                self._release(
                    held,
                    self._shutdown.reason
                    if self._shutdown.halting.is_set()
                    else "stopped by the coordinator",
                )
                return True
            case Lost(reason):
                logger.warning(
                    "run was lost on this machine",
                    extra={"agent": self._agent, "run": result.run, "reason": reason},
                )
        self._report(Spooled(held.lease.token, result, gap))
        return not isinstance(result.outcome, Lost)

    def _report(self, spooled: Spooled) -> None:
        try:
            self._spool.put(spooled.token, spooled.result, spooled.gap)
        except OSError:  # a full disk must not hold back what the coordinator's disk can take
            logger.exception(
                "result could not be spooled and is reported from memory",
                extra={"agent": self._agent, "run": spooled.result.run},
            )
        self._deliver(spooled)

    def _deliver(self, spooled: Spooled) -> None:
        ack = self._link.retry_until(
            partial(self._say_result, spooled), until=self._shutdown.halting, grace=self._waits.goodbye
        )
        if ack is None:
            logger.warning("result stays spooled", extra={"agent": self._agent, "run": spooled.result.run})
        else:
            self._take_ack(spooled, ack)

    def _say_result(self, spooled: Spooled, coordinator: Coordinator) -> Ack:
        return coordinator.report(self._agent, spooled.token, spooled.result, spooled.gap)

    def _take_ack(self, spooled: Spooled, ack: Ack) -> None:
        self._spool.remove(spooled.token, spooled.result.run)
        if not ack.counted:
            logger.info(
                "result did not count",
                extra={"agent": self._agent, "run": spooled.result.run, "reason": ack.reason},
            )

    def _release(self, held: HeldLease, reason: str) -> None:
        def say(coordinator: Coordinator) -> None:
            coordinator.release(self._agent, held.lease.token, reason)

        self._link.retry_until(say, until=self._shutdown.halting, grace=self._waits.goodbye)
