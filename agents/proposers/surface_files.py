"""A surface as it lies on a disk: a file, or a folder of several."""

from collections.abc import Sequence
from pathlib import Path

from coordinator.variants.patterns import allowed, is_glob
from evaluator.bundle import is_bundle, pack


def surface_at(path: Path, patterns: Sequence[str]) -> str:
    """The text of a surface that lies there. patterns: files that may change, of a surface of several: those
    of a folder that they allow are it, or a file by itself where they name one alone. Raises OSError,
    UnicodeDecodeError, BundleError.
    """
    if path.is_dir():
        inside = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        chosen = {name: file for name, file in inside.items() if _is_wanted(name, patterns)}
        return pack({name: file.read_text(encoding="utf-8") for name, file in chosen.items()})
    text = path.read_text(encoding="utf-8")
    alone = len(patterns) == 1 and not is_glob(patterns[0]) and not is_bundle(text)
    return pack({patterns[0]: text}) if alone else text


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether a folder's file is of the surface. One that is hidden or Python's own has to be named."""
    if name in patterns:
        return True
    idle = any(part.startswith(".") or part == "__pycache__" for part in name.split("/"))
    return not idle and (not patterns or allowed(name, patterns))
