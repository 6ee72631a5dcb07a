"""The supervisor's end of its status: standard output, a pipe that its trainer reads."""

import os

from trainer.run.job import Status, encode

STDOUT = 1


def prepare() -> None:
    """From now on nobody waits for the trainer to read."""
    os.set_blocking(STDOUT, False)


def mention(status: Status) -> None:
    """Write it if there is room: a trainer too busy to listen misses one; one that died closed the lifeline
    too.
    """
    try:
        os.write(STDOUT, encode(status))
    except (BlockingIOError, BrokenPipeError):
        return


def say(status: Status) -> None:
    """Write it, however long the trainer takes to listen."""
    os.set_blocking(STDOUT, True)
    try:
        with os.fdopen(STDOUT, "wb", closefd=False) as out:
            out.write(encode(status))
    except BrokenPipeError:
        return  # the trainer is gone; the result is on disk
