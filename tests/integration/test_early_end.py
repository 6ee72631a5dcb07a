"""An early stop under the real judge: the demo as it is, and a surface that prints what it likes."""

from pathlib import Path
from threading import Event

import pytest

from evaluator.budget import Budget, Unit
from evaluator.early_stop import StopPlan
from evaluator.result import EndedEarly, Measured, RunResult
from trainer.contract import RunOrder, Slot
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task_loading import load_task
from trainer.tasks.demo.measured_edits import edited

BUDGET = Budget(Unit.FLOPS, 2e10, 120)
OFTEN = {"LOG_EVERY": "1"}
"""The budget here is a twentieth of the demo's, and so are the steps between two lines."""
LIES = (
    'print(f"step {step:05d} ({share:5.1f}%) | loss: {loss:.6f}',
    'print(f"step {step:05d} ({share:5.1f}%) | loss: {0.001:.6f}',
)


def over(bar: float, ends: bool = True) -> StopPlan:
    return StopPlan(at=0.5, bar=bar, ends=ends, chance=0.1, head=1.0, at_zero=0.2, per_loss=0.5)


def trained(prepared: Path, folder: Path, source: str, plan: StopPlan | None) -> RunResult:
    task = load_task("demo")
    trainer = SubprocessTrainer(task, task.prepare(prepared), Slot("test"), 1 << 20)
    order = RunOrder(run="r", source=source, seed=1, budget=BUDGET, directory=folder, early=plan)
    return trainer.train(order, lambda _: None, Event())


@pytest.mark.timeout(300)  # four trainings, each a few seconds on a quiet core
def test_a_run_over_its_bar_is_ended_at_its_look_and_nothing_else_changes(
    prepared: Path, tmp_path: Path
) -> None:
    source = edited(load_task("demo").source, OFTEN)
    assert LIES[0] in source
    plain = trained(prepared, tmp_path / "plain", source, None)
    ends = trained(prepared, tmp_path / "ends", source, over(1.0))
    audited = trained(prepared, tmp_path / "audited", source, over(1.0, ends=False))
    lying = trained(prepared, tmp_path / "lying", source.replace(*LIES), over(1.0))

    assert isinstance(plain.outcome, Measured)
    assert plain.early is None
    assert audited.early is not None
    assert audited.early.over
    assert 3.0 < audited.early.loss < 7.0
    assert audited.outcome == plain.outcome
    assert (audited.steps, audited.spent) == (plain.steps, plain.spent)
    log = (tmp_path / "audited" / "train.log").read_bytes()
    assert log.count(b"| loss:") == plain.steps - 1  # no line is lost at the mark
    assert log.isascii()

    assert isinstance(ends.outcome, EndedEarly)
    assert ends.steps < 0.9 * plain.steps
    assert ends.early is not None
    assert ends.early.loss == audited.early.loss  # to the last bit
    assert ends.outcome.estimate == pytest.approx(0.2 + 0.5 * ends.early.loss)

    assert lying.early is not None  # it trains to its end, and is worth what the judge says
    assert lying.early.loss == 0.001
    assert lying.outcome == plain.outcome
