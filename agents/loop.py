"""An agent: a runner that trains on one slot, and a thinker that prepares the next proposal meanwhile.

- Three threads: the *runner* (lease, train, report), the *thinker*, the *heartbeats* (while a lease is held).
  None waits for another, so an unreachable coordinator stops neither a training nor the heartbeats' retries.
- What an earlier life left in the spool is reported before anything else is asked for.
- An exception costs the step it came from: it is logged once and the thread goes on after a wait that grows.
"""

import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread

from msgspec import Struct

from agents.backoff import Backoff, Clock, SystemClock, Waits
from agents.context import AgentContext
from agents.heartbeat import Heartbeats
from agents.link import Link
from agents.permit_client import PermitClient
from agents.proposers.contract import Proposer
from agents.runner import AgentState, Runner
from agents.shutdown import Shutdown
from agents.spool import Spool
from agents.thinker import Thinker
from coordinator.agent_calls import Coordinator
from coordinator.protocol import AgentCard
from evaluator.result import Progress
from trainer.contract import Trainer

logger = logging.getLogger(__name__)


class Snapshot(Struct, frozen=True, kw_only=True):
    """An agent as people see it."""

    agent: str
    state: AgentState
    run: str | None = None
    """Of its lease, as the next two; None without one."""
    experiment: str | None = None
    progress: Progress | None = None
    stopped: dict[str, str] = {}
    """Arms that need a person, and why."""


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
        waits: Waits | None = None,
        permits: PermitClient | None = None,
    ) -> None:
        """proposers: by arm, in the campaign's order. runs: folder that gets one folder per run. permits:
        those of these proposers.
        """
        clock, waits = clock or SystemClock(), waits or Waits()
        self._context = context = AgentContext(
            agent=card.agent,
            link=Link(card, coordinator, clock, waits.connection),
            shutdown=Shutdown(),
            clock=clock,
            waits=waits,
        )
        self._agent = card.agent
        self._shutdown = context.shutdown
        self._rng = random.Random(card.agent)
        self._spool_empty = Event()
        if permits is not None:
            permits.connect(context)
        self._runner = Runner(context, trainer, spool, runs, self._wake_thinker)
        self._thinker = Thinker(context, proposers, self._runner.work.set)
        self._heartbeats = Heartbeats(context, self._runner)

    def start(self) -> None:
        """Begin; returns at once."""
        for part, work in {
            "runner": self._run_runner,
            "thinker": self._run_thinker,
            "heartbeats": self._run_heartbeats,
        }.items():
            Thread(target=work, name=f"{self._agent}-{part}", daemon=True).start()

    def drain(self, reason: str = "drained") -> None:
        """Finish the current run and report it, lease nothing more, leave."""
        if not self._shutdown.closing.is_set():
            self._shutdown.reason = reason
        self._shutdown.closing.set()
        self._wake()

    def stop(self, reason: str = "stopped") -> None:
        """Cancel the current run, hand its lease back, leave."""
        self._shutdown.reason = reason
        self._shutdown.halting.set()
        self._shutdown.closing.set()
        held = self._runner.held
        if held is not None:
            held.cancel.set()
        self._wake()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the agent has left, at most ``timeout`` seconds; whether it has. A proposer that is
        still thinking is not waited for.
        """
        return self._shutdown.over.wait(timeout)

    def snapshot(self) -> Snapshot:
        """What the agent does now."""
        held, state, stopped = self._runner.held, self._runner.state, dict(self._thinker.stopped)
        if held is None:
            return Snapshot(agent=self._agent, state=state, stopped=stopped)
        lease = held.lease
        return Snapshot(
            agent=self._agent,
            state=state,
            run=lease.run,
            experiment=lease.experiment,
            progress=held.progress,
            stopped=stopped,
        )

    def _wake_thinker(self) -> None:
        self._thinker.wake.set()

    def _wake(self) -> None:
        self._runner.work.set()
        self._thinker.wake.set()

    def _run_runner(self) -> None:
        try:
            self._keep_going("runner", self._runner.empty_spool, self._shutdown.closing)
            self._spool_empty.set()
            self._keep_going("runner", self._runner.step, self._shutdown.closing)
        finally:
            self._shutdown.closing.set()
            self._keep_going("goodbye", self._leave, self._shutdown.closing)
            self._runner.state = AgentState.STOPPED
            self._shutdown.over.set()
            self._spool_empty.set()
            self._runner.begun.set()
            self._wake()

    def _leave(self) -> bool:
        self._context.link.leave(self._shutdown.reason)
        return False

    def _run_thinker(self) -> None:
        self._spool_empty.wait()
        self._keep_going("thinker", self._thinker.step, self._shutdown.closing)

    def _run_heartbeats(self) -> None:
        self._keep_going("heartbeats", self._heartbeats.step, self._shutdown.over)

    def _keep_going(self, part: str, step: Callable[[], bool], until: Event) -> None:
        """Repeat ``step`` while it answers True. What it raises is logged, and only once when it repeats."""
        backoff, logged = Backoff(self._context.waits.failure, self._rng), ""
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
                if self._context.clock.wait(until, backoff.next()):
                    return
