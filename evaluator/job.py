"""What the supervisor and the judge send to each other.

The judge is started as ``python -m evaluator.judging.judge JOB --variant-fd N --twin-fd T --report-fd M``:
JOB is a JSON file holding a ``JudgeJob``; on M it writes one JSON line per ``JudgeEvent``, a ``Final`` last,
and exits. When the variant's end of N closes early the judge still writes its ``Final``.

T is for a twin. After ``WantsTwin`` the supervisor ends the live variant and all it started, for good, and
removes what it left; then it starts the same surface once more, in another sandbox, with the other end of T,
and lets that end go itself; where it cannot start one it only does the last. From ``WantsTwin`` on nobody
answers on N, and whatever is sent there is lost. The twin greets within ``CHANGE_OVER`` seconds and its own
start. After ``TwinDone`` the supervisor ends all of the twin. Either comes at most once.
"""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget
from evaluator.result import Audit, Outcome

CHANGE_OVER = 60.0
"""Seconds from ``WantsTwin`` until the twin is handed its surface, at most: a GPU driver takes up to twenty
to let go of a process, and files of the machine may have to be read again.
"""


class JudgeJob(Struct, frozen=True, kw_only=True):
    """One run to judge."""

    run: str

    data: Path
    """A prepared data folder."""

    budget: Budget

    seed: int
    """Rotates the order of training data and offsets the variant's generators."""

    audit: AuditPlan = AuditPlan()

    baseline: BaselineFacts = BaselineFacts()
    """What the unmodified surface came to in the same division."""

    blocks: tuple[int, ...] = (0,)
    """Blocks of validation rows it is evaluated on; the first one's value is the outcome's."""

    cores: int = 1
    """CPU cores of its slot."""

    log: int | None = None
    """Descriptor of the pipe that the live variant writes to; None where nobody reads it."""

    mark: str = ""
    """In hexadecimal: what goes into that pipe before validation rows are shown. Secret."""

    look_at: float = 0.0
    """Share of the budget at which the run is looked at; 0 means never."""

    look_mark: str = ""
    """In hexadecimal: what goes into the log's pipe then. Secret."""

    cpu_stat: Path | None = None
    """File in which the kernel counts the CPU seconds of everything the live variant starts (``cpu.stat`` of
    a control group); None where it does not.
    """

    twin_cpu_stat: Path | None = None
    """The same of the twin."""


class FirstBatch(Struct, frozen=True, tag="first_batch"):
    """The variant asked for its first training batch: its start is over."""


class Spent(Struct, frozen=True, tag="spent"):
    """The run goes on."""

    share: float
    """Of the budget, 0 to 1 and a little over."""

    steps: int
    """Batches handed out."""


class LookedAt(Struct, frozen=True, tag="looked_at"):
    """It has spent the share at which it is looked at, and waits for a batch: what it had printed until then
    stands before the mark.
    """


class Evaluating(Struct, frozen=True, tag="evaluating"):
    """The variant called ``evaluate_bpb``: training is over, what its evaluation may take is bounded."""


class HandedOver(Struct, frozen=True, tag="handed_over"):
    """The weights are with the judge: nothing that is trained from now on counts. Comes at once where none
    are asked for.
    """


class ClaimsIn(Struct, frozen=True, tag="claims_in"):
    """The claims are in, and the weights are the same as before: what is used later is for the audit."""


class WantsTwin(Struct, frozen=True, tag="wants_twin"):
    """The claims are in and are to be checked: end the live variant, start a twin."""


class TwinDone(Struct, frozen=True, tag="twin_done"):
    """The twin is not needed any more: end it."""

    answered: bool = True
    """Whether it did all that it was asked for."""


class Final(Struct, frozen=True, tag="final", kw_only=True):
    """What the judge saw in all."""

    outcome: Outcome
    """Measured; Crashed with NO_RESULT, DIVERGED or CONTRACT; TimedOut at the budget; Cheated."""

    spent: float
    """Of the budget, in its unit."""

    steps: int
    """Batches handed out."""

    floor: float | None = None
    """Exact lower bound of the metric, or None."""

    audit: Audit | None = None
    """Of the claims, if there was one."""

    details: dict[str, float | str] = field(default_factory=dict)
    """For people, and for the runs that are compared with this one."""


JudgeEvent = FirstBatch | Spent | LookedAt | Evaluating | HandedOver | ClaimsIn | WantsTwin | TwinDone | Final


def read_job(path: Path) -> JudgeJob:
    """A job file. Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=JudgeJob, dec_hook=_path)


def _path(_kind: type, value: Any) -> Path:
    return Path(value)
