"""The lifecycle of one run as its supervisor sees it: what has happened, when it must end, what that means.

- Pure: time is an argument, in seconds of any monotonic clock.
- The budget is the judge's; here are only the wall cap and the graces.
- Once ended, no later report changes the outcome: what happens after that is our doing. So is the end of a
  variant whose twin is wanted: it never comes back, and the run is over with the judge's last word.
"""

from typing import assert_never

from evaluator.classify import Evidence, classify
from evaluator.job import (
    ClaimsIn,
    Evaluating,
    Final,
    FirstBatch,
    HandedOver,
    JudgeEvent,
    LookedAt,
    Spent,
    TwinDone,
    WantsTwin,
)
from evaluator.result import Crashed, Measured, Outcome, Progress, Seconds

SUMMARY_GRACE = 10.0
"""Seconds a measured variant may go on: it prints its summary and ends by itself."""

CRASH_GRACE = 2.0
"""Seconds a variant whose judge gave up may go on: its traceback and exit code say why."""

JUDGE_GRACE = 10.0
"""Seconds the judge has for its last word once the variant has ended."""


class Lifecycle:
    """One run, from its start until it is over."""

    def __init__(self, started: float, wall_cap: float) -> None:
        """started: when, in seconds of the clock. wall_cap: seconds."""
        self._started = started
        self._wall = started + wall_cap
        self._stopped = ""
        self._breach: tuple[str, bool] | None = None
        self._first_batch: float | None = None
        self._evaluating: float | None = None
        self._final: Final | None = None
        self._final_at: float | None = None
        self._exit_code: int | None = None
        self._variant_ended: float | None = None
        self._rows_shown = False
        self._live_left = False
        self._judge_ended = False
        self._ended: float | None = None
        self._spent = Spent(0.0, 0)
        self._spent_at = started

    @property
    def final(self) -> Final | None:
        """The judge's last word, if it came."""
        return self._final

    @property
    def share(self) -> float:
        """Share of the budget spent, 0 to 1."""
        return min(max(self._spent.share, 0.0), 1.0)

    @property
    def steps(self) -> int:
        """Batches handed out."""
        return self._final.steps if self._final else self._spent.steps

    @property
    def wall_capped(self) -> bool:
        """Whether it was ended at the wall cap, once ended."""
        return self._end() >= self._wall and (self._live_left or self._variant_ended is None)

    @property
    def stalled(self) -> float:
        """Seconds since the judge last said that more of the budget was spent, once ended."""
        return self._end() - self._spent_at

    def progress(self, step: int | None, loss: float | None) -> Progress:
        """How far it is; ``step`` and ``loss`` as its log says."""
        return Progress(self.share, step, loss)

    def hear(self, event: JudgeEvent, now: float) -> None:
        """Take what the judge says."""
        match event:
            case FirstBatch():
                self._first_batch = now
            case Spent():
                self._spent, self._spent_at = event, now
            case Evaluating():
                self._evaluating = now
            case HandedOver():
                self._rows_shown = True
            case LookedAt():
                pass  # its log says whether it goes on
            case ClaimsIn():
                pass  # its CPU is not counted any more
            case WantsTwin():
                self._live_left = True
            case TwinDone():
                pass  # the supervisor's to do; the wall cap goes on
            case Final():
                self._final, self._final_at = event, now
            case _:
                assert_never(event)

    def variant_ended(self, exit_code: int, now: float) -> None:
        """The variant's first process ended. exit_code: negative for a signal. Where its twin is wanted that
        is our doing.
        """
        if self._ended is None and not self._live_left:
            self._exit_code, self._variant_ended = exit_code, now

    def judge_ended(self) -> None:
        """The judge will say nothing more."""
        self._judge_ended = True

    @property
    def rows_shown(self) -> bool:
        """It may know the validation rows."""
        return self._rows_shown

    def stop(self, reason: str) -> None:
        """Somebody wants it to end now."""
        self._stopped = reason

    def breach(self, what: str, memory: bool) -> None:
        """It uses more of the machine than it may: it ends now, and that is its crash. memory: whether that
        is what it used.
        """
        self._breach = (what, memory)

    def ends_at(self) -> float:
        """When the run must be ended if nothing more happens; in the past when it is over."""
        return min(self._wall, self._grace_ends())

    def _grace_ends(self) -> float:
        if self._stopped or self._breach or (self._judge_ended and self._final is None):
            return self._started
        if self._final is None or self._final_at is None:
            return (
                self._wall
                if self._live_left or self._variant_ended is None
                else self._variant_ended + JUDGE_GRACE
            )
        if self._live_left or self._variant_ended is not None:
            return self._started
        match self._final.outcome:
            case Measured():
                return self._final_at + SUMMARY_GRACE
            case Crashed():
                return self._final_at + CRASH_GRACE
            case _:
                return self._started

    def end(self, now: float) -> None:
        """It is over: from now on whatever ends was ended by us."""
        self._ended = now

    def outcome(self, log: str, judge_error: str, out_of_memory_kills: int | None = None) -> Outcome:
        """What happened, once ended. log: end of what it wrote. judge_error: last line the judge wrote to
        stderr.
        out_of_memory_kills: see ``Evidence``.
        """
        ended = self._end()
        return classify(
            Evidence(
                final=self._final,
                exit_code=self._exit_code,
                first_batch=self._first_batch is not None,
                seconds=ended - self._started,
                tail=log,
                rows_shown=self._rows_shown,
                stopped=self._stopped,
                breach=self._breach,
                wall_capped=self.wall_capped,
                share=self.share,
                judge_error=judge_error,
                out_of_memory_kills=out_of_memory_kills,
            )
        )

    def seconds(self) -> Seconds:
        """Seconds by phase, once ended; a phase it did not reach has none."""
        end = self._end() if self._variant_ended is None else self._variant_ended
        scored = end if self._final_at is None else min(self._final_at, end)
        evaluating = scored if self._evaluating is None else self._evaluating
        first = evaluating if self._first_batch is None else self._first_batch
        return Seconds(first - self._started, evaluating - first, scored - evaluating, end - self._started)

    def _end(self) -> float:
        if self._ended is None:
            raise ValueError("the run has not ended")
        return self._ended
