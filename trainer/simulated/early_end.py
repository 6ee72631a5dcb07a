"""What becomes of a simulated run where it is looked at. Pure."""

from msgspec.structs import replace

from evaluator.early_stop import EarlyLook
from evaluator.result import RunResult
from trainer.run.early_losses import ended


def looked_at(whole: RunResult, look: EarlyLook) -> RunResult:
    """The result with what was read, shortened where the run is ended there. whole: as if it were not."""
    if not look.ends:
        return replace(whole, early=look)
    seconds = look.plan.at * (whole.finished_at - whole.started_at)
    return replace(
        whole,
        early=look,
        outcome=ended(look),
        spent=look.plan.at * whole.spent,
        finished_at=whole.started_at + seconds,
    )
