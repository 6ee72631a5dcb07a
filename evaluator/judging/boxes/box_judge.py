"""The judge of a box: ``python -m evaluator.judging.boxes.box_judge JOB --variant-fd N --report-fd M``.

- It gives the box its files, has it run its commands and takes what it gives back. What a command was worth
  is not its business: ``trainer.boxes`` reads it.
- Seconds are its own clock's, CPU is the kernel's count. Exit codes, output and files are what the box says.
- A broken message ends the box as a broken contract, never the judge.
"""

import argparse
import select
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from evaluator.box_job import (
    IN,
    MOST_BYTES,
    OUT,
    REPORT,
    TAIL_CHARS,
    BoxFile,
    BoxReport,
    ParcelError,
    Step,
    StepReport,
    packed,
    read_box,
    unpacked,
)
from evaluator.job import Final, FirstBatch, HandedOver, JudgeEvent, JudgeJob, Spent, read_job
from evaluator.judging.metering.cpu import CpuCount
from evaluator.judging.reporting import reporter
from evaluator.judging.run_end import RunEndedError, contract_breach
from evaluator.judging.wire import Channel, ClosedError, WireError
from evaluator.result import Crashed, CrashKind, Measured, Outcome

TICK = 0.5
"""Seconds between two words of how far a command is."""
GRACE = 10.0
"""Seconds beyond its limit within which a box has to say that a command was ended."""
INDEX_BYTES = 4 << 20
"""Of the list of files, beside their bytes."""
LEFT = "the box ended before its commands had"


class PutFiles(Struct, frozen=True, tag="put"):
    """Files, in the payload."""


class RunCommand(Struct, frozen=True, tag="do"):
    """Run a command."""

    command: str
    seconds: float
    environment: dict[str, str]


class GiveFiles(Struct, frozen=True, tag="give"):
    """Files that match."""

    globs: list[str]
    limit: int


class BoxReady(Struct, frozen=True, tag="ready"):
    """It listens."""


class FilesPut(Struct, frozen=True, tag="done"):
    """The files are there."""


class CommandEnded(Struct, frozen=True, tag="ended"):
    """A command has."""

    code: int | None
    seconds: float
    tail: str


class FilesGiven(Struct, frozen=True, tag="given"):
    """Files, in the payload."""

    complete: bool = True
    """Whether these are all that match."""


Answer = BoxReady | FilesPut | CommandEnded | FilesGiven
Kind = TypeVar("Kind", BoxReady, FilesPut, CommandEnded, FilesGiven)


class BoxJudge:
    """One box's conversation."""

    def __init__(
        self,
        job: JudgeJob,
        connection: socket.socket,
        emit: Callable[[JudgeEvent], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """now: monotonic seconds."""
        self._job = job
        self._box = read_box(job.data)
        self._connection = connection
        self._channel: Channel[Answer] = Channel(connection, msgspec.json.Decoder(Answer))
        self._emit = emit
        self._now = now
        self._cpu = CpuCount(job.cpu_stat)
        self._reports: list[StepReport] = []
        self._began = now()

    def run(self) -> Final:
        """Hold the conversation to its end and return what came of it. Its caller emits it."""
        outcome: Outcome
        try:
            self._converse()
            outcome = Measured(0.0)
        except RunEndedError as ended:
            outcome = ended.outcome
        except (WireError, ParcelError) as error:
            outcome = contract_breach(str(error)).outcome
        except ClosedError:
            outcome = Crashed(CrashKind.NO_RESULT, LEFT)
        report = BoxReport(steps=self._reports)
        (self._job.data / REPORT).write_bytes(msgspec.json.encode(report))
        return Final(outcome=outcome, spent=self._spent(), steps=len(self._reports))

    def _converse(self) -> None:
        self._answer(BoxReady)
        if self._box.shown:
            self._emit(HandedOver())
        self._channel.send(PutFiles(), (self._job.data / IN).read_bytes())
        self._answer(FilesPut)
        self._emit(FirstBatch())
        for step in self._box.steps:
            report = self._do(step)
            self._reports.append(report)
            if report.code != 0:
                return
        (self._job.data / OUT).write_bytes(packed(self._given()))

    def _do(self, step: Step) -> StepReport:
        began, cpu = self._now(), self._cpu.read()
        self._channel.send(
            RunCommand(command=step.command, seconds=step.seconds, environment=self._box.environment)
        )
        while not select.select([self._connection], [], [], TICK)[0]:
            self._emit(Spent(share=self._spent() / self._job.budget.amount, steps=len(self._reports)))
            if self._now() - began > step.seconds + GRACE:
                return self._reported(step, None, began, cpu, "")
        ended, _ = self._answer(CommandEnded)
        return self._reported(step, ended.code, began, cpu, ended.tail)

    def _reported(
        self, step: Step, code: int | None, began: float, cpu: float | None, tail: str
    ) -> StepReport:
        seconds, used = self._now() - began, self._cpu.read()
        return StepReport(
            name=step.name,
            code=None if seconds > step.seconds and code != 0 else code,
            seconds=seconds,
            cpu=None if cpu is None or used is None else used - cpu,
            tail=tail[-TAIL_CHARS:],
        )

    def _given(self) -> dict[str, BoxFile]:
        if not self._box.give:
            return {}
        self._channel.send(GiveFiles(self._box.give, MOST_BYTES))
        given, payload = self._answer(FilesGiven, MOST_BYTES + INDEX_BYTES)
        if not given.complete:
            raise contract_breach(f"outputs of more than {MOST_BYTES} bytes")
        return unpacked(payload)

    def _answer(self, kind: type[Kind], limit: int = 0) -> tuple[Kind, bytearray]:
        answer, payload = self._channel.receive(limit)
        if not isinstance(answer, kind):
            raise contract_breach(f"{answer.__struct_config__.tag} that nobody asked for")
        return answer, payload

    def _spent(self) -> float:
        return min(self._now() - self._began, self._job.budget.amount)


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge one box."""
    parser = argparse.ArgumentParser(prog="python -m evaluator.judging.boxes.box_judge")
    parser.add_argument("job", type=Path)
    parser.add_argument("--variant-fd", type=int, required=True)
    parser.add_argument("--twin-fd", type=int)
    parser.add_argument("--report-fd", type=int, required=True)
    options = parser.parse_args(arguments)
    job = read_job(options.job)
    emit = reporter(options.report_fd, job)
    with socket.socket(fileno=options.variant_fd) as live:
        if options.twin_fd is not None:
            socket.socket(fileno=options.twin_fd).close()
        emit(BoxJudge(job, live, emit).run())


if __name__ == "__main__":
    main()
