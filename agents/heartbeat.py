"""The heartbeats of an agent, from a thread of their own: a training that prints nothing still beats."""

import logging
import random

from agents.backoff import Backoff
from agents.context import AgentContext
from agents.runner import HeldLease, Runner

logger = logging.getLogger(__name__)

FIRST_HEARTBEAT = 5.0
"""Seconds between heartbeats while no welcome has said otherwise yet."""


class Heartbeats:
    """Beats step by step for the lease in hand, from its beginning until its report is acknowledged."""

    def __init__(self, context: AgentContext, runner: Runner) -> None:
        self._agent = context.agent
        self._link = context.link
        self._shutdown = context.shutdown
        self._clock = context.clock
        self._runner = runner
        self._retry = Backoff(context.waits.connection, random.Random(context.agent))
        self._wait = 0.0

    def step(self) -> bool:
        """One heartbeat, or the wait for a lease; whether to go on."""
        held = self._runner.held
        if held is None:
            self._runner.begun.wait()
            self._runner.begun.clear()
        elif not self._clock.wait(held.over, self._wait):
            self._beat(held)
        return not self._shutdown.over.is_set()

    def _beat(self, held: HeldLease) -> None:
        try:
            reply = self._link.ask(
                lambda coordinator: coordinator.heartbeat(self._agent, held.lease.token, held.progress)
            )
        except ConnectionError:  # the training goes on, and the runner's own calls say so where it matters
            self._wait = min(self._retry.next(), self._interval())
            return
        self._retry.reset()
        self._wait = self._interval()
        if held.over.is_set() or (reply.valid and not reply.stop):
            return
        held.lost = held.lost or not reply.valid
        if not held.cancel.is_set():
            logger.info(
                "run cancelled by the coordinator",
                extra={"agent": self._agent, "run": held.lease.run, "lost": held.lost},
            )
        held.cancel.set()

    def _interval(self) -> float:
        welcome = self._link.welcome
        return welcome.heartbeat if welcome else FIRST_HEARTBEAT
