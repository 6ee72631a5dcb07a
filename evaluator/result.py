"""What happened to a run: outcomes and results.

A variant's crash is an outcome, not an exception. Matching on ``Outcome`` is closed: a new class breaks the
type check wherever it must be handled.
"""

from enum import StrEnum

from msgspec import Struct, field

from evaluator.early_stop import EarlyLook

TAIL_CHARS = 2_000
"""Longest text of a variant kept in a result: enough for a traceback's end, short enough to be quoted in a
brief.
"""


class CrashKind(StrEnum):
    """Why a run produced no number."""

    DOES_NOT_START = "does_not_start"
    """It ended before it asked for its first batch."""
    EXCEPTION = "exception"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    """Its losses were not finite."""
    NO_RESULT = "no_result"
    """It ended, perhaps with exit code 0, without letting the judge evaluate its model."""
    GUARD = "guard"
    """A check of its task failed, or a further metric is beyond its bound."""
    CONTRACT = "contract"
    """It answered the judge with something of the wrong shape or kind."""


class Limit(StrEnum):
    """Which limit a timed-out run met."""

    BUDGET = "budget"
    """It went on asking for batches after its budget was spent."""
    WALL_CAP = "wall_cap"


class Measured(Struct, frozen=True, tag="measured"):
    """The judge computed a value."""

    value: float
    """In the task's metric."""


class Crashed(Struct, frozen=True, tag="crashed"):
    """It failed before it had a value."""

    kind: CrashKind

    message: str = ""
    """The last line of the traceback or what the judge saw; untrusted text, bounded."""


class TimedOut(Struct, frozen=True, tag="timed_out"):
    """The run was ended at a limit."""

    limit: Limit

    seconds: float
    """Of real time, until then."""

    why: str = ""
    """What was seen, in our words; empty in old journals."""


class Cheated(Struct, frozen=True, tag="cheated"):
    """The judge does not believe it."""

    kind: str
    """How, in a word."""

    evidence: str
    """The figures."""


class EndedEarly(Struct, frozen=True, tag="ended_early"):
    """It was over its bar when it was looked at, and ended there: no failure, and no value."""

    why: str
    """In our words."""

    estimate: float | None = None
    """What it might have come to, in the metric's unit, by its own losses: no measurement."""


class Lost(Struct, frozen=True, tag="lost"):
    """The machine's fault, not the variant's: the run is queued again and nothing is charged."""

    reason: str

    killed: bool = False
    """Its process was killed from outside, as far as can be seen: a variant can do that to itself."""


Outcome = Measured | Crashed | TimedOut | Cheated | EndedEarly | Lost


def outcome_name(outcome: Outcome) -> str:
    """The glossary's word for an outcome, e.g. ``timed_out``."""
    return str(outcome.__struct_config__.tag)


class Seconds(Struct, frozen=True):
    """Real seconds of a run by phase, by the supervisor's clock."""

    startup: float = 0.0
    """Until the first batch is asked for."""

    train: float = 0.0
    """From there to the call of ``evaluate_bpb``."""

    evaluate: float = 0.0
    """From there to the judge's number."""

    total: float = 0.0
    """From the start of the process to its end."""


class CpuSeconds(Struct, frozen=True):
    """Seconds of CPU that all processes of a run used."""

    startup: float
    """Until its first batch."""

    train: float
    """From there until its weights were handed over."""

    evaluate: float = 0.0
    """From there until its last claim."""

    counted: bool = False
    """The kernel counted them for all of its processes together; else they are what was seen of each."""


class Audit(Struct, frozen=True):
    """What checking the claims of a run came to."""

    kind: str
    """``twin`` (compared with a process that never saw the rows), ``live`` (no twin could be built: probed as
    it answered) or ``none``. Where commands measure: ``outside`` (in a box that its code was never in) or
    ``beside`` (it ran there).
    """

    positions: int
    """How many were compared."""

    correction: float
    """Judged minus claimed, in metric units."""

    standard_error: float
    """Of it, in the same units."""

    leak_bound: float
    """95 %, in metric units."""

    largest: float
    """Greatest |blind - claim| at one position, in nats."""

    @property
    def in_short(self) -> str:
        """``twin 2048``, or ``outside`` where nothing was compared position by position."""
        return f"{self.kind} {self.positions}" if self.positions else self.kind


class RunResult(Struct, frozen=True, kw_only=True):
    """Everything the swarm keeps of one run."""

    run: str
    outcome: Outcome
    seed: int
    seconds: Seconds = Seconds()

    floor: float | None = None
    """The task's exact lower bound of the metric, or None."""

    sandbox: str = "none"
    """The tier that confined it: A, B, C, B-, C-, D, E, F; or ``simulated``."""

    audit: Audit | None = None
    """Of its claims, None where there was none."""

    early: EarlyLook | None = None
    """What was read when it was looked at; None where it was not, or had printed no loss."""

    spent: float = 0.0
    """Of the budget, in its unit."""

    steps: int = 0
    """Batches handed out."""

    cpu: CpuSeconds | None = None
    """None where its weights were not handed over."""

    peak_memory: int = 0
    """Bytes that its live variant and its twin used together at most, shared pages counted once; without the
    judge.
    """

    log_bytes: int = 0
    """What it wrote to stdout and stderr, kept or not."""

    tail: str = ""
    """The end of its log (untrusted, bounded)."""

    details: dict[str, float | str] = field(default_factory=dict)
    """What else the judge measured, for people."""

    started_at: float = 0.0
    """Seconds since the epoch by the clock of the node that ran it."""

    finished_at: float = 0.0
    """Seconds since the epoch by the clock of the node that ran it."""


class Progress(Struct, frozen=True):
    """How far a run is."""

    share: float = 0.0
    """Of the budget, 0 to 1, by the judge."""

    step: int | None = None
    """As its log says (untrusted), where it says so."""

    loss: float | None = None
    """As its log says (untrusted), where it says so."""
