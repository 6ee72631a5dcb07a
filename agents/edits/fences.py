"""Fenced parts of an answer, as markdown has them, and names of files said next to them."""

import re
from collections.abc import Sequence

from msgspec import Struct

FENCE = re.compile(r"^[ \t]*(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$")
PATH = re.compile(r"[\w.~/\\-]*\w\.(?:py|pyi|ipynb|md|txt|toml|ya?ml|json|cfg|ini|sh|c|cc|cpp|h|cu)(?!\w)")
LABEL = re.compile(r"^(?:in|file|filename|path|edit|update|modify|change)\b[ \t]*:?[ \t]*", re.IGNORECASE)
MAX_NAME = 300
"""Characters of a line in which a name is looked for."""
DRESS = "#*`>:'\"()[]- \t"
"""What a file's name standing by itself on a line may be dressed in."""


class Fence(Struct, frozen=True):
    """Lines between ``start`` and ``end`` (exclusive), without the fences themselves."""

    info: str
    """What stands behind the opening one."""
    start: int
    end: int
    closed: bool


def fences(lines: Sequence[str]) -> list[Fence]:
    """The fenced parts, in order. One that is never closed goes to the end."""
    parts: list[Fence] = []
    opened: tuple[str, str, int] | None = None
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if fence is None:
            continue
        if opened is None:
            opened = (fence["ticks"], fence["info"].strip(), number + 1)
        elif closes(line, opened[0]):
            parts.append(Fence(opened[1], opened[2], number, closed=True))
            opened = None
    if opened is not None:
        parts.append(Fence(opened[1], opened[2], len(lines), closed=False))
    return parts


def closes(line: str, ticks: str) -> bool:
    """Whether ``line`` closes a fence opened with ``ticks``."""
    fence = FENCE.match(line)
    return fence is not None and not fence["info"].strip() and fence["ticks"].startswith(ticks)


def places_at(lines: Sequence[str], number: int) -> tuple[str, str]:
    """Where a file may be named for what begins at that line: what stands behind its opening fence, and the
    line before.
    """
    before = _filled_before(lines, number)
    fence = FENCE.match(lines[before]) if before >= 0 else None
    info = fence["info"] if fence is not None else ""
    if fence is not None:
        before = _filled_before(lines, before)
    return info, lines[before] if before >= 0 else ""


def named_at(lines: Sequence[str], number: int) -> list[str]:
    """Names of files said for what begins at that line: behind its opening fence, or by themselves on the
    line before.
    """
    info, before = places_at(lines, number)
    alone = PATH.fullmatch(LABEL.sub("", before[:MAX_NAME].strip(DRESS)).strip(DRESS))
    return [*PATH.findall(info[:MAX_NAME]), *([alone[0]] if alone else [])]


def _filled_before(lines: Sequence[str], number: int) -> int:
    before = number - 1
    while before >= 0 and not lines[before].strip():
        before -= 1
    return before


def is_surface(name: str, surface: str) -> bool:
    """Whether a path in an answer means the surface: only its last part counts, nobody knows which folder a
    model imagines.
    """
    return name.replace("\\", "/").rpartition("/")[2] == surface
