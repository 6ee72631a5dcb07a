"""A task folder read and looked through before anything of it runs: what is wrong in it, and what to do."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from configs.errors import ConfigError
from configs.suggest import suggestion
from configs.yaml_files import read_yaml
from evaluator.bundle import unpack
from trainer.frozen_modules import SHIMS, module_at
from trainer.judges import Speed
from trainer.recipe import require_recipe
from trainer.task import BUNDLE, METRIC, Task

TASKS = Path(__file__).parent / "tasks"


def load_task(name: str) -> Task:
    """The task of that name under ``trainer/tasks``, or at that path. Raises ConfigError for one that could
    not be run.
    """
    folder = TASKS / name if (TASKS / name).is_dir() else Path(name)
    path = folder / "task.yaml"
    if not path.is_file():
        names = sorted(path.name for path in TASKS.iterdir() if (path / "task.yaml").is_file())
        near = suggestion(name, names)
        raise ConfigError(
            f"there is no task {name!r}" + (", as the folder has no task.yaml" if folder.is_dir() else ""),
            f"{near}Use one of: {', '.join(names)}; or a path to a folder with a task.yaml.",
        )
    values = read_yaml(path) | {"folder": str(folder)}
    if isinstance(values.get("fetched"), str):
        values["fetched"] = {"yes": True, "on": True, "no": False, "off": False}.get(values["fetched"])
    patterns = [values["surface"]] if isinstance(values.get("surface"), str) else values.get("surface")
    if isinstance(patterns, list) and [str(name)[-3:] for name in patterns] != [".py"]:
        values |= {"surface": BUNDLE, "patterns": patterns}
    try:
        task = msgspec.convert(values, Task, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}", "Correct that key: docs/tasks.md lists them.") from error
    for what, remedy in _objections(task):
        raise ConfigError(f"{path}: {what}", remedy)
    if task.trains:
        require_recipe(folder, task.name)
    else:
        task.visible_files(), task.hidden_files()
    return task


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)


def _objections(task: Task) -> Iterator[tuple[str, str]]:
    """What is wrong in a task folder, and what to do."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", task.name):
        yield (
            f"name is {task.name!r}",
            "Take letters, digits, - and _: a folder of data has that name.",
        )
    if task.trains and task.metric.name != METRIC:
        yield (
            f"metric.name is {task.metric.name!r}, and the judge computes bits per byte",
            f"Say {METRIC}, or choose a judge that measures it: docs/tasks.md.",
        )
    if task.metric.direction not in ("minimize", "maximize"):
        yield f"metric.direction is {task.metric.direction!r}", "Say minimize or maximize."
    if task.trains and task.metric.direction != "minimize":
        yield f"metric.direction is {task.metric.direction!r}", f"Say minimize: less {METRIC} is better."
    if task.needs not in ("cpu", "gpu"):
        yield f"needs is {task.needs!r}", "Say cpu or gpu."
    if task.val_blocks < 1:
        yield f"val_blocks is {task.val_blocks}", "Say how many blocks of validation rows its recipe makes."
    yield from _of_budgets(task)
    yield from _of_files(task)


def _of_budgets(task: Task) -> Iterator[tuple[str, str]]:
    for name, budget in task.sizes.items():
        if not (0 < budget.amount < math.inf and 0 < budget.wall_cap < math.inf):
            yield f"size {name} has a budget of nothing or without end", "Give amount and wall_cap above 0."
    if task.default_size not in task.sizes:
        names = ", ".join(task.sizes)
        yield (
            f"default_size is {task.default_size!r}, and there is no such size",
            f"There are: {names}." if names else "Add it under sizes.",
        )


def _of_files(task: Task) -> Iterator[tuple[str, str]]:
    if task.patterns and task.trains:
        yield f"surface is {task.patterns[0]!r}", "Name one file of the folder that ends in .py."
    if not task.trains:
        yield from _of_roles(task)
    if task.patterns:
        return
    surface = task.folder / task.surface
    if surface.name != task.surface or surface.suffix != ".py" or surface.stem in task.frozen:
        yield f"surface is {task.surface!r}", "Name a file of the folder that ends in .py and is not frozen."
    elif not surface.is_file():
        yield f"surface {task.surface} is not in {task.folder}", "Add the file, or correct `surface`."
    else:
        yield from _of_text(surface)
    for name in task.frozen:
        if not name.isidentifier() or name == "recipe":
            yield (
                f"frozen names {name!r}",
                "Name modules beside the surface, without .py; the recipe is not for variants.",
            )
        elif not (SHIMS / f"{name}.py").is_file() and module_at(task.folder, name) is None:
            yield (
                f"frozen module {name} is not in {task.folder}",
                f"Add {name}.py, or take it out of `frozen`; packages go under `imports`.",
            )


def _of_roles(task: Task) -> Iterator[tuple[str, str]]:
    """A file is one of three: what may change, what stands beside it, what only the measure sees."""
    surface = set(unpack(task.source)) if task.patterns else {task.surface}
    if both := surface & {*task.visible_files(), *task.hidden_files()}:
        yield (
            f"{min(both)} may change, and is visible or hidden too",
            "Name it once: make the patterns of surface, visible and hidden narrower.",
        )
    if both := task.visible_files().keys() & task.hidden_files().keys():
        yield f"{min(both)} is visible and hidden", "Name it once: where variants run hidden files are not."
    if isinstance(task.judge, Speed) and task.val_blocks > 1:
        yield (
            f"val_blocks is {task.val_blocks}, and a time has none",
            "Leave it out: its inputs are fresh.",
        )


def _of_text(surface: Path) -> Iterator[tuple[str, str]]:
    try:
        compile(surface.read_text(encoding="utf-8"), str(surface), "exec", dont_inherit=True)
    except SyntaxError as error:
        yield f"surface {surface.name}, line {error.lineno}: {error.msg}", "Correct it: it must run as it is."
    except (OSError, ValueError) as error:
        yield f"surface {surface.name} cannot be read: {type(error).__name__}", "Save it as UTF-8 text."
