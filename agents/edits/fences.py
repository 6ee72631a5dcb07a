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


def named_at(lines: Sequence[str], number: int) -> list[str]:
    """Names of files said for what begins at that line: behind its opening fence, or by themselves on the
    line before.
    """
    names: list[str] = []
    before = number - 1
    while before >= 0 and not lines[before].strip():
        before -= 1
    fence = FENCE.match(lines[before]) if before >= 0 else None
    if fence is not None:
        names += PATH.findall(fence["info"][:MAX_NAME])
        before -= 1
        while before >= 0 and not lines[before].strip():
            before -= 1
    if before >= 0:
        alone = PATH.fullmatch(LABEL.sub("", lines[before][:MAX_NAME].strip(DRESS)).strip(DRESS))
        names += [alone[0]] if alone else []
    return names


def is_surface(name: str, surface: str) -> bool:
    """Whether a path in an answer means the surface: only its last part counts, nobody knows which folder a
    model imagines.
    """
    return name.replace("\\", "/").rpartition("/")[2] == surface
