"""SEARCH/REPLACE blocks: read from an answer, whatever stands around them.

- A structure in doubt is a problem: an end without a beginning, a beginning inside a block, no divider.
- A row of equal signs may be the divider or part of either side. Every way to read it is kept; the surface
  decides.
"""

import re
from collections.abc import Sequence

from agents.edits.fences import FENCE, MAX_NAME
from agents.edits.lines import common_indent
from agents.edits.outcome import Change, Fault, Format, Part, Problem, Reading
from agents.edits.targets import Target, the_path

OPEN = re.compile(r"^[ \t]*<{5,9}[ \t]*(?:SEARCH|ORIGINAL)\b(?P<rest>.*)$", re.IGNORECASE)
DIVIDER = re.compile(r"^[ \t]*={5,9}[ \t]*$")
CLOSE = re.compile(r"^[ \t]*>{5,9}[ \t]*(?:REPLACE|UPDATED)\b.*$", re.IGNORECASE)
NEARLY = re.compile(
    r"^(?:[\s>*+•|`-]|\d+[.)])*(?:<{3,}|>{4,}|＜{3,}|＞{3,}|(?:&lt;){3,}|(?:&gt;){3,}|-{4,}|\+{4,}|={4,})"
    r"[ \t]*(?:SEARCH|ORIGINAL|REPLACE|UPDATED)\b",
    re.IGNORECASE,
)
"""A marker in a list, in a quotation, of other letters or too short. A block that was overlooked would leave
half of an edit."""
MAX_BLOCKS = 200
"""Blocks of an answer; more are no experiment that anybody could read."""
MAX_DIVIDERS = 8
"""Rows of equal signs in one block that are tried; more are no program."""

HOW = """Write every change as
<<<<<<< SEARCH
lines of the file, copied letter by letter
=======
the lines to put there
>>>>>>> REPLACE"""


def read_blocks(lines: Sequence[str], target: Target) -> list[Part] | Problem:
    """The blocks in these lines; none where no marker is."""
    parts: list[Part] = []
    number = 0
    while number < len(lines):
        name = f"block {len(parts) + 1}"
        if not OPEN.match(lines[number]):
            if CLOSE.match(lines[number]):
                return Problem(
                    Fault.MALFORMED, f"a REPLACE marker closes nothing after block {len(parts)}", HOW
                )
            if NEARLY.match(lines[number][:MAX_NAME]):
                marker = lines[number].strip()[:40]
                return Problem(
                    Fault.MALFORMED, f"{marker!r} stands where a marker may be meant and is none", HOW
                )
            number += 1
            continue
        if len(parts) == MAX_BLOCKS:
            return Problem(Fault.TOO_LARGE, f"the answer has more than {MAX_BLOCKS} blocks")
        path = _path(lines, number, target, name)
        if isinstance(path, Problem):
            return path
        end = _end(lines, number, name)
        if isinstance(end, Problem):
            return end
        change = _change(lines[number], list(lines[number + 1 : end]), name)
        if isinstance(change, Problem):
            return change
        parts.append(Part(number, end + 1, Format.BLOCKS, change, path=path))
        number = end + 1
    return parts


def block_spans(lines: Sequence[str]) -> list[tuple[int, int]]:
    """The lines with the markers of every block that is closed before another one begins."""
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    for number, line in enumerate(lines):
        if OPEN.match(line):
            opened = number
        elif opened is not None and CLOSE.match(line):
            spans.append((opened, number))
            opened = None
    return spans


def _path(lines: Sequence[str], number: int, target: Target, name: str) -> str | Problem:
    opening = OPEN.match(lines[number])
    rest = opening["rest"] if opening else ""
    path = the_path(target, [*target.named_in(rest), *target.names_at(lines, number)])
    if isinstance(path, str):
        return path
    if len(path) > 1 and all(one in target.files for one in path):
        return Problem(Fault.AMBIGUOUS, f"{name} names {len(path)} files: {', '.join(path)}"[:300])
    return Problem(Fault.OUTSIDE_SURFACE, f"{name} changes {path[0]}; only {target.only} can change")


def _end(lines: Sequence[str], number: int, name: str) -> int | Problem:
    for at in range(number + 1, len(lines)):
        if CLOSE.match(lines[at]):
            return at
        if OPEN.match(lines[at]):
            return Problem(Fault.MALFORMED, f"{name} is not closed before the next one begins", HOW)
    return Problem(Fault.TRUNCATED, f"the answer ends inside {name}", "Answer again, complete and shorter.")


def _change(opening: str, inside: list[str], name: str) -> Change | Problem:
    """Every way to read a block: at each divider, and without the indentation or the fences its markers share
    with its lines.
    """
    dividers = [number for number, line in enumerate(inside) if DIVIDER.match(line)]
    if not dividers or len(dividers) > MAX_DIVIDERS:
        return Problem(
            Fault.MALFORMED, f"{name} has {len(dividers)} dividing lines of equal signs instead of one", HOW
        )
    literal = [Reading(inside[:at], inside[at + 1 :]) for at in dividers]
    shift = opening[: len(opening) - len(opening.lstrip())]
    dedented = (
        [_dedented(reading, shift) for reading in literal]
        if shift and common_indent(inside).startswith(shift)
        else []
    )
    bare = [
        _bare(reading)
        for reading in literal
        if _fenced(reading.search) and (_fenced(reading.replace) or not reading.replace)
    ]
    return Change(name, [*literal, *dedented], bare)


def _dedented(reading: Reading, shift: str) -> Reading:
    return Reading(
        [line.removeprefix(shift) for line in reading.search],
        [line.removeprefix(shift) for line in reading.replace],
    )


def _fenced(lines: list[str]) -> bool:
    return len(lines) >= 2 and FENCE.match(lines[0]) is not None and FENCE.match(lines[-1]) is not None


def _bare(reading: Reading) -> Reading:
    return Reading(reading.search[1:-1], reading.replace[1:-1])


def is_empty(reading: Reading) -> bool:
    """Whether nothing is searched for. A blank line is something: it is in the file once, or more often."""
    return not reading.search
