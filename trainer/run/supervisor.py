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

from evaluator.job import ClaimsIn, Final, FirstBatch, HandedOver, JudgeEvent, TwinDone, WantsTwin
from evaluator.result import TAIL_CHARS, RunResult
from evaluator.wall_caps import STALLED
from trainer.process import charged
from trainer.process.descendants import REAPED_AT_ONCE, Ended, end_all, reap
from trainer.process.guard import leave_guard, leave_session
from trainer.run import status_pipe
from trainer.run.cpu_meter import CpuMeter
from trainer.run.early_losses import EarlyLosses
from trainer.run.job import Finished, Running, SupervisorJob, decode_job
from trainer.run.kernel_counters import KernelCounters
from trainer.run.lifecycle import Lifecycle
from trainer.run.log_progress import WINDOW, read_progress
from trainer.run.processes import (
    JUDGE_LOG,
    VARIANT,
    forget,
    remove_group,
    remove_home,
    start_processes,
    watch_over,
)
from trainer.run.report import Report, last_words
from trainer.run.result_file import write_result
from trainer.run.runlog import LAST_PART
from trainer.run.scrub import scrub
from trainer.run.signals import hear_signals
from trainer.run.twin import Twin
from trainer.run.variant_log import VariantLog
from trainer.sandbox import lookups
from trainer.sandbox.confine import exit_code
from trainer.sandbox.identity import remove_scratch

TICK = 0.5
"""Seconds between two reports of progress."""

CHUNK = 1 << 20
"""Bytes read at once."""

REAP_SECONDS = 20.0
"""Seconds for killed processes to go. A GPU driver may hold one for some seconds while it frees memory."""

SWEEP = 3.0
"""Seconds for what a variant left behind to go while its judge finishes; the rest goes with the judge."""


class Supervision:
    """One run, from its start to its result."""

    def __init__(self, job: SupervisorJob, signals: int) -> None:
        self._job = job
        self._signals = signals
        self._started_at = time.time()
        self._lifecycle = Lifecycle(time.monotonic(), job.order.budget.wall_cap)
        self._counters = KernelCounters()
        self._remarks: dict[str, float | str] = scrub(job)
        processes = self._processes = start_processes(job)
        self._live, self._peak_memory, self._most_memory = True, 0, 0
        self._report = Report(processes.report)
        self._early = EarlyLosses(job.order.early, processes.marks[1])
        kept = job.order.directory, job.log_bytes
        self._log = VariantLog(processes.log, *kept, processes.marks[0], self._early)
        self._twin = Twin(job, self._processes)
        self._watch = watch_over(job, VARIANT, processes.variant, processes.judge)
        self._group = processes.group
        self._cpu = CpuMeter([processes.judge], self._group.child(VARIANT) if self._group else None)
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
                if self._live and (breach := self._watch.look()):
                    self._lifecycle.breach(breach.what, breach.memory)
                self._cpu.look()
                if self._twin.breaches():
                    self._leave_twin()
                self._most_memory = max(self._most_memory, self._watch.memory + self._twin.memory)
            for key, _ in self._selector.select(min(end, tick) - now):
                key.data()
            for event in self._report.events():
                self._hear(event)

    def _tell(self) -> None:
        said = read_progress(self._log.tail(WINDOW))
        status_pipe.mention(Running(self._lifecycle.progress(*said)))

    def _on_lifeline(self) -> None:
        self._lifecycle.stop("cancelled" if os.read(self._job.lifeline, 1) else "trainer died")

    def _on_signal(self) -> None:
        numbers = os.read(self._signals, CHUNK)
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._lifecycle.stop("supervisor was told to end")
        was_there = self._live
        self._take(list(islice(reap(), REAPED_AT_ONCE)))
        if was_there and not self._live:
            # What it left behind may hold its end of the judge's socket, and the judge waits for that to
            # close.
            self._take(end_all([self._processes.variant], SWEEP, spare=self._twin.spared)[0])
        if self._twin.has_ended:
            self._leave_twin()

    def _take(self, ended: Iterable[Ended]) -> None:
        for one in ended:
            self._twin.note(one.pid)
            if self._live and one.pid == self._processes.variant:
                self._live = False
                self._peak_memory = one.peak_memory
                self._lifecycle.variant_ended(exit_code(self._job.sandbox, one.status), time.monotonic())

    def _on_report(self) -> None:
        self._report.read()
        if self._report.ended:
            self._selector.unregister(self._processes.report)
            self._lifecycle.judge_ended()

    def _hear(self, event: JudgeEvent) -> None:
        self._lifecycle.hear(event, time.monotonic())
        match event:
            case FirstBatch():
                self._cpu.first_batch()
            case HandedOver():
                self._cpu.handed_over()
            case ClaimsIn() | Final():
                self._cpu.claimed()
            case WantsTwin():
                self._change_over()
            case TwinDone():
                self._leave_twin()

    def _change_over(self) -> None:
        """Start the twin, end the live variant beside it, and hand the twin the surface once nothing is left
        of the other.
        """
        began = time.monotonic()
        if (log := self._twin.stand_by()) is None:
            return
        self._selector.register(log, selectors.EVENT_READ, self._on_twin_log)
        gone = self._end_live()
        self._remarks |= scrub(self._job)
        self._remarks["live_end_seconds"] = time.monotonic() - began
        if not gone:
            self._remarks["live"] = "some of it was left, so that no twin could begin"
            self._leave_twin()
        if (waits_at := self._twin.waits_at) is not None:
            self._selector.register(waits_at, selectors.EVENT_READ, self._on_twin_waits)

    def _on_twin_waits(self) -> None:
        self._forget(self._twin.waits_at)
        self._twin.enter()

    def _leave_twin(self) -> None:
        self._forget(self._twin.waits_at)
        self._take(self._twin.leave())

    def _forget(self, descriptor: int | None) -> None:
        """Listen to it no more."""
        if descriptor is not None and descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def _end_live(self) -> bool:
        """End the live variant and all it started, take what it wrote and remove its home. Whether nothing is
        left.
        """
        if self._group:
            self._group.child(VARIANT).kill(REAP_SECONDS)
        reaped, gone = end_all([self._processes.variant], REAP_SECONDS, spare=self._twin.spared)
        self._take(reaped)
        gone = self._log.drain() and gone
        self._forget(self._processes.log)
        removed = remove_home(self._job, VARIANT)
        if reclaimed := self._counters.reclaimed():
            self._remarks["pages_reclaimed"] = float(reclaimed)
        if (kept := forget(self._job, VARIANT) if self._processes.charged else None) is not None:
            self._remarks["caches_kept"] = float(kept)
        elif not lookups.forget(self._group.child(VARIANT) if self._group else None):
            self._remarks["names"] = "the kernel remembers which ones it looked up"
        return removed and gone

    def _on_twin_log(self) -> None:
        if not self._twin.read_log():
            self._selector.unregister(self._twin.log)

    def _on_log(self) -> None:
        if not self._log.read():
            self._selector.unregister(self._processes.log)
        if self._early.ends:
            self._lifecycle.stop("ended early")

    def finish(self) -> RunResult:
        """End all that is left of the run and say what it was."""
        self._lifecycle.end(time.monotonic())
        if self._group:
            self._group.kill(REAP_SECONDS)
        reaped, nothing_left = end_all([self._processes.variant, self._processes.judge], REAP_SECONDS)
        self._take(reaped)
        if not nothing_left:
            self._remarks["warning"] = "processes of this run are left"
        self._log.drain()
        self._log.close()
        self._twin.close(keep_log=bool((final := self._lifecycle.final) and "twin" in final.details))
        return self._result()

    def _result(self) -> RunResult:
        order, lifecycle, final = self._job.order, self._lifecycle, self._lifecycle.final
        log = self._log.tail(LAST_PART)
        last = self._log.last_words(LAST_PART) if lifecycle.rows_shown else log
        judge_words, kills = last_words(order.directory / JUDGE_LOG), self._counters.kills(self._group)
        stalled: dict[str, float | str] = {STALLED: lifecycle.stalled} if lifecycle.wall_capped else {}
        return RunResult(
            run=order.run,
            outcome=self._early.outcome(lifecycle.outcome(last, judge_words, kills)),
            seed=order.seed,
            seconds=lifecycle.seconds(),
            floor=final.floor if final else None,
            audit=final.audit if final else None,
            early=self._early.look,
            sandbox=self._job.sandbox.tier,
            spent=final.spent if final else lifecycle.share * order.budget.amount,
            steps=lifecycle.steps,
            cpu=self._cpu.used,
            peak_memory=max(self._peak_memory, self._most_memory),
            log_bytes=self._log.written,
            tail=log[-TAIL_CHARS:],
            details=(final.details if final else {}) | self._remarks | stalled,
            started_at=self._started_at,
            finished_at=time.time(),
        )


def supervise(job: SupervisorJob) -> RunResult:
    """See ``job`` through. When this returns or raises, no process and no scratch folder of the run is left;
    the result is on disk.
    """
    signals = hear_signals()
    try:
        supervision = Supervision(job, signals)
        supervision.watch()
        result = supervision.finish()
    finally:
        _clear(job)
    write_result(job.order.directory, result)
    return result


def _clear(job: SupervisorJob) -> None:
    end_all([], REAP_SECONDS)
    remove_group(job)
    remove_scratch(job.scratch)
    charged.remove(job.scratch.name)


def main() -> None:
    """Entry of the process."""
    leave_session()
    job = decode_job(sys.stdin.buffer.read())
    leave_guard(lambda: _clear(job))
    os.set_inheritable(job.lifeline, False)
    status_pipe.prepare()
    status_pipe.say(Finished(supervise(job)))


if __name__ == "__main__":
    main()
