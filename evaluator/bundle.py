"""Surfaces of several files, or of one that is no Python: their texts as one. Pure.

- A surface of one Python file is that file's text. Everything else is a *bundle*: before each file a line
  ``=== file: PATH ===``, then its lines. No Python program begins with such a line: a text says itself which
  of the two it is.
- Files stand in the order of their paths and end with a line break: the same files are the same text, and an
  edit of one moves no other.
- Untrusted: paths are checked, and a file that holds such a line is refused.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

HEADER = re.compile(r"^=== file: (?P<path>.+) ===$", re.MULTILINE)
LONGEST_PATH = 200
"""Characters of a file's path."""
MOST_FILES = 500
"""Of a surface: more are no program that somebody edits."""


class BundleError(ValueError):
    """A text that is no bundle, or files that make none. ``str`` says why."""


def is_bundle(text: str) -> bool:
    """Whether a surface's text is one."""
    return HEADER.match(text) is not None


def header(path: str) -> str:
    """The line before a file."""
    return f"=== file: {path} ==="


def pack(files: Mapping[str, str]) -> str:
    """Files by their paths as one text; a last line that does not end is ended. Raises BundleError."""
    if not files:
        raise BundleError("no file")
    if len(files) > MOST_FILES:
        raise BundleError(f"{len(files)} files, {MOST_FILES} are allowed")
    for path, text in files.items():
        if why := wrong_path(path):
            raise BundleError(f"{path!r}: {why}")
        if HEADER.search(text):
            raise BundleError(f"{path} holds a line like {header('…')}, which marks the beginning of a file")
    return "".join(f"{header(path)}\n{_ended(files[path])}" for path in sorted(files))


def unpack(text: str) -> dict[str, str]:
    """Texts by path. Raises BundleError for what ``pack`` would not have made."""
    first, *parts = HEADER.split(text)
    if first or not parts:
        raise BundleError("it does not begin with the line of a file")
    paths, texts = parts[::2], [part.removeprefix("\n") for part in parts[1::2]]
    files = dict(zip(paths, texts, strict=True))
    if len(files) < len(paths):
        raise BundleError("it holds a file twice")
    if list(files) != sorted(files):
        raise BundleError("its files are not in the order of their paths")
    if pack(files) != text:
        raise BundleError("a file of it does not end with a line break")
    return files


def wrong_path(path: str) -> str:
    """Why a file cannot lie there below the surface's folder; empty where it can."""
    pure = PurePosixPath(path)
    if not path or len(path) > LONGEST_PATH or not path.isprintable():
        return f"a path of 1 to {LONGEST_PATH} printable characters is wanted"
    if "\\" in path or pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == ".":
        return "a plain path below the folder is wanted, with / between its parts"
    return ""


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
