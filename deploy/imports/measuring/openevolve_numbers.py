"""Measures a program as OpenEvolve does: `evaluate(path)` of evaluator.py, the full one."""

import dataclasses
import importlib
import importlib.util
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@dataclasses.dataclass
class EvaluationResult:
    """Stands in for OpenEvolve's, for evaluators that import it."""

    metrics: dict[str, Any]
    artifacts: dict[str, Any] = dataclasses.field(default_factory=dict)


def openevolve_numbers(program: str) -> Mapping[str, Any]:
    """Its metrics; where none is combined_score, that is their mean."""
    if importlib.util.find_spec("openevolve") is None:
        for name in ("openevolve", "openevolve.evaluation_result"):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].EvaluationResult = EvaluationResult  # type: ignore[attr-defined]
    sys.path.insert(0, str(Path.cwd()))
    answer = importlib.import_module("evaluator").evaluate(str(Path(program).absolute()))
    metrics = dict(answer if isinstance(answer, Mapping) else answer.metrics)
    if "combined_score" not in metrics:
        values = [float(value) for value in metrics.values() if isinstance(value, int | float)]
        metrics["combined_score"] = sum(values) / len(values)
    return metrics
