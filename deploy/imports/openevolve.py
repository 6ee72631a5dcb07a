"""OpenEvolve: `initial_program.*`, `evaluator.py`, `config.yaml`."""

from collections.abc import Iterator
from typing import Any

from configs.errors import ConfigError
from configs.yaml_files import mapping_of
from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder

EVALUATOR, CONFIG = "evaluator.py", "config.yaml"
TIMEOUT = 300.0
"""Seconds of one evaluation where its configuration names none."""
SCORE = "combined_score"
KEPT = {"evaluator": {"timeout"}, "prompt": {"system_message"}}
"""Keys of config.yaml that something becomes of."""
WITHOUT = {"language", "file_suffix", "log_level", "log_dir"}
"""Keys that nothing is lost with: the surface is a file, and logs are kept anyway."""


class OpenEvolve:
    """A program, and an evaluator that imports it."""

    name = "openevolve"
    title = "OpenEvolve 0.4.1"

    def recognises(self, folder: OtherFolder) -> bool:
        """By `evaluator.py` with a function `evaluate`, beside an initial program."""
        return folder.has(EVALUATOR) and bool(_programs(folder))

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError where there are two programs, or no `evaluate`."""
        program, *more = _programs(folder)
        if more:
            raise ConfigError(f"there are {program} and {more[0]}", "Leave one initial program there.")
        building.require_free(folder.files, building.MEASURE, "task.yaml")
        config = mapping_of(folder.text(CONFIG), CONFIG) if folder.has(CONFIG) else {}
        evaluator = folder.text(EVALUATOR)
        defined = building.functions(building.parsed(evaluator, EVALUATOR))
        if "evaluate" not in defined:
            raise ConfigError(
                f"{EVALUATOR} has no function evaluate", "Add evaluate(path), then import again."
            )
        section = _section(config, "evaluator")
        seconds = building.seconds(section.get("timeout", TIMEOUT), f"{CONFIG}: evaluator.timeout")
        hidden = folder.beside([program, CONFIG])
        ends = f"measure(lambda: openevolve_numbers({program!r}))\n"
        measure = building.program("openevolve_numbers", "in_child", ends=ends)
        description = str(_section(config, "prompt").get("system_message", ""))
        blocks = "EVOLVE-BLOCK-START" in folder.text(program)
        return Imported(
            task={
                "name": building.task_name(folder.name),
                "title": f"{folder.name}, as OpenEvolve evaluates it",
                "surface": program if program.endswith(".py") else [program],
                "hidden": [*building.patterns(hidden), building.MEASURE],
                "judge": building.measured(seconds),
                "metric": {"name": SCORE, "direction": "maximize"},
                **building.sizes(seconds),
            },
            files={program: folder.files[program], **hidden, building.MEASURE: measure},
            charter=building.charter(
                folder.name, description, f"`{program}`", SCORE, "maximize", building.BLOCKS if blocks else ""
            ),
            left_out=[*folder.left_out, *_left_out(config, defined), *building.lacking(folder.files)],
            notes=[building.RUNS_VARIANT, *_notes(evaluator, blocks)],
        )


def _programs(folder: OtherFolder) -> list[str]:
    return [path for path in folder.files if path.startswith("initial_program.")]


def _section(config: dict[str, Any], name: str) -> dict[str, Any]:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _left_out(config: dict[str, Any], defined: set[str]) -> Iterator[str]:
    stages = sorted(name for name in defined if name.startswith("evaluate_stage"))
    if stages:
        yield f"{', '.join(stages)}: the full `evaluate` measures every run, no stage ends one early"
    for key, value in config.items():
        if key in WITHOUT:
            continue
        inner = (
            [name for name in value if name not in KEPT.get(key, set())] if isinstance(value, dict) else []
        )
        if key == "llm":
            yield f"{CONFIG}: llm: proposers are arms of autoswarm.yaml, with models and prices there"
        elif inner:
            yield f"{CONFIG}: {key}: {', '.join(inner)}"
        elif not isinstance(value, dict):
            yield f"{CONFIG}: {key}"


def _notes(evaluator: str, blocks: bool) -> Iterator[str]:
    if SCORE not in evaluator:
        yield f"{EVALUATOR} does not speak of {SCORE}: the mean of its metrics counts, as in OpenEvolve"
    if blocks:
        yield "EVOLVE-BLOCK comments are kept and proposers are told of them; nothing enforces them"
    yield "artifacts of an EvaluationResult are kept nowhere, and what evaluator.py prints nobody is told"
