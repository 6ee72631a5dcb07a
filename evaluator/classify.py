"""What a run's end means. Pure: evidence in, outcome out.

- What the judge measured or unmasked stands, however the process ended afterwards.
- What we did to a run (cancelled it, ended it at the wall cap) is never held against it as a crash.
- The log is untrusted: it chooses between kinds of crash and supplies a bounded message, never a value. Once
  validation rows were shown it supplies nothing but the choice.
- Killed from outside is lost only where nothing could be gained by it: a variant can kill itself, and one
  that knows the validation rows knows its value too.
"""

import signal

from msgspec import Struct

from evaluator.job import Final
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Lost, Measured, Outcome, TimedOut

MESSAGE_CHARS = 300
"""Longest message kept: a line that fits into a table or a brief."""

MEMORY_SIGNS = (
    "MemoryError",
    "OutOfMemoryError",
    "CUDA out of memory",
    "can't allocate memory",
    "not enough memory",
)
"""How Python, torch on a GPU and torch on a CPU say that memory ran out, in the last line of a traceback."""

KILLED_BY = "killed by "
"""How the message of a run begins that a signal ended."""

KILLED = f"{KILLED_BY}SIGKILL, as the kernel does when memory runs out"

WHILE_EVALUATED = "it failed while it was evaluated"
"""Of a variant that may know the validation rows: its own words could be they."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known of a run at its end."""

    final: Final | None
    """The judge's last word, or None."""

    exit_code: int | None
    """Of the variant, negative for a signal that was not ours; None when it was still alive when we ended it.
    """

    first_batch: bool
    """Whether it asked for one."""

    seconds: float
    """Of real time since its start."""

    tail: str
    """End of its log."""

    stopped: str = ""
    """Why it was cut short ("cancelled", …), else empty."""

    breach: tuple[str, bool] | None = None
    """The bound it was ended for, and whether that was memory's."""

    wall_capped: bool = False
    """It was ended at the wall cap."""

    share: float = 0.0
    """Of the budget that was spent, as the judge last said, 0 to 1."""

    judge_error: str = ""
    """Why there is none."""

    out_of_memory_kills: int | None = None
    """Processes the kernel ended for memory meanwhile, on this machine or, where it counts so, in this run;
    None where it does not say.
    """

    rows_shown: bool = False
    """Validation rows were, or were about to be: nothing it says from then on is passed on."""


def classify(evidence: Evidence) -> Outcome:
    """The outcome that follows from ``evidence``."""
    verdict = evidence.final.outcome if evidence.final else None
    if isinstance(verdict, Cheated | Measured):
        return verdict
    if evidence.stopped:
        return Lost(evidence.stopped)
    if evidence.breach:
        what, memory = evidence.breach
        return _crashed(CrashKind.OUT_OF_MEMORY if memory else CrashKind.EXCEPTION, what, evidence)
    if evidence.wall_capped:
        why = f"{evidence.share:.1%} of its budget was spent" if evidence.share else ""
        return TimedOut(Limit.WALL_CAP, evidence.seconds, why)
    if verdict is None:
        return Lost(
            bounded(f"judge crashed: {evidence.judge_error}" if evidence.judge_error else "judge crashed")
        )
    if isinstance(verdict, Crashed) and (verdict.kind is CrashKind.NO_RESULT or _cut_off(evidence, verdict)):
        return _crash(evidence, verdict)
    return verdict


def _cut_off(evidence: Evidence, verdict: Crashed) -> bool:
    """Whether what looked like a broken message was half of one, by a process killed meanwhile."""
    return verdict.kind is CrashKind.CONTRACT and evidence.exit_code is not None and evidence.exit_code < 0


def _crash(evidence: Evidence, verdict: Crashed) -> Crashed | Lost:
    """Which crash kept the judge from a result, by the way the process ended."""
    said = last_error(evidence.tail)
    killed = evidence.exit_code == -signal.SIGKILL
    if evidence.exit_code == 0 or evidence.exit_code is None:
        return _crashed(CrashKind.NO_RESULT, verdict.message, evidence)
    if killed and evidence.out_of_memory_kills == 0 and not evidence.rows_shown:
        return Lost("its process was killed from outside", killed=True)
    if killed and evidence.out_of_memory_kills != 0:
        return _crashed(CrashKind.OUT_OF_MEMORY, KILLED, evidence)
    if any(sign in said for sign in MEMORY_SIGNS):
        return _crashed(CrashKind.OUT_OF_MEMORY, said, evidence)
    kind = CrashKind.EXCEPTION if evidence.first_batch else CrashKind.DOES_NOT_START
    ending = f"{_ending(evidence.exit_code)} {_last_line(evidence.tail)}".strip()
    return _crashed(kind, said if evidence.exit_code > 0 and said else ending, evidence)


def _crashed(kind: CrashKind, message: str, evidence: Evidence) -> Crashed:
    """With its message, or with ours where its own might be about validation rows."""
    return Crashed(kind, WHILE_EVALUATED if evidence.rows_shown else bounded(message))


def _ending(exit_code: int) -> str:
    if exit_code > 0:
        return f"exit code {exit_code}."
    try:
        return f"{KILLED_BY}{signal.Signals(-exit_code).name}."
    except ValueError:
        return f"{KILLED_BY}signal {-exit_code}."


def last_error(tail: str) -> str:
    """The line of the last exception in a log, such as ``ValueError: bad shape``, bounded; empty when there
    is none.
    """
    _, heading, trace = tail.rpartition("Traceback (most recent call last):")
    if not heading:
        return ""
    return bounded(next((line for line in trace.splitlines() if line and not line[0].isspace()), ""))


def _last_line(tail: str) -> str:
    return next((line for line in reversed(tail.splitlines()) if line.strip()), "")


def bounded(text: str) -> str:
    """``text`` as one printable line of at most 300 characters."""
    return "".join(char if char.isprintable() else " " for char in text[:MESSAGE_CHARS]).strip()
