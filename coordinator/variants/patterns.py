"""Which files a task allows a variant: patterns as ``pathlib`` has them, and ``**`` for any folders. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache

GLOB = re.compile(r"[*?\[]")
"""What makes a pattern of a name."""


def is_glob(pattern: str) -> bool:
    """Whether a pattern may stand for any number of files; else it is the path of one."""
    return GLOB.search(pattern) is not None


def allowed(path: str, patterns: Iterable[str]) -> bool:
    """Whether a file may lie at ``path``, with ``/`` between its parts."""
    return any(path == pattern or _expression(pattern).fullmatch(path) is not None for pattern in patterns)


def missing(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Files that have to be there and are not: those that a pattern names without being a glob."""
    there = set(paths)
    return [pattern for pattern in patterns if not is_glob(pattern) and pattern not in there]


def in_words(patterns: Iterable[str]) -> str:
    """Patterns as a list in a sentence."""
    return ", ".join(patterns)


@lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern[str]:
    """``*``, ``?`` and ``[...]`` within one part of a path, ``**`` for any number of parts, none among them;
    at the end for at least one.
    """
    *folders, last = pattern.removeprefix("./").split("/")
    parts = ["(?:[^/]+/)*" if folder == "**" else f"{_part(folder)}/" for folder in folders]
    parts.append("(?:[^/]+/)*[^/]+" if last in ("**", "") else _part(last))
    return re.compile("".join(parts), re.DOTALL)


def _part(text: str) -> str:
    made, at = "", 0
    while at < len(text):
        letter = text[at]
        end = text.find("]", at + 2) if letter == "[" else -1
        if letter == "*":
            made += "[^/]*"
        elif letter == "?":
            made += "[^/]"
        elif end > 0:
            inside = text[at + 1 : end]
            sign, inside = ("^", inside[1:]) if inside[0] in "!^" else ("", inside)
            made += f"(?!/)[{sign}{_class(inside)}]"
            at = end
        else:
            made += re.escape(letter)
        at += 1
    return made


def _class(inside: str) -> str:
    """Letters of a class; a range that runs backwards holds none."""
    ranges = re.sub(r"(.)-(.)", lambda pair: pair[0] if pair[1] <= pair[2] else "", inside)
    return re.sub(r"[\\\[\]^&~|]", r"\\\g<0>", ranges) or "^\x00-\U0010ffff"
