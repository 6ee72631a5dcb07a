"""Signals as something to be read, for a process that waits for descriptors only."""

import os
import signal


def hear_signals() -> int:
    """A descriptor on which the number of each signal arrives. Handled, not ignored: what is ignored stays
    ignored in the children.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading
