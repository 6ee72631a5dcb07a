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
from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget
from evaluator.early_stop import StopPlan
from evaluator.result import Progress, RunResult


class Slot(Struct, frozen=True):
    """Where a run happens."""

    name: str

    cores: int = 1
    """CPU cores it may use."""

    gpu: str | None = None
    """Value of CUDA_VISIBLE_DEVICES, or None for a CPU slot."""

    machine_share: float = 1.0
    """Of the machine's memory that its runs may use, 0 to 1: one divided by the slots there."""


class RunOrder(Struct, frozen=True, kw_only=True):
    """One training of one variant."""

    run: str
    """Its id, unique in the campaign."""

    source: str
    """Text of the surface."""

    seed: int
    """Offsets every random generator of the variant and the order of its data."""

    budget: Budget

    directory: Path
    """Where its log and result are kept; made if missing."""

    audit: AuditPlan = AuditPlan()
    """How much of its claims is checked."""

    baseline: BaselineFacts = BaselineFacts()
    """What the unmodified surface came to in the slot's division."""

    blocks: tuple[int, ...] = (0,)
    """Blocks of validation rows it is evaluated on; the first one's value is the outcome's."""

    early: StopPlan | None = None
    """Where it is looked at and perhaps ended; None where it is not."""


class Trainer(Protocol):
    """Trains variants, one at a time."""

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        """Run ``order`` to its end. A set ``cancel`` ends it early with outcome ``Lost("cancelled")``."""
        ...
