"""Tasks: what is searched.

A task is a folder: ``task.yaml``, the surface (``train.py``), and a recipe (``recipe.py``) that makes its
data, where its judge wants one. Metric, direction, judge and budget live there and nowhere else.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from configs.errors import ConfigError
from evaluator.box_job import BoxFile, packed
from evaluator.budget import Budget
from trainer.frozen_modules import SHIMS, module_at
from trainer.judges import AnyJudge, BitsPerByte, Guard
from trainer.recipe import DataNeeds, needs, prepared
from trainer.task_files import bundled, read_files

MANIFEST = "manifest.json"
"""What a prepared folder holds; ``evaluator.judging.data``, which is not imported for its name alone."""
METRIC = "val_bpb"
"""The one number that the judge of training scripts computes."""
BUNDLE = "surface"
"""Name of a surface of several files, or of one that is no Python."""


class MetricSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """The one number."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z_][\w.\-]{0,63}$")]

    direction: str
    """``minimize``: less of it is better; or ``maximize``."""

    unit: str = ""
    """Of its values; empty where it has none."""

    at_least: float | None = None
    at_most: float | None = None
    """What is beyond either is not believed, however it came about."""

    @property
    def bounds(self) -> Guard:
        """The two as a guard."""
        return Guard(at_least=self.at_least, at_most=self.at_most)


class Task(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task folder's ``task.yaml``."""

    name: str
    title: str

    surface: str
    """Name of what agents may change: of the file, or ``surface`` for several files and for one that is no
    Python.
    """

    patterns: list[str] = []
    """Of the files of such a surface, as the ``surface`` of its task.yaml lists them."""

    judge: AnyJudge = BitsPerByte()
    """What measures it."""

    visible: list[str] = []
    """Patterns of files that the surface's code finds beside it. For a judge of commands."""

    hidden: list[str] = []
    """Patterns of files that only ``check`` and ``measure`` get. For a judge of commands."""

    guards: dict[str, Guard] = {}
    """Bounds of further numbers that ``measure`` says."""

    frozen: list[str] = []
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
        """Text of the unmodified surface. Raises ConfigError."""
        if self.patterns:
            return bundled(self.folder, self.patterns)
        return (self.folder / self.surface).read_text(encoding="utf-8")

    @property
    def trains(self) -> bool:
        """Whether its surface is a training script, judged by its losses on prepared data."""
        return isinstance(self.judge, BitsPerByte)

    @property
    def digest(self) -> str:
        """Digest of all that measures a variant but the surface: files and commands. For a judge of commands;
        data has another (``evaluator.judging.data``).
        """
        terms = msgspec.json.encode((self.judge, self.metric, self.guards))
        files = {**self.visible_files(), **self.hidden_files()}
        return sha256(terms + packed(dict(sorted(files.items())))).hexdigest()

    def visible_files(self) -> dict[str, BoxFile]:
        """Files beside the surface, by path. Raises ConfigError."""
        return read_files(self.folder, self.visible, "visible")

    def hidden_files(self) -> dict[str, BoxFile]:
        """Files that are there only where it is measured. Raises ConfigError."""
        return read_files(self.folder, self.hidden, "hidden")

    @property
    def frozen_files(self) -> list[Path]:
        """Files and packages of the task folder that a variant finds beside itself. `prepare` is the judge's
        and not among them.
        """
        names = [name for name in self.frozen if not (SHIMS / f"{name}.py").is_file()]
        return [path for name in names if (path := module_at(self.folder, name)) is not None]

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
        if not self.trains:
            return self.folder
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

    def data_digest(self, data: Path) -> str:
        """Digest of what a variant is measured on and by. data: as ``prepare`` returned it. Raises
        ConfigError.
        """
        if not self.trains:
            return self.digest
        from evaluator.judging.data import read_manifest

        return read_manifest(data).digest

    def data_needs(self, data_dir: Path) -> DataNeeds | None:
        """What making the data would take; None where its recipe does not say. Raises ConfigError for what
        this machine lacks.
        """
        if not self.trains:
            return DataNeeds()
        return needs(self.folder, self.name, data_dir / self.name)
