"""Files of a task folder and of a surface's text, as boxes take them."""

from collections.abc import Sequence
from pathlib import Path

from configs.errors import ConfigError
from evaluator.box_job import MOST_BYTES, BoxFile
from evaluator.bundle import BundleError, is_bundle, pack, unpack, wrong_path

IGNORED = ("__pycache__", ".git")
"""Folders that no pattern matches in."""


def as_files(source: str, surface: str) -> dict[str, BoxFile]:
    """Of a surface's text. surface: its name, where it is one Python file. Raises BundleError."""
    texts = unpack(source) if is_bundle(source) else {surface: source}
    return {path: BoxFile(text.encode()) for path, text in texts.items()}


def matching(folder: Path, patterns: Sequence[str], key: str) -> list[str]:
    """Paths of files that match, in order. key: of task.yaml, for its error: ConfigError where a pattern
    matches nothing or leads out of the folder.
    """
    paths = set[str]()
    for pattern in patterns:
        if why := wrong_path(pattern):
            raise ConfigError(
                f"{folder / 'task.yaml'}: {key} holds {pattern!r}: {why}", "Correct the pattern."
            )
        files = _files(folder, f"{pattern}/*" if pattern.endswith("**") else pattern)
        if not files:
            raise ConfigError(
                f"{folder / 'task.yaml'}: nothing in {folder} matches {pattern!r} of {key}",
                "Correct the pattern, or add the file.",
            )
        paths.update(files)
    return sorted(paths)


def read_files(folder: Path, patterns: Sequence[str], key: str) -> dict[str, BoxFile]:
    """Files that match, by path. Raises ConfigError."""
    paths = matching(folder, patterns, key)
    size = sum((folder / path).stat().st_size for path in paths)
    if size > MOST_BYTES:
        raise ConfigError(
            f"{folder}: {key} is {size / 1e6:.0f} MB, {MOST_BYTES / 1e6:.0f} MB are allowed",
            "Name less; large data belongs into a recipe.",
        )
    return {path: _read(folder / path) for path in paths}


def _files(folder: Path, pattern: str) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.glob(pattern)
        if path.is_file() and not set(path.relative_to(folder).parts) & set(IGNORED)
    ]


def _read(path: Path) -> BoxFile:
    return BoxFile(path.read_bytes(), bool(path.stat().st_mode & 0o100))


def bundled(folder: Path, patterns: Sequence[str]) -> str:
    """The files of a surface as one text. Raises ConfigError."""
    try:
        return pack(
            {
                path: (folder / path).read_text(encoding="utf-8")
                for path in matching(folder, patterns, "surface")
            }
        )
    except (BundleError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(
            f"{folder / 'task.yaml'}: surface: {error}", "Name text files below the folder."
        ) from error
