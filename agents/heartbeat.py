"""The heartbeats of an agent, from a thread of their own: a training that prints nothing still beats."""

import logging
import random

from agents.backoff import Backoff, Clock, Patience
from agents.link import Link
from agents.runner import HeldLease, Slot
from agents.shutdown import Ending

logger = logging.getLogger(__name__)

FIRST_HEARTBEAT = 5.0
"""Seconds between heartbeats where no welcome has said otherwise yet."""


class PulseMaker:
    """Beats in steps for whatever lease the slot holds, from the lease until its report is acknowledged."""

    def __init__(self, agent: str, link: Link, slot: Slot, *, ending: Ending, clock: Clock, patience: Patience) -> None:
        self._agent = agent
        self._link = link
        self._slot = slot
        self._ending = ending
        self._clock = clock
        self._retry = Backoff(patience.connection, random.Random(agent))
        self._wait = 0.0

    def step(self) -> bool:
        """One heartbeat, or the wait for a lease; whether to go on."""
        held = self._slot.held
        if held is None:
            self._slot.begun.wait()
            self._slot.begun.clear()
        elif not self._clock.wait(held.over, self._wait):
            self._beat(held)
        return not self._ending.over.is_set()

    def _beat(self, held: HeldLease) -> None:
        try:
            pulse = self._link.ask(lambda coordinator: coordinator.heartbeat(self._agent, held.lease.token, held.progress))
        except ConnectionError:  # the training goes on, and the slot's own calls say so where it matters
            self._wait = min(self._retry.next(), self._interval())
            return
        self._retry.reset()
        self._wait = self._interval()
        if held.over.is_set() or (pulse.valid and not pulse.stop):
            return
        held.lost = held.lost or not pulse.valid
        if not held.cancel.is_set():
            logger.info("run cancelled by the coordinator", extra={"agent": self._agent, "run": held.lease.run, "lost": held.lost})
        held.cancel.set()

    def _interval(self) -> float:
        welcome = self._link.welcome
        return welcome.heartbeat if welcome else FIRST_HEARTBEAT
