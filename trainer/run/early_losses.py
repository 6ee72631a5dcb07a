"""The losses that a run prints until it is looked at, read from its log as it comes.

- The mark in the log is set by the judge while the run waits for a batch. So what stands before it is the
  same however fast it is read, and under a counted budget the same on every machine.
- Untrusted text: lines are bounded, odd ones are no losses, and a bounded number is kept.
"""

from collections import deque
from statistics import fmean

from evaluator.early_stop import EarlyLook, StopPlan
from evaluator.result import EndedEarly, Outcome
from trainer.run.log_progress import WINDOW, read_progress

LARGEST = 1e6
"""A loss beyond it, either way, is none."""
KEPT = 4096
"""Losses that the mean is of, at most: of a run that prints more, the last."""
FEWEST = 4
"""Losses that a look needs: the mean of fewer says above all when the last of them was printed."""
FLOOD = 100_000
"""Lines with a loss beyond which there is none: reading them would take a supervisor seconds."""


class EarlyLosses:
    """Of one run. Takes what it writes, and gives it back without the mark."""

    def __init__(self, plan: StopPlan | None, mark: bytes) -> None:
        """mark: not empty."""
        self.look: EarlyLook | None = None
        """What was read once the mark was there; None before, and where no loss was printed."""
        self._plan = plan
        self._mark = mark
        self._held = b""
        self._line = b""
        self._losses: deque[float] = deque(maxlen=KEPT)
        self._lines = 0

    @property
    def ends(self) -> bool:
        """Whether the run is to be ended now."""
        return self.look is not None and self.look.ends

    def outcome(self, otherwise: Outcome) -> Outcome:
        """Of the run. One that was over its bar is ended there, whatever it came to until that was done: else
        the outcome would be a matter of how fast the log is read.
        """
        return ended(self.look) if self.look is not None and self.look.ends else otherwise

    def passed_on(self, chunk: bytes) -> bytes:
        """What it writes, as far as that is no part of the mark; an empty chunk is the end of it."""
        if self._plan is None:
            return chunk
        before, mark, after = (self._held + chunk).partition(self._mark)
        held = begun(before, self._mark) if chunk and not mark else 0
        self._held = before[len(before) - held :]
        before = before[: len(before) - held]
        self._read(before)
        if mark:
            losses = list(self._losses)
            later = losses[-((len(losses) + 1) // 2) :] if self._tells(losses) else []
            self.look = EarlyLook(self._plan, fmean(later)) if later else None
            self._plan = None
        return before + after

    def _tells(self, losses: list[float]) -> bool:
        return self._lines <= FLOOD and len(losses) >= FEWEST

    def _read(self, text: bytes) -> None:
        *lines, self._line = (self._line + text.replace(b"\r", b"\n")).split(b"\n")
        self._line = self._line[-WINDOW:]
        for line in lines:
            if b"loss" not in line.lower():
                continue
            self._lines += 1
            if self._lines <= FLOOD:
                self._take(line[-WINDOW:].decode(errors="replace"))

    def _take(self, line: str) -> None:
        _, loss = read_progress(f"{line}\n")
        if loss is not None and abs(loss) <= LARGEST:
            self._losses.append(loss)


def ended(look: EarlyLook) -> EndedEarly:
    """The outcome of a run that was ended where it was looked at."""
    guess = look.estimate
    about = "" if guess is None else f"; by that it might have come to {guess:.5g}, an estimate"
    why = f"at {look.plan.at:.0%}: its losses were {look.loss:.5g}, over {look.plan.bar:.5g}{about}"
    return EndedEarly(why, guess)


def begun(text: bytes, mark: bytes) -> int:
    """How many bytes at the end of ``text`` may be the beginning of ``mark``."""
    return next((size for size in range(len(mark) - 1, 0, -1) if text.endswith(mark[:size])), 0)
