"""Harbor tasks, and AutoLab's: `task.toml`, `instruction.md`, `environment/`, `tests/test.sh`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from configs.errors import ConfigError
from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder
from evaluator.box_job import BoxFile

TASK, TEST = "task.toml", "tests/test.sh"
SECONDS = 600.0
"""Of the tests where the task names none."""
NETWORK = re.compile(r"\b(apt-get|apt|curl|wget|uvx|uv|pip3?|npm|git clone)\b")
IMAGE = re.compile(r"^(Dockerfile|docker-compose\.ya?ml|\.dockerignore)$")


class Harbor:
    """Files of a container, and tests that leave a reward."""

    name = "harbor"
    title = "Harbor, task.toml 1.4, with AutoLab's [optimization]"

    def recognises(self, folder: OtherFolder) -> bool:
        """By task.toml and tests/test.sh."""
        return folder.has(TASK, TEST)

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError where the container holds no file that could be changed."""
        try:
            settings = tomllib.loads(folder.text(TASK))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(
                f"cannot read {TASK}: {error}", "Correct it: it should be valid TOML."
            ) from None
        app = _app(folder)
        if not app:
            raise ConfigError(
                f"environment/ of {folder.name} holds no file that could be changed",
                "Put a file to begin with there: the surface is what Harbor's agent finds in /app.",
            )
        aim = _table(settings, "optimization")
        metric = building.metric_name(str(aim.get("metric", "reward")))
        direction = str(aim.get("direction", "maximize"))
        seconds = building.seconds(
            _table(settings, "verifier").get("timeout_sec", SECONDS), f"{TASK}: verifier.timeout_sec"
        )
        tests = folder.below("tests")
        ends = "measure(harbor_numbers)\n"
        instruction = folder.text("instruction.md") if folder.has("instruction.md") else ""
        return Imported(
            task={
                "name": building.task_name(folder.name),
                "title": f"{folder.name}, as its tests reward it",
                "surface": ["app/**"],
                "hidden": ["tests/**", building.MEASURE],
                "judge": building.measured(seconds),
                "metric": {"name": metric, "direction": direction},
                **building.sizes(seconds),
            },
            files={
                **app,
                **tests,
                building.MEASURE: building.program("harbor_numbers", "in_child", ends=ends),
            },
            charter=building.charter(folder.name, instruction, "the files in `app/`", metric, direction),
            left_out=[*folder.left_out, *_left_out(folder, settings), *building.lacking(tests)],
            notes=[building.RUNS_VARIANT, *_notes(aim)],
        )


def _table(settings: dict[str, Any], name: str) -> dict[str, Any]:
    table = settings.get(name)
    return table if isinstance(table, dict) else {}


def _app(folder: OtherFolder) -> dict[str, BoxFile]:
    """Files that stand beside the Dockerfile, which copies them into /app: without what makes the image."""
    files = {path.removeprefix("environment/"): file for path, file in folder.below("environment").items()}
    files = {path: file for path, file in files.items() if not IMAGE.match(PurePosixPath(path).name)}
    return {f"app/{path.removeprefix('app/')}": file for path, file in files.items()}


def _left_out(folder: OtherFolder, settings: dict[str, Any]) -> Iterator[str]:
    yield "environment/Dockerfile: there is no container; what it installs has to be installed here"
    for number, line in enumerate(folder.text(TEST).splitlines(), start=1):
        if (word := NETWORK.search(line)) and not line.lstrip().startswith("#"):
            yield f"{TEST}, line {number}, calls {word[1]}: no network, nothing is installed in a box"
    for name in ("environment", "agent"):
        if table := _table(settings, name):
            yield f"{TASK}: {name}: {', '.join(table)}"
    if _table(settings, "optimization").get("constraints"):
        yield f"{TASK}: optimization.constraints: write guards into task.yaml"
    if folder.below("solution"):
        yield "solution/ is not copied: nobody is to see it"


def _notes(aim: dict[str, Any]) -> Iterator[str]:
    yield "/app, /tests and /logs stand for folders of the box: they are replaced in the tests' text only"
    yield "a reward that was there before the tests is not believed"
    for name in ("baseline", "reference"):
        if name in aim:
            yield f"its {name} is {str(aim[name])[:60]}; the baseline here is measured anew"
