"""Modules that a surface finds beside itself: the judge's, and those of its task folder."""

from pathlib import Path

from trainer.process.environment import ROOT

SHIMS = ROOT / "evaluator" / "shim"
"""The frozen modules as variants import them."""


def module_at(folder: Path, name: str) -> Path | None:
    """The file or package of that name in a folder, if there is one."""
    file, package = folder / f"{name}.py", folder / name
    return file if file.is_file() else package if (package / "__init__.py").is_file() else None
