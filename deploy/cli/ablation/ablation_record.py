"""What is asked of a best's pieces, and what came of each. Values, on disk as ``plan.json`` and
``record.json`` in a folder of its own beside other records.
"""

from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from deploy.cli.comparisons.question import NamedProgram, Plan
from deploy.cli.comparisons.record import RunMade
from deploy.cli.comparisons.record_folders import PLAN, RECORD

AnyStruct = TypeVar("AnyStruct", bound=Struct)


class PieceVerdict(StrEnum):
    """What was shown of a piece. Each at the level that was asked for, one-sided."""

    NEEDED = "needed"
    """Without it the best is worse, or fails."""
    IN_THE_WAY = "in the way"
    """Without it the best is better."""
    NOT_NEEDED = "not needed"
    """Without it the best is not worse by as much as the margin."""
    NOT_SHOWN = "not shown"
    """None of these."""
    NOT_ALONE = "not alone"
    """It cannot be taken out alone, so nothing was measured."""


class PlannedPiece(Struct, frozen=True, kw_only=True):
    """A piece and the runs without it."""

    experiment: str
    title: str
    added: int
    removed: int
    """Lines that it put in, and took out."""
    shorter: bool
    """Whether the best has no more lines without it."""
    trouble: str
    """Why it cannot be taken out alone; empty where it can."""
    plan: Plan | None
    """None where it cannot. Runs of the best are the same in all."""


class AblationPlan(Struct, frozen=True, kw_only=True):
    """Everything that is to be measured."""

    record: str
    campaign: str
    division: str
    best: NamedProgram
    which: str
    """Whose pieces: ``last``, ``all`` or an experiment."""
    pieces: tuple[PlannedPiece, ...]
    """The oldest first."""
    runs: int
    """Of the best, and without each piece."""
    sigma: float | None
    """Of the division, in the metric's unit: what losses are told in, and the margin."""
    margin: float
    """σ that the best may be worse by without a piece that is not needed."""
    level: float
    """p that is asked for."""
    made_at: float
    """Seconds since the epoch."""


class PieceResult(Struct, frozen=True, kw_only=True):
    """What came of one piece. Values are in the metric's unit."""

    experiment: str
    title: str
    added: int
    removed: int
    shorter: bool
    verdict: PieceVerdict
    reason: str
    loss: float | None = None
    """How much worse the best's mean is without it; negative where it is better. None without values."""
    standard_error: float | None = None
    """Of that."""
    in_sigma: float | None = None
    """The loss in σ of one run; None where σ is not known."""
    p_loss: float | None = None
    """Probability of such a loss or a larger one if it were worth nothing."""
    p_margin: float | None = None
    """Probability of so small a loss or a smaller one if it were worth the margin."""


class AblationRecord(Struct, frozen=True, kw_only=True):
    """``record.json`` of an ablation."""

    schema: Literal[1]
    plan: AblationPlan
    pieces: tuple[PieceResult, ...]
    runs: tuple[RunMade, ...]
    finished_at: float
    """Seconds since the epoch."""


def ablations(folder: Path) -> list[AblationPlan]:
    """Every plan in a folder of records, the oldest first; what cannot be read is left out."""
    plans = (_read(path / PLAN, AblationPlan) for path in sorted(folder.glob("a[0-9]*")))
    return [plan for plan in plans if plan is not None]


def ablation_of(folder: Path, name: str) -> AblationRecord | None:
    """The finished record of that id, None where there is none."""
    return _read(folder / name / RECORD, AblationRecord)


def same_ablation(folder: Path, wanted: AblationPlan) -> AblationPlan | None:
    """The newest plan that asks exactly this, whatever its seeds; None where nobody asked it."""
    asked = _asked(wanted)
    return next((plan for plan in reversed(ablations(folder)) if _asked(plan) == asked), None)


def _asked(plan: AblationPlan) -> AblationPlan:
    pieces = tuple(
        replace(
            piece,
            plan=piece.plan
            and replace(
                piece.plan,
                record="",
                made_at=0.0,
                runs=(),
                question=replace(
                    piece.plan.question, budget=replace(piece.plan.question.budget, wall_cap=0.0)
                ),
            ),
        )
        for piece in plan.pieces
    )
    return replace(plan, record="", made_at=0.0, sigma=None, pieces=pieces)


def _read(path: Path, kind: type[AnyStruct]) -> AnyStruct | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
