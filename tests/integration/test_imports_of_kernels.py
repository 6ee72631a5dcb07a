"""A KernelBench problem imported: it is timed on the CPU against itself, and its answers are checked."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from evaluator.result import Crashed, Measured
from tests.integration.imported_tasks import imported, named, run
from trainer.judges import Speed
from trainer.task import Task

PROBLEM = {
    "3_rows.py": '''\
        """Rows times a matrix, one after the other."""
        import torch
        import torch.nn as nn


        class Model(nn.Module):
            def __init__(self, width):
                super(Model, self).__init__()
                self.weight = nn.Parameter(torch.randn(width, width))

            def forward(self, rows):
                return torch.stack([torch.stack([w @ row for w in self.weight]) for row in rows])


        rows = 2000


        def get_inputs():
            return [torch.randn(rows, 64)]


        def get_init_inputs():
            return [64]
        ''',
    "notes.txt": "mine\n",
}


def timed_once(task: Task) -> Task:
    """The same task with one pair of timings: each of its boxes imports torch."""
    assert isinstance(task.judge, Speed)
    assert task.judge.pairs == 3
    return replace(task, judge=replace(task.judge, pairs=1))


@pytest.mark.alone
def test_kernelbench(tmp_path: Path) -> None:
    made, task = imported(tmp_path, PROBLEM, "kernelbench")
    task = timed_once(task)
    assert "class ModelNew(nn.Module)" in task.source
    assert "super(ModelNew, self)" in task.source
    assert "get_inputs" not in task.source
    same, sooner = (
        run(task),
        run(
            task,
            (
                "torch.stack([torch.stack([w @ row for w in self.weight]) for row in rows])",
                "rows @ self.weight.T",
            ),
        ),
    )
    assert isinstance(same.outcome, Measured), same
    assert isinstance(sooner.outcome, Measured), sooner
    assert sooner.outcome.value < 0.85 * same.outcome.value, "starting Python and torch counts, too"
    assert sooner.audit is not None
    assert sooner.audit.kind == "outside"
    assert named(made.left_out, "GPU")
    assert named(made.left_out, "notes.txt")
    assert named(made.notes, "fresh inputs")


def test_another_answer_has_failed(tmp_path: Path) -> None:
    _, task = imported(tmp_path, PROBLEM, "kernelbench")
    task = timed_once(task)
    outcome = run(task, ("w @ row for", "w @ row * 1.01 for")).outcome
    assert isinstance(outcome, Crashed)
    assert outcome.message.startswith("check failed")
