"""Tasks: what is searched.

A task is a folder: ``task.yaml``, the surface (``train.py``), and a recipe (``recipe.py``) that makes its
data. Metric, direction and budget live there and nowhere else.
"""

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from configs.errors import ConfigError
from configs.yaml_files import read_yaml
from evaluator.budget import Budget
from trainer.process.environment import ROOT

TASKS = Path(__file__).parent / "tasks"
SHIMS = ROOT / "evaluator" / "shim"
"""The frozen modules as variants import them."""


class MetricSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """The one number."""

    name: str

    direction: str
    """``minimize`` or ``maximize``."""


class Task(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task folder's ``task.yaml``."""

    name: str
    title: str

    surface: str
    """Files an agent may change (one)."""

    frozen: list[str]
    """Modules a variant may import that are not its own."""

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
    def frozen_texts(self) -> dict[str, str]:
        """The frozen modules by file name, for whoever wants to read what a variant imports."""
        files = [SHIMS / f"{name}.py" for name in self.frozen]
        return {file.name: file.read_text(encoding="utf-8") for file in files if file.is_file()}

    def budget(self, size: str | None) -> Budget:
        """The budget of a size, the default for None. Raises ConfigError for an unknown one."""
        name = size or self.default_size
        if name not in self.sizes:
            raise ConfigError(
                f"task {self.name} has no size {name!r}", f"Use one of: {', '.join(self.sizes)}."
            )
        return self.sizes[name]

    def prepare(self, data_dir: Path) -> Path:
        """Make the data if it is not there and return its folder. Raises ConfigError when it cannot be had,
        or has fewer blocks than ``val_blocks``.
        """
        folder: Path = self._recipe().prepare(data_dir / self.name)
        if self.val_blocks > 1:
            from evaluator.judging.data import read_manifest, require_blocks

            require_blocks(folder, read_manifest(folder), self.val_blocks - 1)
        return folder

    def _recipe(self) -> Any:  # a module: its one public function is `prepare(folder: Path) -> Path`
        spec = importlib.util.spec_from_file_location(
            f"autoswarm_recipe_{self.name}", self.folder / "recipe.py"
        )
        if spec is None or spec.loader is None:
            raise ConfigError(
                f"task {self.name} has no recipe.py", "Add one with a function prepare(folder)."
            )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def load_task(name: str) -> Task:
    """The task of that name under ``trainer/tasks``, or at that path. Raises ConfigError."""
    folder = TASKS / name if (TASKS / name).is_dir() else Path(name)
    if not (folder / "task.yaml").is_file():
        names = ", ".join(sorted(path.name for path in TASKS.iterdir() if (path / "task.yaml").is_file()))
        raise ConfigError(
            f"there is no task {name!r}", f"Use one of: {names}; or a path to a folder with a task.yaml."
        )
    try:
        return msgspec.convert(
            read_yaml(folder / "task.yaml") | {"folder": str(folder)}, Task, dec_hook=_decode
        )
    except msgspec.ValidationError as error:
        raise ConfigError(f"{folder / 'task.yaml'}: {error}", "Correct that key.") from error


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
