import pytest

from trainer.run.twin import imported_before
from trainer.task_loading import load_task


def test_the_demo_s_twin_waits_with_torch_and_its_compiler_imported() -> None:
    assert imported_before(load_task("demo").source) == ["torch", "torch._dynamo"]


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import numpy", []),
        ("import torch", ["torch"]),
        ("import torch\nopt = torch.optim.SGD([p])", ["torch", "torch._dynamo"]),
        ("import torch\nclass Own(torch.optim.Optimizer): ...", ["torch", "torch._dynamo"]),
        ("import os\nos.environ['A'] = '1'\nimport torch.optim", []),
        ("import torch, sys\nsys.modules['torch._dynamo'] = None\ntorch.optim.SGD([p])", ["torch"]),
    ],
)
def test_what_a_surface_would_import_itself_is_imported_before_unless_that_could_change_it(
    source: str, modules: list[str]
) -> None:
    assert imported_before(source) == modules
