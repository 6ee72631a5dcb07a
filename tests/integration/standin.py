"""A subprocess trainer with the stand-in judge, so that supervision is tested without a task, data or
torch.
"""

import os
import sys
from pathlib import Path
from threading import Event

from evaluator.budget import Budget, Unit
from evaluator.result import Progress, RunResult
from trainer.contract import RunOrder, Slot, Trainer
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task import MetricSpec, Task

HERE = Path(__file__).parent
TASK = Task(
    name="standin",
    title="Stand-in",
    surface="train.py",
    frozen=[],
    metric=MetricSpec("value", "minimize"),
    sizes={},
    default_size="",
    folder=HERE,
)
LOG_BYTES = 1_000_000

HONEST = """
import random
from prepare import batch, evaluate
for step in range(8):
    random.seed(batch())
    print(f"step {step:05d} (12.0%) | loss: {2.5 / (step + 1):.3f} | dt: 1ms")
print("val_bpb:", evaluate(1 + random.random()))
"""


def standin_trainer(
    folder: Path, judge_module: str = "tests.integration.standin_judge", sandbox: str = "F"
) -> SubprocessTrainer:
    """sandbox: F, where a surface can tell its processes' real numbers and everything is the supervisor's to
    clean up.
    """
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    shim = HERE / "standin_prepare.py"
    return SubprocessTrainer(
        TASK,
        folder,
        Slot("test"),
        LOG_BYTES,
        scratch=scratch,
        judge_module=judge_module,
        shim=shim,
        sandbox=sandbox,
    )


def an_order(
    folder: Path, source: str = HONEST, *, seed: int = 3, wall_cap: float = 20.0, run: str = "r1"
) -> RunOrder:
    return RunOrder(
        run=run, source=source, seed=seed, budget=Budget(Unit.FLOPS, 8.0, wall_cap), directory=folder / run
    )


def train(trainer: Trainer, order: RunOrder) -> RunResult:
    return trainer.train(order, lambda _: None, Event())


def log_of(order: RunOrder) -> str:
    return (order.directory / "train.log").read_text(errors="replace")


if __name__ == "__main__":  # a caller to be killed: SURFACE FOLDER
    reports: list[Progress] = []
    standin_trainer(Path(sys.argv[2])).train(
        an_order(Path(sys.argv[2]), Path(sys.argv[1]).read_text()), reports.append, Event()
    )
    os._exit(0)
