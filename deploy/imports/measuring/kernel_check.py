"""Checks what a variant's model answered against the problem's own, on inputs made anew by the seed."""

import importlib
import sys
from pathlib import Path
from typing import Any

TOLERANCE = 1e-4
"""Absolute and relative, as KernelBench has it for 32-bit floats."""


def kernel_check(reference: Any, inputs: list[Any], outputs: Path) -> None:
    """Exit code 1 where an answer is another. reference: the problem's model."""
    torch = importlib.import_module("torch")
    answers = torch.load(outputs, weights_only=True)
    if not isinstance(answers, list) or len(answers) != len(inputs):
        sys.exit("not as many answers as inputs")
    with torch.no_grad():
        for given, answer in zip(inputs, answers, strict=True):
            wanted = reference(*given)
            if not torch.is_tensor(answer) or answer.shape != wanted.shape:
                sys.exit("an answer has another shape")
            if not torch.allclose(answer, wanted, atol=TOLERANCE, rtol=TOLERANCE):
                sys.exit("an answer is wrong")
