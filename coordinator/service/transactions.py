"""One call at a time: a lock around the unit of work, and one write to the disk for calls made together.

- What a call commits is settled and journaled together, or not at all. Calls made ``together`` share the
  write, and none of them is answered before it is on the disk.
- A call that fails leaves nothing behind: the state is made anew from the journal.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from configs.errors import ConfigError
from coordinator.rules.next_step import next_step
from coordinator.state.campaign_state import CampaignState
from coordinator.store.unit_of_work import UnitOfWork


class _SpoiltError(Exception):
    """A call failed after it had changed the state."""


class Transactions:
    """The calls of one campaign, one after the other."""

    def __init__(self, unit: UnitOfWork, clock: Callable[[], float]) -> None:
        """clock: seconds since the epoch."""
        self.lock = threading.RLock()
        """Held by whoever reads the state outside a transaction."""
        self.changes = 0
        """Writes that changed something; who waits for a change compares it."""
        self._unit = unit
        self._clock = clock
        self._grouped = self._spoilt = False

    @property
    def state(self) -> CampaignState:
        """The live state, to read."""
        return self._unit.state

    @contextmanager
    def transaction(self) -> Iterator[UnitOfWork]:
        """What one call commits: settled and journaled at its end."""
        with self.lock:
            touched = self._unit.touched
            try:
                yield self._unit
                self.settle()
                if not self._grouped:
                    self.changes += self._unit.flush()
            except BaseException:
                if not self._grouped:
                    self._unit.discard()
                self._spoilt = self._unit.touched != touched
                raise

    def settle(self) -> None:
        """Do everything that is due now, within a transaction."""
        while (step := next_step(self.state, self._clock())) is not None:
            self._unit.perform(step)

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Make several calls with one write to the disk: their answers, or in the place of an answer the
        exception that the call raised.

        A call that fails before it changed anything leaves the others as they are. Where one fails later, or
        the write fails, all of it is undone and each call is made by itself: none suffers from another's
        failure.
        """
        with self.lock:
            answers = self._in_one_write(calls) if len(calls) > 1 else None
            return [_attempt(call) for call in calls] if answers is None else answers

    def _in_one_write(self, calls: Sequence[Callable[[], Any]]) -> list[Any] | None:
        answers: list[Any] = []
        self._grouped, self._spoilt = True, False
        try:
            for call in calls:
                answers.append(_attempt(call))
                if self._spoilt:
                    raise _SpoiltError
            self.changes += self._unit.flush()
        except (_SpoiltError, ConfigError):
            self._unit.discard()
            return None
        finally:
            self._grouped = False
        return answers


def _attempt(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - it belongs to the one who made this call, and only to them
        return error
