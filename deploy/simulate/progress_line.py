"""How far a simulation is, now and then."""

import time
from collections.abc import Callable

from deploy.views.units import span

EVERY = 5.0
"""Seconds between two lines."""


class ProgressLine:
    """Says how many campaigns are done, every few seconds."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """say: takes a line. clock: seconds."""
        self._say, self._clock = say, clock
        self._began = self._last = clock()

    def tell(self, done: float, of: int) -> None:
        """So many of so many campaigns are played; of a single one, what share."""
        now = self._clock()
        if done >= of or not done or now - self._last < EVERY:
            return
        self._last = now
        left = (now - self._began) * (of - done) / done
        part = f"{int(done)} of {of} campaigns" if of > 1 else f"{done:.0%} of the campaign"
        self._say(f"{part}, about {span(left)} more")
