"""The process that keeps one run: ``python -m trainer.run.supervisor``, its job on stdin, its status on
stdout.

- It leaves the trainer's session by a double fork, so that nothing which ends the trainer ends it first; the
  lifeline carries what it needs to know.
- It is a subreaper: every process of the run is below it, and when it says ``Finished`` none is left, nor is
  the scratch folder.
- Above it sits a guard, a subreaper too, that does nothing but wait for it. If it is killed, what it kept
  falls to the guard, which ends that. If the guard is killed, it goes on alone.
- One thread, one ``select``: a variant that floods its log delays nothing else by more than one chunk.
- The standard library and msgspec are all it imports: it must start fast and stay small.
"""

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import msgspec

from evaluator.job import Final, FirstBatch, HandedOver, JudgeEvent, TwinDone, WantsTwin
from evaluator.result import TAIL_CHARS, RunResult
from trainer.process.descendants import REAPED_AT_ONCE, Ended, end_all, reap
from trainer.process.guard import leave_guard, leave_session
from trainer.run.cpu_meter import CpuMeter
from trainer.run.job import Finished, Running, Status, SupervisorJob, decode_job, encode
from trainer.run.lifecycle import Lifecycle
from trainer.run.log_progress import WINDOW, read_progress
from trainer.run.processes import JUDGE_LOG, VARIANT, remove_group, start_processes, watch_over
from trainer.run.result_file import LOG, write_result
from trainer.run.runlog import LAST_PART, RunLog
from trainer.run.twin import Twin
from trainer.sandbox.confine import exit_code
from trainer.sandbox.identity import remove_scratch

TICK = 0.5
"""Seconds between two reports of progress."""

CHUNK = 1 << 20
"""Bytes read at once."""

LONGEST_LINE = 1 << 20
"""Bytes of a judge's event; a longer one is no event."""

REAP_SECONDS = 20.0
"""Seconds for killed processes to go. A GPU driver may hold one for some seconds while it frees memory."""

SWEEP = 3.0
"""Seconds for what a variant left behind to go while its judge finishes; what is left then goes with the
judge.
"""

STDOUT = 1


class Supervision:
    """One run, from its start to its result."""

    def __init__(self, job: SupervisorJob, signals: int) -> None:
        self._job = job
        self._signals = signals
        self._started_at = time.time()
        self._lifecycle = Lifecycle(time.monotonic(), job.order.budget.wall_cap)
        self._log = RunLog(job.order.directory / LOG, job.log_bytes)
        self._kills_before = _out_of_memory_kills()
        self._processes = start_processes(job)
        self._twin = Twin(job, self._processes)
        self._watch = watch_over(job, VARIANT, self._processes.variant)
        self._group = self._processes.group
        self._cpu = CpuMeter([self._processes.judge], self._group.child(VARIANT) if self._group else None)
        self._report = b""
        self._peak_memory = self._most_memory = 0
        self._selector = selectors.DefaultSelector()
        self._listen()

    def _listen(self) -> None:
        handlers: dict[int, Callable[[], None]] = {
            self._job.lifeline: self._on_lifeline,
            self._signals: self._on_signal,
            self._processes.report: self._on_report,
            self._processes.log: self._on_log,
        }
        for descriptor, handler in handlers.items():
            self._selector.register(descriptor, selectors.EVENT_READ, handler)

    def watch(self) -> None:
        """Follow the run until it must end."""
        tick = 0.0
        while (now := time.monotonic()) < (end := self._lifecycle.ends_at()):
            if now >= tick:
                tick = now + TICK
                self._tell()
                if breach := self._watch.look():
                    self._lifecycle.breach(breach.what, breach.memory)
                self._cpu.look()
                if self._twin.breaches():
                    self._take(self._twin.leave())
                self._most_memory = max(self._most_memory, self._watch.memory + self._twin.memory)
            for key, _ in self._selector.select(min(end, tick) - now):
                key.data()

    def _tell(self) -> None:
        step, loss = read_progress(self._log.tail(WINDOW).decode(errors="replace"))
        try:
            os.write(STDOUT, encode(Running(self._lifecycle.progress(step, loss))))
        except (BlockingIOError, BrokenPipeError):
            return  # a trainer too busy to listen misses one; one that died closed the lifeline too

    def _on_lifeline(self) -> None:
        self._lifecycle.stop("cancelled" if os.read(self._job.lifeline, 1) else "trainer died")

    def _on_signal(self) -> None:
        numbers = os.read(self._signals, CHUNK)
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._lifecycle.stop("supervisor was told to end")
        ended = list(islice(reap(), REAPED_AT_ONCE))
        self._take(ended)
        if any(one.pid == self._processes.variant for one in ended):
            # What it left behind may hold its end of the judge's socket, and the judge waits for that to
            # close.
            more, _ = end_all([self._processes.variant], SWEEP, spare=[self._processes.judge])
            self._twin.forget()
            self._take(more)
        if twin := next((one for one in ended if one.pid == self._twin.pid), None):
            self._lifecycle.twin_ended(exit_code(self._job.sandbox, twin.status))
            self._take(self._twin.leave())

    def _take(self, ended: Iterable[Ended]) -> None:
        for one in ended:
            if one.pid == self._processes.variant:
                self._peak_memory = one.peak_memory
                self._lifecycle.variant_ended(exit_code(self._job.sandbox, one.status), time.monotonic())

    def _on_report(self) -> None:
        chunk = os.read(self._processes.report, CHUNK)
        *lines, self._report = (self._report + chunk).split(b"\n")
        try:
            for line in lines:
                self._hear(msgspec.json.decode(line, type=JudgeEvent))
        except msgspec.DecodeError:
            chunk = b""
        if not chunk or len(self._report) > LONGEST_LINE:
            self._selector.unregister(self._processes.report)
            self._lifecycle.judge_ended()

    def _hear(self, event: JudgeEvent) -> None:
        self._lifecycle.hear(event, time.monotonic())
        match event:
            case FirstBatch():
                self._cpu.first_batch()
            case HandedOver():
                self._cpu.handed_over()
            case Final():
                self._cpu.claimed()
            case WantsTwin():
                self._cpu.claimed()
                if (log := self._twin.enter()) is not None:
                    self._selector.register(log, selectors.EVENT_READ, self._on_twin_log)
            case TwinDone(answered=answered):
                if not answered and (status := self._twin.own_end()) is not None:
                    self._lifecycle.twin_ended(exit_code(self._job.sandbox, status))
                self._take(self._twin.leave())

    def _on_twin_log(self) -> None:
        if not self._twin.read_log():
            self._selector.unregister(self._twin.log)

    def _on_log(self) -> None:
        chunk = os.read(self._processes.log, CHUNK)
        self._log.write(chunk)
        if not chunk:
            self._selector.unregister(self._processes.log)

    def finish(self) -> RunResult:
        """End all that is left of the run and say what it was."""
        self._lifecycle.end(time.monotonic())
        if self._group:
            self._group.kill(REAP_SECONDS)
        reaped, nothing_left = end_all([self._processes.variant, self._processes.judge], REAP_SECONDS)
        self._take(reaped)
        self._drain()
        return self._result({} if nothing_left else {"warning": "processes of this run are left"})

    def _kills(self) -> int | None:
        """Processes the kernel has ended for memory since the run began: its own, where it has a group that
        says so, else the machine's.
        """
        if self._group and (kills := self._group.out_of_memory_kills()) is not None:
            return kills
        now = _out_of_memory_kills()
        return None if now is None or self._kills_before is None else now - self._kills_before

    def _drain(self) -> None:
        """Take what the log pipe still holds: nobody writes any more."""
        try:
            while chunk := os.read(self._processes.log, CHUNK):
                self._log.write(chunk)
        except BlockingIOError:
            pass  # somebody outlived our timeout and holds the other end
        self._log.close()
        self._twin.close(keep_log=bool((final := self._lifecycle.final) and "twin" in final.details))

    def _result(self, remarks: dict[str, float | str]) -> RunResult:
        order, lifecycle, final = self._job.order, self._lifecycle, self._lifecycle.final
        log = self._log.tail(LAST_PART).decode(errors="replace")
        return RunResult(
            run=order.run,
            outcome=lifecycle.outcome(log, _last_words(order.directory / JUDGE_LOG), self._kills()),
            seed=order.seed,
            seconds=lifecycle.seconds(),
            floor=final.floor if final else None,
            audit=final.audit if final else None,
            sandbox=self._job.sandbox.tier,
            spent=final.spent if final else lifecycle.share * order.budget.amount,
            steps=lifecycle.steps,
            cpu=self._cpu.used,
            peak_memory=max(self._peak_memory, self._most_memory),
            log_bytes=self._log.written,
            tail=log[-TAIL_CHARS:],
            details=(final.details if final else {}) | remarks,
            started_at=self._started_at,
            finished_at=time.time(),
        )


def _out_of_memory_kills() -> int | None:
    """Processes the kernel has ended for memory since it started; None where it does not say."""
    try:
        counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
        return int(counters["oom_kill"])
    except (OSError, KeyError, ValueError):
        return None


def _last_words(path: Path) -> str:
    """Last line the judge wrote to its log, which goes if it is empty."""
    lines = path.read_bytes()[-LAST_PART:].decode(errors="replace").strip().splitlines()
    if not lines:
        path.unlink()
    return lines[-1] if lines else ""


def supervise(job: SupervisorJob) -> RunResult:
    """See ``job`` through. When this returns or raises, no process and no scratch folder of the run is left;
    the result is on disk.
    """
    signals = _hear_signals()
    try:
        supervision = Supervision(job, signals)
        supervision.watch()
        result = supervision.finish()
    finally:
        _clear(job)
    write_result(job.order.directory, result)
    return result


def _hear_signals() -> int:
    """A descriptor on which the number of each signal arrives. Handled, not ignored: what is ignored stays
    ignored in the children.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _clear(job: SupervisorJob) -> None:
    end_all([], REAP_SECONDS)
    remove_group(job)
    remove_scratch(job.scratch)


def _say(status: Status) -> None:
    os.set_blocking(STDOUT, True)
    try:
        with os.fdopen(STDOUT, "wb", closefd=False) as out:
            out.write(encode(status))
    except BrokenPipeError:
        return  # the trainer is gone; the result is on disk


def main() -> None:
    """Entry of the process."""
    leave_session()
    job = decode_job(sys.stdin.buffer.read())
    leave_guard(lambda: _clear(job))
    os.set_inheritable(job.lifeline, False)
    os.set_blocking(STDOUT, False)
    _say(Finished(supervise(job)))


if __name__ == "__main__":
    main()
