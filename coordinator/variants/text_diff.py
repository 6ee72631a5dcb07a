"""What is different between two texts of a surface, file by file where it has several. Pure."""

from collections.abc import Iterator
from difflib import unified_diff

from coordinator.variants.source import SurfaceError, files_of
from evaluator.bundle import is_bundle

NOTHING = "/dev/null"
"""In the place of a file that is not there, as diffs have it."""


def diff_lines(
    old: str, new: str, surface: str, marks: tuple[str, str] = ("", ""), context: int = 3
) -> Iterator[str]:
    """Lines of a unified diff without their ends. surface: name of the one file. marks: what stands behind
    the names of old and new files. context: lines around a change.
    """
    before, after = _files(old, surface), _files(new, surface)
    for path in sorted({*before, *after}):
        names = [
            f"{side}/{path}{mark}" if path in files else NOTHING
            for side, files, mark in zip("ab", (before, after), marks, strict=True)
        ]
        one, other = (files.get(path, "").splitlines() for files in (before, after))
        lines = list(unified_diff(one, other, names[0], names[1], n=context, lineterm=""))
        if not lines and NOTHING in names:  # an empty file comes or goes
            lines = [f"--- {names[0]}", f"+++ {names[1]}"]
        yield from lines


def _files(text: str, surface: str) -> dict[str, str]:
    """Texts by path; of what is no bundle the one text under the surface's name."""
    try:
        return files_of(text) if is_bundle(text) else {surface: text}
    except SurfaceError:
        return {surface: text}
