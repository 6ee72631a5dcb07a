"""Ends a process with the one that owns it, at once and however that one ended: a swarm of its own Ray must
not outlive its command by seconds.
"""

import os
import select
import threading
import time

POLL_SECONDS = 0.25
"""Between two looks where the system has no way to wait for a stranger's end."""


def end_with(owner: int) -> None:
    """Let this process end, without a word, as soon as process ``owner`` has ended. Returns at once."""
    threading.Thread(target=_follow, args=(owner,), name="owner", daemon=True).start()


def _follow(owner: int) -> None:
    _wait_for_end(owner)
    os._exit(1)


def _wait_for_end(owner: int) -> None:
    try:
        descriptor = os.pidfd_open(owner)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not Linux, or a sandbox that forbids it
        while _alive(owner):
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
