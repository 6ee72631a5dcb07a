"""The one interface between an agent and whatever trains a variant.

- ``train`` blocks until nothing of the run is left: no process, no temporary file.
- A variant's failure is an outcome in the result; an exception means that this trainer cannot train anything
  at all.
- Every trainer passes the same contract suite (tests/contract).
"""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Protocol

from msgspec import Struct

from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget
from evaluator.result import Progress, RunResult


class Slot(Struct, frozen=True):
    """Where a run happens. cores: CPU cores it may use. gpu: value of CUDA_VISIBLE_DEVICES, or None for a CPU
    slot.
    """

    name: str
    cores: int = 1
    gpu: str | None = None


class RunOrder(Struct, frozen=True, kw_only=True):
    """One training of one variant.

    run: its id, unique in the campaign. source: text of the surface. directory: where its log and result are
    kept (made if missing). seed: offsets every random generator of the variant and the order of its data.
    audit: how much of its claims is checked. warmup_allowance, pace: what the baseline took on this machine,
    see ``evaluator.job.JudgeJob``; a result's details hold them as ``warmup_seconds`` and ``pace``.
    """

    run: str
    source: str
    seed: int
    budget: Budget
    directory: Path
    audit: AuditPlan = AuditPlan()
    warmup_allowance: float | None = None
    pace: float | None = None


class Trainer(Protocol):
    """Trains variants, one at a time."""

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        """Run ``order`` to its end. A set ``cancel`` ends it early with outcome ``Lost("cancelled")``."""
        ...
