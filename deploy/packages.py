"""Are our packages ours? They have plain names, and another distribution may have put one of the same name in
the way.

Imports nothing of ours: it must work when they are not.
"""

import importlib.metadata
import importlib.util
from pathlib import Path

PACKAGES = ("agents", "configs", "coordinator", "deploy", "evaluator", "trainer")
HOME = Path(__file__).resolve().parents[1]


class ShadowedError(ImportError):
    """A package of ours is somebody else's. ``str`` says which; ``remedy`` says what to do. Exit code 3."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def require_own_packages() -> None:
    """Raises ShadowedError for the first package that is not ours."""
    for name in PACKAGES:
        folder = _folder(name)
        if folder != HOME / name:
            other = (
                ", ".join(importlib.metadata.packages_distributions().get(name, [])) or "a folder on the path"
            )
            remedy = (
                f"{other} is in the way: remove it, or give autoswarm a virtual environment of its own (`make"
                " install`)."
            )
            raise ShadowedError(f"package {name} is imported from {folder}, not from {HOME}", remedy)


def _folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None
