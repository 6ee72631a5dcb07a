"""A judge small enough to be seen through: it speaks the supervisor's protocol and takes the variant's word
for everything.

Variants talk to it by lines: ``batch`` is answered with the seed, ``evaluate VALUE`` with the value it
counts.
"""

import argparse
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from evaluator.job import Evaluating, Final, FirstBatch, HandedOver, JudgeEvent, JudgeJob, Spent
from evaluator.result import Crashed, CrashKind, Limit, Measured, Outcome, TimedOut


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("job", type=Path)
    parser.add_argument("--variant-fd", type=int, required=True)
    parser.add_argument("--twin-fd", type=int)
    parser.add_argument("--report-fd", type=int, required=True)
    arguments = parser.parse_args()
    job = msgspec.json.decode(
        arguments.job.read_bytes(), type=JudgeJob, dec_hook=lambda kind, text: kind(text)
    )
    with (
        open(arguments.report_fd, "wb", buffering=0) as report,  # noqa: PTH123 - a descriptor
        socket.socket(fileno=arguments.variant_fd) as variant,
    ):

        def say(event: JudgeEvent) -> None:
            report.write(msgspec.json.encode(event) + b"\n")

        outcome, steps = judge(job, variant, say)
        say(Final(outcome=outcome, spent=min(float(steps), job.budget.amount), steps=steps))


def judge(job: JudgeJob, variant: socket.socket, say: Callable[[JudgeEvent], None]) -> tuple[Outcome, int]:
    steps = 0
    with variant.makefile("rwb") as stream:
        for line in stream:
            match line.split():
                case [b"batch"] if steps >= 2 * job.budget.amount:
                    return TimedOut(Limit.BUDGET, 0.0), steps
                case [b"batch"]:
                    say(FirstBatch() if steps == 0 else Spent(steps / job.budget.amount, steps))
                    steps += 1
                    stream.write(b"%d\n" % job.seed)
                case [b"evaluate", value]:
                    say(Evaluating())
                    say(HandedOver())
                    stream.write(value + b"\n")
                    return Measured(float(value)), steps
                case [b"crash"]:
                    print("the judge had enough", file=sys.stderr)  # noqa: T201
                    sys.exit(1)
            stream.flush()
    return Crashed(CrashKind.NO_RESULT, "it ended without evaluating"), steps


if __name__ == "__main__":
    main()
