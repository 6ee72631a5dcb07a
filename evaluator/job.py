"""What the supervisor tells the judge and hears from it.

The judge is started as ``python -m evaluator.judge JOB --variant-fd N --report-fd M``: JOB is a JSON file holding a ``JudgeJob``; on M it writes one
JSON line per ``JudgeEvent``, a ``Final`` last, and exits. When the variant's end of N closes early the judge still writes its ``Final``.
"""

from pathlib import Path

from msgspec import Struct, field

from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget
from evaluator.result import Audit, Outcome


class JudgeJob(Struct, frozen=True, kw_only=True):
    """One run to judge. data: a prepared data folder. seed: rotates the order of training data and offsets the variant's generators."""

    run: str
    data: Path
    budget: Budget
    seed: int
    audit: AuditPlan = AuditPlan()


class FirstBatch(Struct, frozen=True, tag="first_batch"):
    """The variant asked for its first training batch: its start is over."""


class Spent(Struct, frozen=True, tag="spent"):
    """share: of the budget, 0 to 1 and a little over. steps: batches handed out."""

    share: float
    steps: int


class Evaluating(Struct, frozen=True, tag="evaluating"):
    """The variant called ``evaluate_bpb``: its clock stands still."""


class Final(Struct, frozen=True, tag="final", kw_only=True):
    """What the judge saw in all. outcome: Measured; Crashed with NO_RESULT, DIVERGED or CONTRACT; TimedOut at the budget; Cheated.

    spent: of the budget in its unit. floor: exact lower bound of the metric, or None. details: figures for people.
    """

    outcome: Outcome
    spent: float
    steps: int
    floor: float | None = None
    audit: Audit | None = None
    details: dict[str, float | str] = field(default_factory=dict)


JudgeEvent = FirstBatch | Spent | Evaluating | Final
