"""Waits grow, stay bounded, and differ between agents."""

import random
from threading import Event

from agents.backoff import Backoff, SystemClock


def test_waits_double_up_to_the_longest_and_begin_again() -> None:
    backoff = Backoff((1.0, 6.0), random.Random(1))
    waits = [backoff.next() for _ in range(5)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, (1.0, 2.0, 4.0, 6.0, 6.0), strict=True))
    backoff.reset()
    assert backoff.next() <= 1.0


def test_two_agents_do_not_call_at_the_same_moments() -> None:
    first, second = (Backoff((1.0, 1.0), random.Random(agent)) for agent in ("gpu0", "gpu1"))
    assert [first.next() for _ in range(3)] != [second.next() for _ in range(3)]


def test_a_wait_ends_when_its_event_is_set() -> None:
    clock, event = SystemClock(), Event()
    began = clock.now()
    assert not clock.wait(event, 0.01)
    assert clock.now() - began >= 0.009
    event.set()
    assert clock.wait(event, 100.0)
