"""Measures a program as ShinkaEvolve does: evaluate.py writes metrics.json and correct.json."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = "shinka_results"
STAND_IN = '''
"""Stands in for what evaluate.py takes of ShinkaEvolve: runs, checks and sums up a program."""

import importlib.util
import json
import pathlib


def load_program(path):
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_json_results(results_dir, metrics, correct, error=None):
    folder = pathlib.Path(results_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "correct.json").write_text(json.dumps({"correct": bool(correct), "error": error}))
    (folder / "metrics.json").write_text(json.dumps(metrics, default=str))


def run_shinka_eval(program_path, results_dir, experiment_fn_name, num_runs, get_experiment_kwargs=None,
                    aggregate_metrics_fn=None, validate_fn=None, **_):
    function = getattr(load_program(program_path), experiment_fn_name)
    results, error = [], None
    for number in range(num_runs):
        arguments = get_experiment_kwargs(number) if get_experiment_kwargs else {"seed": number + 1}
        results.append(function(**arguments))
        valid, why = validate_fn(results[-1]) if validate_fn else (True, None)
        error = error or (None if valid else f"Validation failed: {why}")
    metrics = aggregate_metrics_fn(results) if aggregate_metrics_fn else {"num_successful_runs": num_runs}
    metrics.pop("extra_data", None)
    save_json_results(results_dir, metrics, error is None, error)
    return metrics, error is None, error
'''


def shinka_numbers(program: str) -> Mapping[str, Any]:
    """Its combined_score and public metrics. Exit code 1 where the program is not correct."""
    places = [str(Path.cwd())]
    if importlib.util.find_spec("shinka") is None:
        package = Path("shinka_stand_in") / "shinka" / "core"
        package.mkdir(parents=True, exist_ok=True)
        (package.parent / "__init__.py").write_text("")
        for name in ("__init__", "wrap_eval"):
            (package / f"{name}.py").write_text(STAND_IN)
        places.append(str(package.parents[1].absolute()))
    command = [sys.executable, "evaluate.py", "--program_path", program, "--results_dir", RESULTS]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    subprocess.run(command, check=True, env=environment)
    if json.loads((Path(RESULTS) / "correct.json").read_text()).get("correct") is not True:
        sys.exit("not correct")
    metrics = json.loads((Path(RESULTS) / "metrics.json").read_text())
    public = metrics.get("public")
    shown = public if isinstance(public, dict) else {}
    return {**shown, "combined_score": metrics["combined_score"]}
