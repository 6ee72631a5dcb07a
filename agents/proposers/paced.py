"""A proposer that answers as slowly as a model would: for rehearsing a swarm, its clusters and its benchmarks
without a key or a bill.
"""

import time
from collections.abc import Callable

from agents.proposers.contract import Proposer
from coordinator.protocol import Brief, Proposal


class PacedProposer:
    """Answers what another proposer answers, so many seconds after it was asked, or later if that one takes
    longer.
    """

    def __init__(
        self,
        inner: Proposer,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """inner: the other one. clock, pause: replaced where time must not pass."""
        self._inner = inner
        self._seconds = seconds
        self._clock = clock
        self._pause = pause

    def propose(self, brief: Brief) -> Proposal:
        """See ``Proposer.propose``. What ``inner`` raises comes at once: a model's failure is not slow by
        nature.
        """
        asked = self._clock()
        proposal = self._inner.propose(brief)
        self._pause(max(0.0, self._seconds - (self._clock() - asked)))
        return proposal
