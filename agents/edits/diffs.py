"""Unified diffs: read from an answer, with the faults that models make in them.

- Counts and line numbers in ``@@`` lines are usually wrong, so what a hunk replaces is found by its lines.
  Its number decides only between places that fit equally well, and only where its counts are right.
- A context line may have lost the blank in front of it, inside a fence where nothing else can be meant.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from agents.edits.fences import fences
from agents.edits.lines import without
from agents.edits.outcome import Change, Fault, Format, Part, Problem, Reading
from agents.edits.targets import Target, the_path

HUNK = re.compile(
    r"^@@(?:[ \t]*-(?P<old>\d+)(?:,(?P<olds>\d+))?[ \t]+\+\d+(?:,(?P<news>\d+))?[ \t]*@@.*|.*)$"
)
OLD_FILE = re.compile(r"^--- (?P<name>\S+)")
NEW_FILE = re.compile(r"^\+\+\+ (?P<name>\S+)")
PATCHED = re.compile(r"^\*\*\* (?P<what>Update|Add|Delete|Move) (?:File|to): *(?P<name>.+)$", re.IGNORECASE)
EXTENDED = (
    "*** ",
    "diff --git ",
    "index ",
    "new file mode",
    "deleted file mode",
    "old mode",
    "new mode",
    "similarity index",
    "rename ",
    "copy ",
)
MAX_HUNKS = 200
"""Hunks of an answer; more are no experiment that anybody could read."""
LANGUAGES = ("diff", "patch", "udiff")


NOTHING = "/dev/null"
"""In the head of a diff, in the place of a file that is not there."""


class Head(Struct, frozen=True):
    """What a diff says about a file before its hunks."""

    path: str = ""
    adds: bool = False
    removes: bool = False


class Hunk(Struct):
    """One hunk of a diff."""

    lines: list[str]
    """With their first letter."""
    at: int = 0
    """Where it begins in the answer: a line, from 0."""
    start: int | None = None
    """Of the old lines, from 0."""
    olds: int | None = None
    """Old lines by the ``@@`` line; None without."""
    news: int | None = None
    """New lines, likewise."""
    head: Head = Head()

    @property
    def counted(self) -> tuple[int, int]:
        """Old and new lines there are."""
        kinds = [line[:1] for line in self.lines]
        return sum(kind != "+" for kind in kinds), sum(kind != "-" for kind in kinds)

    @property
    def filled(self) -> bool:
        """Whether it has as many lines as its ``@@`` line says."""
        olds, news = self.counted
        return self.olds is not None and self.news is not None and olds >= self.olds and news >= self.news


def has_diff(lines: Sequence[str]) -> bool:
    """Whether any of it is a diff."""
    return _holds_diff(lines) or any(_is_diff(fence.info) for fence in fences(lines))


def read_diff(lines: Sequence[str], target: Target) -> list[Part] | Problem:
    """The hunks of an answer that ``has_diff``."""
    inside = [
        fence
        for fence in fences(lines)
        if _is_diff(fence.info) or _holds_diff(lines[fence.start : fence.end])
    ]
    hunks: list[Hunk] = []
    for fence in inside:
        if not fence.closed:
            return _truncated()
        fenced = _hunks(lines[fence.start : fence.end], target, fence.start, fenced=True)
        if isinstance(fenced, Problem):
            return fenced
        hunks += fenced
    rest = without(lines, [(fence.start - 1, fence.end + 1) for fence in inside])
    bare = _hunks(rest, target, 0, fenced=False)
    if isinstance(bare, Problem):
        return bare
    if bare and bare[-1].olds is not None and not bare[-1].filled:
        return _truncated()
    if len(hunks) + len(bare) > MAX_HUNKS:
        return Problem(Fault.TOO_LARGE, f"the answer has more than {MAX_HUNKS} hunks")
    hunks = sorted(_filled([*hunks, *bare]), key=lambda hunk: hunk.at)
    return [_part(hunk, f"hunk {number}") for number, hunk in enumerate(hunks, start=1)]


def _filled(hunks: list[Hunk]) -> list[Hunk]:
    """Without those that say nothing: a head with lines behind it, or of a file that stays."""
    said = {hunk.head for hunk in hunks if hunk.lines}
    return [
        hunk
        for hunk in hunks
        if hunk.lines or ((hunk.head.adds or hunk.head.removes) and hunk.head not in said)
    ]


def _part(hunk: Hunk, name: str) -> Part:
    head = hunk.head
    return Part(
        hunk.at,
        hunk.at + 1 + len(hunk.lines),
        Format.DIFF,
        _change(hunk, name),
        path=head.path,
        adds=head.adds,
        removes=head.removes,
    )


def _holds_diff(lines: Sequence[str]) -> bool:
    """Whether a line of it begins a hunk, or names the file of some."""
    return any(
        line.startswith("@@") or PATCHED.match(line) or (OLD_FILE.match(line) and NEW_FILE.match(following))
        for line, following in zip(lines, [*lines[1:], ""], strict=False)
    )


def _is_diff(info: str) -> bool:
    return info.lower().split(" ")[0] in LANGUAGES


def _truncated() -> Problem:
    return Problem(Fault.TRUNCATED, "the answer ends inside a diff", "Answer again, complete and shorter.")


def _hunks(lines: Sequence[str], target: Target, offset: int, *, fenced: bool) -> list[Hunk] | Problem:
    """offset: lines of the answer before these. fenced: nothing but the diff is in ``lines``; else prose may
    surround it.
    """
    hunks: list[Hunk] = []
    hunk: Hunk | None = None
    if fenced and not any(line.startswith("@@") for line in lines):
        hunks.append(hunk := Hunk([], offset - 1))
    skip, head = False, Head()
    for number, line in enumerate(lines):
        if skip:
            skip = False
            continue
        names = _files(line, lines[number + 1] if number + 1 < len(lines) else "")
        if names:
            read = _head(line, names, target)
            if isinstance(read, Problem):
                return read
            skip, head = len(names) > 1, read
            hunks.append(hunk := Hunk([], offset + number + skip, head=head))
        elif line.startswith("@@"):
            hunks.append(hunk := _opened(line, offset + number, head))
        elif line.startswith(EXTENDED):
            hunk = hunk if hunk and not hunk.lines else None
        elif hunk is not None and not line.startswith("\\"):
            if not fenced and (hunk.filled or line[:1] not in ("+", "-", " ", "")):
                hunk = None
            else:
                hunk.lines.append(line)
    for hunk in hunks:
        while hunk.lines and not hunk.lines[-1]:
            hunk.lines.pop()
    return hunks


def _files(line: str, following: str) -> list[str]:
    """Files that the head of a diff names; none where ``line`` is no head."""
    old, new, patched = OLD_FILE.match(line), NEW_FILE.match(following), PATCHED.match(line)
    if patched:
        gone = "" if patched["what"].lower() == "update" else f" ({patched['what'].lower()})"
        return [patched["name"].strip() + gone]
    return [old["name"], new["name"]] if old and new else []


def _head(line: str, names: list[str], target: Target) -> Head | Problem:
    """What the head of a diff says, if it is about one file of the surface."""
    patched = PATCHED.match(line)
    word = patched["what"].lower() if patched and target.files else ""
    if patched and word in ("add", "delete"):
        names = [patched["name"].strip()]
    adds = word == "add" or bool(target.files and names[0] == NOTHING)
    removes = word == "delete" or bool(target.files and names[-1] == NOTHING)
    path = the_path(target, [name for name in names if not target.files or name != NOTHING], in_diff=True)
    if not isinstance(path, str):
        if len(path) > 1 and not any(target.path_of(name, in_diff=True) is None for name in path):
            return Problem(
                Fault.MALFORMED,
                f"the diff makes {path[0]} another file, {path[1]}",
                "Remove the one file in a diff of its own, and add the other in another.",
            )
        return Problem(Fault.OUTSIDE_SURFACE, f"the diff changes {path[0]}; only {target.only} can change")
    return Head(path, adds, removes)


def _opened(line: str, at: int, head: Head) -> Hunk:
    counts = HUNK.match(line)
    if counts is None or counts["old"] is None:
        return Hunk([], at, head=head)
    return Hunk(
        [],
        at,
        max(0, int(counts["old"][:9]) - 1),
        int((counts["olds"] or "1")[:9]),
        int((counts["news"] or "1")[:9]),
        head,
    )


def _change(hunk: Hunk, name: str) -> Change:
    exact = hunk.olds is not None and (hunk.olds, hunk.news) == hunk.counted
    line = hunk.start if exact else None
    strict = [(text[:1], text[1:] if text[:1] in ("+", "-", " ") else text) for text in hunk.lines]
    loose = [(text[:1], text[1:] if text[:1] in ("+", "-") else text) for text in hunk.lines]
    return Change(name, [_reading(strict, line)], [_reading(loose, line)] if loose != strict else [])


def _reading(lines: list[tuple[str, str]], line: int | None) -> Reading:
    return Reading(
        [text for kind, text in lines if kind != "+"], [text for kind, text in lines if kind != "-"], line
    )
