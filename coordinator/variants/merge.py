"""Two edits of one text put together, as far as they do not overlap.

Git calls edits of neighbouring lines a conflict, because in prose they often are. Constants of a training
script stand line under line, and an edit of one has nothing to do with an edit of the next: so here only
edits of the same line conflict. What comes out is measured before it is believed.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

from msgspec import Struct

from evaluator.bundle import BundleError, is_bundle, pack, unpack


class MergeConflictError(Exception):
    """Two edits touch the same lines."""


class Edit(Struct, frozen=True, order=True):
    """Lines ``start`` to ``end`` (exclusive) of the base are replaced by ``lines``."""

    start: int
    end: int
    lines: list[str]


def merge(base: str, ours: str, theirs: str) -> str:
    """``base`` with both edits. Raises MergeConflictError where they change the same line, or insert at the
    same place, in different ways; where one removes a file that the other changes; and where files come out
    that make no bundle.
    """
    if is_bundle(base):
        return _merged_files(base, ours, theirs)
    merged = _merged(base, ours, theirs)
    if is_bundle(merged) and not (is_bundle(ours) or is_bundle(theirs)):
        raise MergeConflictError("both together would be another kind of text")
    return merged


def _merged_files(base: str, ours: str, theirs: str) -> str:
    try:
        old, mine, other = unpack(base), unpack(ours), unpack(theirs)
        merged = {
            path: _merged_file(path, old.get(path), mine.get(path), other.get(path))
            for path in {*old, *mine, *other}
        }
        return pack({path: text for path, text in merged.items() if text is not None})
    except BundleError as error:
        raise MergeConflictError(f"both together are no list of files: {error}") from error


def _merged_file(path: str, old: str | None, mine: str | None, other: str | None) -> str | None:
    """One file's text with both edits; None where it is gone. Raises MergeConflictError."""
    if mine == other or other == old:
        return mine
    if mine == old:
        return other
    if mine is None or other is None:
        raise MergeConflictError(f"one removes {path}, which the other changes")
    if old is None:
        raise MergeConflictError(f"both add {path}")
    try:
        return _merged(old, mine, other)
    except MergeConflictError as conflict:
        raise MergeConflictError(f"{path}: {conflict}") from conflict


def _merged(base: str, ours: str, theirs: str) -> str:
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
