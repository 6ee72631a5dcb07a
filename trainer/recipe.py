"""Recipes: the module ``recipe.py`` of a task folder, which makes the task's data.

- ``prepare(folder: Path) -> Path`` makes the data below a folder if it is not there, and returns where it is.
- ``needs(folder: Path) -> DataNeeds``, if there is one, says quickly what making it would take, and raises
  ConfigError for what this machine lacks; nothing when the data is there. It is asked before a start.

A recipe may be anybody's code: whatever it raises becomes a ConfigError that says where.
"""

import ast
import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from msgspec import Struct

from configs.errors import ConfigError

FILE = "recipe.py"
Answer = TypeVar("Answer")


class DataNeeds(Struct, frozen=True):
    """What making a task's data takes."""

    download_bytes: float = 0

    disk_bytes: float = 0
    """Of data and downloads, where both are made anew."""

    address: str = ""
    """Where it is downloaded from; empty where nothing is."""


def require_recipe(folder: Path, task: str) -> None:
    """Raises ConfigError where the folder has no recipe that could be asked. Runs nothing of it."""
    path = folder / FILE
    if not path.is_file():
        raise ConfigError(
            f"task {task} has no {FILE} in {folder}",
            "Add one with a function prepare(folder): docs/extending.md.",
        )
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigError(f"{path}{where}: {_first_line(error)}", "Correct the recipe.") from None
    if "prepare" not in {name for node in tree.body for name in _bound(node)}:
        raise ConfigError(
            f"{path} has no function prepare", "Add prepare(folder), which makes the data: docs/extending.md."
        )


def prepared(folder: Path, task: str, data: Path) -> Path:
    """Have the recipe in ``folder`` make the data under ``data``; where it is. Raises ConfigError."""
    module = _module(folder, task)
    place = _asked(lambda: module.prepare(data), folder, task)
    if not isinstance(place, Path):
        raise ConfigError(
            f"{folder / FILE}: prepare returned {type(place).__name__}, not a Path",
            "Return the folder that holds the data.",
        )
    return place


def needs(folder: Path, task: str, data: Path) -> DataNeeds | None:
    """What making the data under ``data`` would take; None where the recipe does not say. Raises ConfigError
    for what this machine lacks.
    """
    module = _module(folder, task)
    if not hasattr(module, "needs"):
        return None
    answer: DataNeeds = _asked(lambda: module.needs(data), folder, task)
    return answer


def _module(folder: Path, task: str) -> ModuleType:
    require_recipe(folder, task)
    spec = importlib.util.spec_from_file_location(f"autoswarm_recipe_{task}", folder / FILE)
    assert spec is not None  # noqa: S101 - a file that ends in .py has a loader
    assert spec.loader is not None  # noqa: S101
    module, loader = importlib.util.module_from_spec(spec), spec.loader
    _asked(lambda: loader.exec_module(module), folder, task)
    return module


def _asked(question: Callable[[], Answer], folder: Path, task: str) -> Answer:
    try:
        return question()
    except ConfigError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(folder / FILE)]
        where = f", line {lines[-1]}" if lines else ""
        raise ConfigError(
            f"the recipe of task {task} failed: {type(error).__name__}: {_first_line(error)}",
            f"See {folder / FILE}{where}, and try it alone: `autoswarm prepare --task {folder}`.",
        ) from error


def _bound(node: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module makes."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Import() | ast.ImportFrom():
            return [alias.asname or alias.name for alias in node.names]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.If() | ast.Try():
            return [name for below in node.body for name in _bound(below)]
        case _:
            return []


def _first_line(error: Exception) -> str:
    return (str(error.args[0] if isinstance(error, SyntaxError) else error).splitlines() or [""])[0]
