"""Somebody else's folder, read as data: bounded, no link followed, nothing outside it, nothing run."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from configs.errors import ConfigError
from evaluator.box_job import BoxFile
from evaluator.bundle import LONGEST_PATH, wrong_path

SKIPPED = frozenset({
    ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", "openevolve_output", "results", "wandb",
})  # fmt: skip
"""Folders that hold no part of a task: history, installed packages, caches, what earlier searches left."""
MOST_FILE_BYTES = 8 << 20
MOST_BYTES = 48 << 20
"""Of one file and of all; a task's box takes 64 MB."""
MOST_FILES = 2_000


class OtherFolder:
    """Its files, read once."""

    def __init__(self, path: Path) -> None:
        """path: of a folder, or of one file, which then is all there is. Raises ConfigError."""
        self.left_out: list[str] = []
        """What was not read, and why."""
        self.files: dict[str, BoxFile] = {}
        """By their paths below it, with ``/``."""
        self._bytes = 0
        alone = path.is_file()
        self.name = path.stem if alone else path.resolve().name
        if not alone and not path.is_dir():
            raise ConfigError(f"there is no folder {path}", "Name what is to be imported: `--from OTHER`.")
        try:
            for file in [path] if alone else list(self._found(path)):
                self._read(file, file.name if alone else file.relative_to(path).as_posix())
        except OSError as error:
            raise ConfigError(
                f"cannot read {error.filename}: {error.strerror}", "Check the path and its permissions."
            ) from error

    def has(self, *paths: str) -> bool:
        """Whether all of these are files of it."""
        return all(path in self.files for path in paths)

    def first(self, *paths: str) -> str | None:
        """The first of these that is a file of it."""
        return next((path for path in paths if path in self.files), None)

    def text(self, path: str) -> str:
        """Of a file of it. Raises ConfigError for one that is no UTF-8."""
        try:
            return self.files[path].content.decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not UTF-8", "Save it as UTF-8 text.") from error

    def below(self, folder: str) -> dict[str, BoxFile]:
        """Files in a folder of it, by their whole paths."""
        return {path: file for path, file in self.files.items() if path.startswith(f"{folder}/")}

    def beside(self, paths: Sequence[str]) -> dict[str, BoxFile]:
        """All files but these."""
        return {path: file for path, file in self.files.items() if path not in paths}

    def _found(self, root: Path) -> Iterator[Path]:
        for place, folders, names in os.walk(root):
            here = Path(place)
            for name in sorted(folders):
                if (here / name).is_symlink():
                    self._leave(here / name, root, "a link")
                elif name in SKIPPED:
                    self._leave(here / name, root, "history, packages, caches or results")
            folders[:] = sorted(
                name for name in folders if name not in SKIPPED and not (here / name).is_symlink()
            )
            for name in sorted(names):
                if (here / name).is_symlink() or not (here / name).is_file():
                    self._leave(here / name, root, "a link, or no plain file")
                elif name.endswith((".pyc", ".env")) or name == ".DS_Store":
                    self._leave(here / name, root, "made by a program, or secret")
                else:
                    yield here / name

    def _read(self, path: Path, name: str) -> None:
        if wrong_path(name):
            self.left_out.append(f"{name[:LONGEST_PATH]!r} is not copied: no path of a task")
            return
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
        if len(content) > MOST_FILE_BYTES:
            self.left_out.append(f"{name} is not copied: more than {MOST_FILE_BYTES >> 20} MB")
            return
        self.files[name] = BoxFile(content, bool(path.stat().st_mode & 0o100))
        self._bytes += len(content)
        if len(self.files) > MOST_FILES or self._bytes > MOST_BYTES:
            raise ConfigError(
                f"there is more than {MOST_FILES} files or {MOST_BYTES >> 20} MB to import",
                "Name the folder of the task alone: `--from OTHER`.",
            )

    def _leave(self, path: Path, root: Path, why: str) -> None:
        self.left_out.append(f"{path.relative_to(root).as_posix()} is not copied: {why}")
