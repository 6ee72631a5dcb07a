"""What the judge tells the supervisor, and the mark it sets in the variant's log.

Before the first validation row is shown the mark goes into the pipe that the variant writes to: whatever
stands behind it may be about those rows. It is random and secret, so that nobody else sets it. So is the mark
that goes in where the run is looked at, while it waits for a batch: what stands before it is the same however
fast the pipe is read.
"""

import os
from collections.abc import Callable

import msgspec

from evaluator.job import HandedOver, JudgeEvent, JudgeJob, LookedAt


def reporter(descriptor: int, job: JudgeJob) -> Callable[[JudgeEvent], None]:
    """What takes the judge's events. descriptor: of the pipe they go into."""

    def emit(event: JudgeEvent) -> None:
        if isinstance(event, LookedAt) and job.log is not None:
            os.write(job.log, bytes.fromhex(job.look_mark))
        if isinstance(event, HandedOver) and job.log is not None:
            os.write(job.log, bytes.fromhex(job.mark))  # in one piece: it is shorter than a pipe's unit
            os.close(job.log)
        os.write(descriptor, msgspec.json.encode(event) + b"\n")

    return emit
