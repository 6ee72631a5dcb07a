"""How a process that keeps others leaves the one that started it, and what ends them if it is killed.

A guard is a subreaper above the keeper that does nothing but wait for it: if the keeper is killed, what it
kept falls to the guard, which ends that. If the guard is killed, the keeper goes on alone.
"""

import os
from collections.abc import Callable

from trainer.process.descendants import adopt_orphans


def leave_session() -> None:
    """Become an orphan in a session of its own, so that nothing which ends the starter ends this process
    first.
    """
    if os.fork():
        os._exit(0)
    os.setsid()


def leave_guard(clear: Callable[[], None]) -> None:
    """Go on as a child; the parent stays behind as the guard and never returns. clear: ends and removes
    everything, once the child is gone.
    """
    adopt_orphans()
    if keeper := os.fork():
        os.waitpid(keeper, 0)
        clear()
        os._exit(0)
    adopt_orphans()
