"""ShinkaEvolve: `initial.py` and `evaluate.py --program_path P --results_dir D`."""

import ast
from collections.abc import Iterator

from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder

EVALUATE = "evaluate.py"
SECONDS = 300.0
"""Of one evaluation: ShinkaEvolve has its limit where a job is started, which is no file of the task."""
SCORE = "combined_score"


class Shinka:
    """A program, and an evaluation that is a program of its own."""

    name = "shinka"
    title = "ShinkaEvolve 0.0.7"

    def recognises(self, folder: OtherFolder) -> bool:
        """By an evaluate.py that takes `--results_dir`, beside initial.py."""
        return folder.has(EVALUATE, "initial.py") and "results_dir" in folder.text(EVALUATE)

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError for files that are no Python."""
        building.require_free(folder.files, building.MEASURE, "task.yaml")
        program = "initial.py"
        tree = building.parsed(folder.text(EVALUATE), EVALUATE)
        blocks = "EVOLVE-BLOCK-START" in folder.text(program)
        configured = [path for path in folder.files if path.endswith((".yaml", ".yml")) or _starts(path)]
        hidden = folder.beside([program, *configured])
        ends = f"measure(lambda: shinka_numbers({program!r}))\n"
        return Imported(
            task={
                "name": building.task_name(folder.name),
                "title": f"{folder.name}, as ShinkaEvolve evaluates it",
                "surface": program,
                "hidden": [*building.patterns(hidden), building.MEASURE],
                "judge": building.measured(SECONDS),
                "metric": {"name": SCORE, "direction": "maximize"},
                **building.sizes(SECONDS),
            },
            files={
                program: folder.files[program],
                **hidden,
                building.MEASURE: building.program("shinka_numbers", "in_child", ends=ends),
            },
            charter=building.charter(
                folder.name,
                ast.get_docstring(tree) or "",
                f"`{program}`",
                SCORE,
                "maximize",
                building.BLOCKS if blocks else "",
            ),
            left_out=[*folder.left_out, *_left_out(configured), *building.lacking(folder.files)],
            notes=[building.RUNS_VARIANT, *_notes()],
        )


def _starts(path: str) -> bool:
    return path.startswith("run_") and path.endswith(".py")


def _left_out(configured: list[str]) -> Iterator[str]:
    for path in configured:
        yield f"{path}: models, islands and archive: arms of autoswarm.yaml have the models"
    yield "private metrics and text_feedback: nobody is told of them"
    yield "extra_data and plots of an evaluation"


def _notes() -> Iterator[str]:
    yield f"an evaluation may take {SECONDS:.0f} s (judge.measure.seconds in task.yaml)"
    yield "a program of which correct.json says no has failed, whatever its score"
    yield "where ShinkaEvolve is not installed, a stand-in of ours does what run_shinka_eval does"
