"""Tasks: what is searched.

A task is a folder: ``task.yaml``, the surface (``train.py``), and a recipe (``recipe.py``) that makes its
data. Metric, direction and budget live there and nowhere else.
"""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from configs.errors import ConfigError
from configs.suggest import suggestion
from configs.yaml_files import read_yaml
from evaluator.budget import Budget
from trainer.process.environment import ROOT
from trainer.recipe import DataNeeds, needs, prepared, require_recipe

MANIFEST = "manifest.json"
"""What a prepared folder holds; ``evaluator.judging.data``, which is not imported for its name alone."""
TASKS = Path(__file__).parent / "tasks"
SHIMS = ROOT / "evaluator" / "shim"
"""The frozen modules as variants import them."""
METRIC = "val_bpb"
"""The one number that the judge computes."""


class MetricSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """The one number."""

    name: str

    direction: str
    """``minimize``: less of it is better."""


class Task(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task folder's ``task.yaml``."""

    name: str
    title: str

    surface: str
    """Files an agent may change (one)."""

    frozen: list[str]
    """Modules a variant may import that are not its own: `prepare`, and files or packages of the folder,
    which are copied beside it.
    """

    metric: MetricSpec

    sizes: dict[str, Budget]
    """Budgets by name."""

    default_size: str

    needs: str = "cpu"
    """``cpu`` or ``gpu``."""

    imports: list[str] = field(default_factory=list)
    """Packages it may import besides torch, numpy and the standard library."""

    choices: dict[str, list[str]] = field(default_factory=dict)
    """Constants of the surface that take one of a few values, as Python literals; a ``# choices: a, b``
    comment does the same.
    """

    val_blocks: int = 1
    """Blocks of validation rows its recipe sets aside. With one, what is confirmed is confirmed on the rows
    it was chosen by.
    """

    fetched: bool = False
    """Its recipe gets the text from elsewhere: whoever reads that and has no network has no text. Else it
    makes the text, and no variant may read it.
    """

    folder: Path = Path()

    @property
    def source(self) -> str:
        """Text of the unmodified surface."""
        return (self.folder / self.surface).read_text(encoding="utf-8")

    @property
    def frozen_files(self) -> list[Path]:
        """Files and packages of the task folder that a variant finds beside itself. `prepare` is the judge's
        and not among them.
        """
        names = [name for name in self.frozen if not (SHIMS / f"{name}.py").is_file()]
        return [path for name in names if (path := _module_at(self.folder, name)) is not None]

    @property
    def frozen_texts(self) -> dict[str, str]:
        """The frozen modules by file name, for whoever wants to read what a variant imports."""
        shims = [SHIMS / f"{name}.py" for name in self.frozen]
        files = {path.name: path for path in shims if path.is_file()}
        for path in self.frozen_files:
            inner = sorted(path.rglob("*.py")) if path.is_dir() else [path]
            files |= {str(file.relative_to(self.folder)): file for file in inner}
        return {name: file.read_text(encoding="utf-8") for name, file in files.items()}

    def budget(self, size: str | None, wall_cap: float | None = None) -> Budget:
        """The budget of a size, the default for None. wall_cap: seconds, in the place of the size's. Raises
        ConfigError for an unknown size.
        """
        name = size or self.default_size
        if name not in self.sizes:
            raise ConfigError(
                f"task {self.name} has no size {name!r}", f"Use one of: {', '.join(self.sizes)}."
            )
        return self.sizes[name] if wall_cap is None else replace(self.sizes[name], wall_cap=wall_cap)

    def prepare(self, data_dir: Path, say: Callable[[str], None] = lambda _: None) -> Path:
        """Make the data if it is not there and return its folder. say: is told in a line that it has to be
        made. Raises ConfigError when it cannot be had, or has fewer blocks than ``val_blocks``.
        """
        if not self._is_there(data_dir / self.name):
            say(f"preparing the data of task {self.name} in {data_dir}")
        folder = prepared(self.folder, self.name, data_dir / self.name)
        if self.val_blocks > 1:
            from evaluator.judging.data import read_manifest, require_blocks

            require_blocks(folder, read_manifest(folder), self.val_blocks - 1)
        return folder

    def _is_there(self, folder: Path) -> bool:
        """Whether its recipe has nothing to make: as it says itself, else whether anything is prepared."""
        lacking = needs(self.folder, self.name, folder)
        if lacking is not None:
            return lacking == DataNeeds()
        return (folder / MANIFEST).is_file() or any(folder.glob(f"*/{MANIFEST}"))

    def data_needs(self, data_dir: Path) -> DataNeeds | None:
        """What making the data would take; None where its recipe does not say. Raises ConfigError for what
        this machine lacks.
        """
        return needs(self.folder, self.name, data_dir / self.name)


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
    try:
        task = msgspec.convert(values, Task, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}", "Correct that key: docs/extending.md shows all.") from error
    for what, remedy in _objections(task):
        raise ConfigError(f"{path}: {what}", remedy)
    require_recipe(folder, task.name)
    return task


def _objections(task: Task) -> Iterator[tuple[str, str]]:
    """What is wrong in a task folder, and what to do."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", task.name):
        yield (
            f"name is {task.name!r}",
            "Take letters, digits, - and _: a folder of data has that name.",
        )
    if task.metric.name != METRIC:
        yield (
            f"metric.name is {task.metric.name!r}, and the judge computes bits per byte",
            f"Say {METRIC}; docs/extending.md says what another metric takes.",
        )
    if task.metric.direction != "minimize":
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
        elif not (SHIMS / f"{name}.py").is_file() and _module_at(task.folder, name) is None:
            yield (
                f"frozen module {name} is not in {task.folder}",
                f"Add {name}.py, or take it out of `frozen`; packages go under `imports`.",
            )


def _of_text(surface: Path) -> Iterator[tuple[str, str]]:
    try:
        compile(surface.read_text(encoding="utf-8"), str(surface), "exec", dont_inherit=True)
    except SyntaxError as error:
        yield f"surface {surface.name}, line {error.lineno}: {error.msg}", "Correct it: it must run as it is."
    except (OSError, ValueError) as error:
        yield f"surface {surface.name} cannot be read: {type(error).__name__}", "Save it as UTF-8 text."


def _module_at(folder: Path, name: str) -> Path | None:
    file, package = folder / f"{name}.py", folder / name
    return file if file.is_file() else package if (package / "__init__.py").is_file() else None


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
