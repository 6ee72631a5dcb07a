"""KernelBench: a problem is one Python file with `Model`, `get_inputs` and `get_init_inputs`."""

import ast
import io
import tokenize
from collections.abc import Iterator

from configs.errors import ConfigError
from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder
from evaluator.box_job import BoxFile

PROBLEM, SURFACE = "problem.py", "kernel.py"
MAKES, RUNS, CHECKS = "autoswarm_inputs.py", "autoswarm_run.py", "autoswarm_check.py"
MAKE = "torch = importlib.import_module('torch')\ntorch.save(kernel_inputs(SEED), INPUTS)\n"
RUN = """\
torch = importlib.import_module("torch")
model = made(importlib.import_module("kernel").ModelNew, SEED)
with torch.no_grad():
    answers = [model(*given) for given in torch.load(INPUTS, weights_only=True)]
torch.save([answer.clone() for answer in answers], OUTPUTS)
"""
CHECK = """\
kernel_check(made(importlib.import_module("problem").Model, SEED), kernel_inputs(SEED), OUTPUTS)
"""
SECONDS = 60.0
"""Of making inputs, of running and of checking, each."""


class KernelBench:
    """A module that is to answer the same, sooner."""

    name = "kernelbench"
    title = "a KernelBench problem"

    def recognises(self, folder: OtherFolder) -> bool:
        """By one Python file with a class Model and both functions of inputs."""
        return bool(_problems(folder))

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError for a folder of several problems."""
        path, *more = _problems(folder)
        if more:
            raise ConfigError(f"there are {path} and {more[0]}", "Name one file: `--from OTHER/FILE.py`.")
        text = folder.text(path)
        step = {"seconds": SECONDS}
        return Imported(
            task={
                "name": building.task_name(path.removesuffix(".py")),
                "title": f"{path}, sooner, with the same answers",
                "surface": SURFACE,
                "visible": [PROBLEM, MAKES, RUNS],
                "hidden": [CHECKS],
                "judge": {
                    "kind": "speed",
                    "inputs": {"command": f"python {MAKES}", **step},
                    "run": {"command": f"python {RUNS}", **step},
                    "outputs": ["outputs.pt"],
                    "check": {"command": f"python {CHECKS}", **step},
                    "pairs": 3,
                },
                "metric": {"name": "time_ratio", "direction": "minimize", "at_least": 0.001},
                **building.sizes(11 * SECONDS, SECONDS),
            },
            files={
                SURFACE: BoxFile(_renamed(text).encode()),
                PROBLEM: BoxFile(text.encode()),
                MAKES: building.program("kernel_inputs", ends=MAKE),
                RUNS: building.program("kernel_inputs", ends=RUN),
                CHECKS: building.program("kernel_inputs", "kernel_check", ends=CHECK),
            },
            charter=building.charter(
                path,
                ast.get_docstring(building.parsed(text, path)) or "",
                "`ModelNew` in `kernel.py`",
                "time_ratio",
                "minimize",
            ),
            left_out=[*folder.left_out, *_left_out(folder, path)],
            notes=NOTES,
        )


NOTES = [
    "time_ratio is 1 / speed-up; Python and the import of torch count in both, so gains look smaller",
    "each timing has fresh inputs and a new process; all answers are checked where the variant never ran",
    "parameters are drawn by a seed: ModelNew has to make the same ones in the same order",
]


def _left_out(folder: OtherFolder, path: str) -> Iterator[str]:
    yield "GPU timing: it runs on the CPU, and CPU seconds count"
    yield from (f"{name} is not copied: no part of the problem" for name in folder.files if name != path)
    yield from building.lacking({path: folder.files[path]})


def _problems(folder: OtherFolder) -> list[str]:
    return [path for path in folder.files if path.endswith(".py") and "/" not in path and _is(folder, path)]


def _is(folder: OtherFolder, path: str) -> bool:
    try:
        tree = building.parsed(folder.text(path), path)
    except ConfigError:
        return False
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    return "Model" in classes and {"get_inputs", "get_init_inputs"} <= building.functions(tree)


def _renamed(text: str) -> str:
    """The problem with its Model called ModelNew, without its functions of inputs."""
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name in ("get_inputs", "get_init_inputs"):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
    kept = "".join(lines).rstrip() + "\n"
    words = tokenize.generate_tokens(io.StringIO(kept).readline)
    places = [token.start for token in words if token.type == tokenize.NAME and token.string == "Model"]
    changed = kept.splitlines(keepends=True)
    for line, column in reversed(places):
        row = changed[line - 1]
        changed[line - 1] = f"{row[:column]}ModelNew{row[column + len('Model') :]}"
    return "".join(changed)
