"""Ends a process as soon as its parent has ended, however that ended: a swarm of its own Ray must not outlive
its command by seconds.
"""

import os
import select
import threading
import time

POLL_SECONDS = 0.25
"""Between two looks where the system has no way to wait for the end of a process that is no child."""


def end_with(parent: int) -> None:
    """Let this process end, without a word, as soon as process ``parent`` has ended. Returns at once."""
    threading.Thread(target=_follow, args=(parent,), name="parent", daemon=True).start()


def _follow(parent: int) -> None:
    _wait_for_end(parent)
    os._exit(1)


def _wait_for_end(parent: int) -> None:
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not Linux, or a sandbox that forbids it
        while _alive(parent):
            time.sleep(POLL_SECONDS)
        return
    select.select([descriptor], [], [])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
