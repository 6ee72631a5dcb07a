"""Two edits of one text put together, as far as they do not overlap.

Git calls edits of neighbouring lines a conflict, because in prose they often are. Constants of a training
script stand line under line, and an edit of one has nothing to do with an edit of the next: so here only
edits of the same line conflict. What comes out is measured before it is believed.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

from msgspec import Struct


class MergeConflictError(Exception):
    """Two edits touch the same lines."""


class Edit(Struct, frozen=True, order=True):
    """Lines ``start`` to ``end`` (exclusive) of the base are replaced by ``lines``."""

    start: int
    end: int
    lines: list[str]


def merge(base: str, ours: str, theirs: str) -> str:
    """``base`` with both edits. Raises MergeConflictError where they change the same line, or insert at the
    same place, in different ways.
    """
    lines = base.splitlines(keepends=True)
    first = list(edits_of(lines, ours))
    edits = sorted(first + [edit for edit in edits_of(lines, theirs) if edit not in first])
    merged: list[str] = []
    at = 0
    for number, edit in enumerate(edits):
        if number and _overlap(edits[number - 1], edit):
            raise MergeConflictError(f"both change line {edit.start + 1}")
        merged += [*lines[at : edit.start], *edit.lines]
        at = edit.end
    return "".join([*merged, *lines[at:]])


def edits_of(lines: list[str], text: str) -> Iterator[Edit]:
    """What was done to ``lines`` to make ``text``, line by line where as many lines come as go."""
    new = text.splitlines(keepends=True)
    for tag, start, end, new_start, new_end in SequenceMatcher(
        None, lines, new, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        if end - start == new_end - new_start:
            for offset in range(end - start):
                yield Edit(start + offset, start + offset + 1, [new[new_start + offset]])
        else:
            yield Edit(start, end, new[new_start:new_end])


def _overlap(before: Edit, after: Edit) -> bool:
    """Whether two edits, in order, change the same line, or one inserts right where the other changes."""
    inserts = before.start == before.end or after.start == after.end
    return after.start < before.end or (inserts and after.start <= before.end)
