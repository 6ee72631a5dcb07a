"""How long an agent waits, and for what. Seconds everywhere; waits end early when their event is set."""

import random
import time
from threading import Event
from typing import Protocol

from msgspec import Struct


class Waits(Struct, frozen=True, kw_only=True):
    """Shortest and longest waits of an agent."""

    poll: tuple[float, float] = (0.005, 0.05)
    """Between two questions answered by ``Wait``."""
    connection: tuple[float, float] = (0.1, 5.0)
    """Between two tries to reach the coordinator."""
    failure: tuple[float, float] = (0.5, 60.0)
    """After a proposer or a trainer failed."""
    stopped: tuple[float, float] = (300.0, 3600.0)
    """Until an arm that needs a person, or has played all it had, is asked again."""
    goodbye: float = 3.0
    """How long an agent that was asked to stop goes on trying to release its lease. A release that is never
    reported costs the swarm one lease's time to live.
    """


class Clock(Protocol):
    """Monotonic time and waiting."""

    def now(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait for ``event``, at most ``seconds``; whether it is set."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic()

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait for ``event``, at most ``seconds``; whether it is set."""
        return event.wait(seconds)


class Backoff:
    """Waits that double from a shortest to a longest. Each is shortened by up to half at random, so that
    agents do not all call at the same moment.
    """

    def __init__(self, limits: tuple[float, float], rng: random.Random) -> None:
        self._shortest, self._longest = limits
        self._rng = rng
        self._next = self._shortest

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._next = self._shortest

    def next(self) -> float:
        """Seconds to wait now."""
        wait = self._next * self._rng.uniform(0.5, 1.0)
        self._next = min(self._longest, 2 * self._next)
        return wait
