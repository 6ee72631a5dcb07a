"""What an answer may change: the one file of a surface, or several and new ones beside them. Names in an
answer are a model's, so they are read leniently and lead nowhere else.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

from msgspec import Struct

from agents.edits.fences import DRESS, LABEL, MAX_NAME, PATH, is_surface, named_at, places_at
from coordinator.variants.patterns import allowed, in_words
from evaluator.bundle import wrong_path

MARKS = f"{DRESS}="
"""What a name standing by itself may be dressed in, that of a bundle's line before a file too."""


class Target(Struct, frozen=True, dict=True):
    """The files of one surface."""

    surface: str
    """Name of the one file, where there is no other."""
    files: frozenset[str] = frozenset()
    """Paths of several; empty for one Python file."""
    patterns: tuple[str, ...] = ()
    """What may lie beside them."""

    @property
    def only(self) -> str:
        """What can change, in words."""
        return in_words(self.patterns or sorted(self.files)) or self.surface

    def path_of(self, name: str, *, in_diff: bool = False) -> str | None:
        """The file that a name means: its path, one that is not there yet among them; empty for the only file
        of a surface; None for a file outside. in_diff: whether ``a/`` and ``b/`` may stand before it.
        """
        if not self.files:
            return "" if is_surface(name, self.surface) else None
        plain = name.replace("\\", "/").removeprefix("./")
        bare = plain[2:] if in_diff and plain.startswith(("a/", "b/")) else plain
        names = (bare, plain)
        there = next((path for path in names if path in self.files), None)
        if there is not None:
            return there
        new = next((path for path in names if self._may_be_added(path)), None)
        below = [path for path in self.files if path.endswith(f"/{bare}")]
        around = [path for path in self.files if plain.endswith(f"/{path}")]
        if len(below) == 1:
            return below[0]
        return new if new is not None or not around else max(around, key=len)

    def names_at(self, lines: Sequence[str], number: int) -> list[str]:
        """Names of files said for what begins at that line."""
        names = named_at(lines, number)
        if not self.files:
            return names
        info, before = places_at(lines, number)
        words = [word.strip(MARKS) for word in info[:MAX_NAME].replace(":", " ").split()]
        alone = self.alone(before)
        return [*names, *(word for word in words if self._is_there(word)), *([alone] if alone else [])]

    def named_in(self, text: str) -> list[str]:
        """Names of files in what stands behind the first marker of a block."""
        words = [word.strip(MARKS) for word in text[:MAX_NAME].split()] if self.files else []
        return [*PATH.findall(text[:MAX_NAME]), *(word for word in words if self._is_there(word))]

    def alone(self, line: str) -> str | None:
        """The file's name that is all that a line says."""
        name = LABEL.sub("", line[:MAX_NAME].strip(MARKS)).strip(MARKS)
        if self._is_there(name):
            return name
        new = "/" in name or "." in name
        return name if new and " " not in name and self._may_be_added(name) else None

    def _is_there(self, word: str) -> bool:
        return word in self.files or word in self._last_parts

    @cached_property
    def _last_parts(self) -> frozenset[str]:
        return frozenset(path.rpartition("/")[2] for path in self.files)

    def _may_be_added(self, path: str) -> bool:
        return not wrong_path(path) and allowed(path, self.patterns)


def the_path(target: Target, names: Iterable[str], *, in_diff: bool = False) -> str | list[str]:
    """The one file that names mean, empty without any; those outside, or all of them where they differ."""
    paths = {name: target.path_of(name, in_diff=in_diff) for name in names}
    outside = [name for name, path in paths.items() if path is None]
    if outside:
        return outside
    meant = {path for path in paths.values() if path is not None}
    return next(iter(meant), "") if len(meant) <= 1 else sorted(meant)
