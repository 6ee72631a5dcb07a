"""Makes the inputs of a KernelBench problem for one timing: CALLS sets of them, by the seed."""

import importlib
import os
from pathlib import Path
from typing import Any

CALLS = 5
"""How often the model is called, each time on inputs it has not seen."""


def kernel_inputs(seed: int) -> list[Any]:
    """Sets of inputs. seed: the same makes the same."""
    problem, torch = importlib.import_module("problem"), importlib.import_module("torch")
    torch.manual_seed(seed)
    return [problem.get_inputs() for _ in range(CALLS)]


def made(kind: Any, seed: int) -> Any:
    """A model of that class, its parameters drawn by the seed."""
    problem, torch = importlib.import_module("problem"), importlib.import_module("torch")
    torch.manual_seed(seed)
    return kind(*problem.get_init_inputs()).eval()


SEED = int(os.environ.get("AUTOSWARM_SEED", "0"))
INPUTS, OUTPUTS = Path("inputs.pt"), Path("outputs.pt")
