"""Whole files in an answer about a surface of several: each in a fence, under its name."""

import re
from collections.abc import Mapping, Sequence

from agents.edits.check import compile_problem
from agents.edits.diffs import LANGUAGES as DIFFS
from agents.edits.fences import FENCE, Fence, fences
from agents.edits.left_out import HOW, SIGN, left_out_problem
from agents.edits.outcome import Fault, Format, Part, Problem
from agents.edits.placeholders import DOTS, stands_for_code
from agents.edits.targets import Target, the_path
from agents.edits.whole import MAX_FENCES, file_in, too_short
from coordinator.variants.source import is_python

DOTTED = re.compile(DOTS)


def read_files(
    lines: Sequence[str], files: Mapping[str, str], target: Target, others: Sequence[Part]
) -> list[Part] | Problem:
    """The files that fences hold. files: texts of the surface by path. others: edits of the answer that are
    read already; what holds one is no file.
    """
    inside = [fence for fence in fences(lines) if not _taken(fence, others)]
    named: list[tuple[Fence, str]] = []
    for fence in inside:
        names = target.names_at(lines, fence.start)
        path = the_path(target, names)
        if not isinstance(path, str):
            what = f"{path[0]}; only {target.only} can change"
            return Problem(Fault.OUTSIDE_SURFACE, f"the answer holds {what}")
        named += [(fence, path)] if path else []
    if not named and not others and len(files) == len(inside) == 1:
        named = [(inside[0], next(iter(files)))]
    if len(named) > MAX_FENCES:
        return Problem(Fault.TOO_LARGE, f"the answer has more than {MAX_FENCES} files")
    parts: list[Part] = []
    for fence, path in named:
        part = _part(lines, fence, path, files.get(path))
        if isinstance(part, Problem):
            return part
        parts.append(part)
    return parts


def _taken(fence: Fence, others: Sequence[Part]) -> bool:
    """Whether a fence is of another edit, or says that it would be."""
    diff = fence.info.lower().split(" ")[0] in DIFFS
    return diff or any(part.start < fence.end and fence.start < part.end for part in others)


def _part(lines: Sequence[str], fence: Fence, path: str, old: str | None) -> Part | Problem:
    if is_python(path):
        part = file_in(lines, fence, lambda source: _python_problem(source, path, old))
    else:
        if old is not None and _holds_fence(old, lines[fence.start - 1]):
            return Problem(
                Fault.AMBIGUOUS,
                f"{path} holds fences itself, and where it ends would be a guess",
                "Send the change as SEARCH/REPLACE blocks, or the file in a longer fence.",
            )
        part = file_in(lines, fence, lambda source: _text_problem(source, path, old or ""))
    if isinstance(part, Problem):
        return part
    return Part(part.start, part.end, Format.WHOLE, source=part.source, path=path, adds=old is None)


def _python_problem(source: str, path: str, old: str | None) -> Problem | None:
    short = None if old is None else too_short(source, old)
    return short or left_out_problem(source, old or "", path) or compile_problem(source, path)


def _text_problem(source: str, path: str, old: str) -> Problem | None:
    """Where a text that got shorter says behind dots that something is left out."""
    new, kept = source.split("\n"), {line.strip() for line in old.split("\n")}
    if len(new) >= len(old.split("\n")):
        return None
    for number, line in enumerate(map(str.strip, new), start=1):
        bare = SIGN.sub("", line)
        if line not in kept and DOTTED.match(bare) and stands_for_code(bare):
            return Problem(Fault.SNIPPET, f"line {number} of {path} leaves lines out at {line[:80]!r}", HOW)
    return None


def _holds_fence(text: str, opening: str) -> bool:
    """Whether a line of a text would end a fence that begins like this."""
    opened = FENCE.match(opening)
    marks = (FENCE.match(line) for line in text.split("\n"))
    return opened is not None and any(mark["ticks"].startswith(opened["ticks"]) for mark in marks if mark)
