"""An agent's line to its coordinator: joined whenever a question is asked, joined again by itself after the
line was down.

A coordinator that restarted, or forgot this agent, answers ``ConnectionError`` like one that cannot be
reached: the next question joins first. The card stays the same for the agent's whole life, so a lease it
holds outlives that.
"""

import logging
import random
from collections.abc import Callable
from threading import Event, Lock
from typing import TypeVar

from agents.backoff import Backoff, Clock
from coordinator.agent_calls import Coordinator
from coordinator.protocol import AgentCard, Welcome

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Link:
    """One agent's calls to its coordinator. Safe to use from several threads."""

    def __init__(
        self, card: AgentCard, coordinator: Coordinator, clock: Clock, limits: tuple[float, float]
    ) -> None:
        self._card = card
        self._coordinator = coordinator
        self._clock = clock
        self._limits = limits
        self._rng = random.Random(f"{card.agent}/{card.incarnation}")
        self._lock = Lock()
        self._joined: Welcome | None = None
        self.welcome: Welcome | None = None
        """The latest one; None before the first join."""

    def ask(self, question: Callable[[Coordinator], Answer]) -> Answer:
        """Ask once, joining first where needed. Raises ConnectionError."""
        joined = self._join()
        try:
            return question(self._coordinator)
        except ConnectionError:
            self._lose(joined)
            raise

    def ask_unjoined(self, question: Callable[[Coordinator], Answer]) -> Answer:
        """Ask once as the agent the coordinator may still remember. Raises ConnectionError."""
        return question(self._coordinator)

    def retry_until(
        self, question: Callable[[Coordinator], Answer], until: Event, grace: float = 0.0
    ) -> Answer | None:
        """Ask until there is an answer, or until ``grace`` seconds after ``until`` was set: then None. Asks
        at least once.
        """
        backoff = Backoff(self._limits, self._rng)
        failures, deadline = 0, float("inf")
        while True:
            try:
                return self.ask(question)
            except ConnectionError as error:
                failures += 1
                if failures == 1:
                    logger.warning(
                        "coordinator cannot be reached, will try again",
                        extra={"agent": self._card.agent, "error": str(error)},
                    )
            if until.is_set():
                deadline = min(deadline, self._clock.now() + grace)
            if self._clock.now() >= deadline:
                return None
            self._clock.wait(
                Event() if until.is_set() else until,
                min(backoff.next(), max(0.0, deadline - self._clock.now())),
            )

    def leave(self, reason: str) -> None:
        """Say goodbye, if there is anybody to say it to."""
        with self._lock:
            joined, self._joined = self._joined, None
        if joined is not None:
            try:
                self._coordinator.leave(self._card.agent, reason)
            except ConnectionError:
                logger.info("left without a goodbye", extra={"agent": self._card.agent})

    def _join(self) -> Welcome:
        with self._lock:
            if self._joined is None:
                self._joined = self.welcome = self._coordinator.join(self._card)
                logger.info(
                    "joined",
                    extra={
                        "agent": self._card.agent,
                        "campaign": self.welcome.campaign,
                        "epoch": self.welcome.epoch,
                    },
                )
            return self._joined

    def _lose(self, joined: Welcome) -> None:
        """Forget a join that failed since, unless another thread has joined again already."""
        with self._lock:
            if self._joined is joined:
                self._joined = None
