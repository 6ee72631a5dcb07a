"""What comes of an answer: an edited surface, or a problem to send back to whoever wrote it."""

from enum import StrEnum

from msgspec import Struct


class Format(StrEnum):
    """How an answer said what to change."""

    BLOCKS = "search/replace blocks"
    DIFF = "unified diff"
    WHOLE = "whole file"


class Fault(StrEnum):
    """What is wrong with an answer."""

    NO_EDIT = "no_edit"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    OUTSIDE_SURFACE = "outside_surface"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    INDENTATION = "indentation"
    SNIPPET = "snippet"
    NO_OP = "no_op"
    DOES_NOT_COMPILE = "does_not_compile"
    CONTRACT = "contract"
    TOO_LARGE = "too_large"


class Edited(Struct, frozen=True):
    """The whole new surface. It compiles, keeps the contract and is another program than its parent."""

    source: str
    format: Format


class Problem(Struct, frozen=True):
    """Nothing was changed."""

    kind: Fault
    message: str
    """One line that says why."""
    hint: str = ""
    """What helps to do better: several lines, bounded; may be empty."""


class Reading(Struct, frozen=True):
    """One way to understand a change: these lines are replaced by those."""

    search: list[str]
    replace: list[str]
    line: int | None = None
    """Where a diff says they begin, from 0."""


class Change(Struct, frozen=True):
    """One change and how it may be understood."""

    name: str
    """In messages."""
    readings: list[Reading]
    """The most literal first."""
    fallback: list[Reading] = []
    """Tried if no other reading fits."""


class Part(Struct, frozen=True):
    """One change where it stands in an answer, or a whole file."""

    start: int
    """Its first line, from 0."""
    end: int
    """The line behind its last."""
    format: Format
    change: Change | None = None
    """None for a whole file."""
    source: str = ""
    """The whole file."""
    path: str = ""
    """Of several files the one it is about; empty where it does not say."""
    adds: bool = False
    """Whether it makes a file that is not there yet."""
    removes: bool = False
    """Whether nothing is to be left of the file."""

    def says_the_same(self, other: "Part") -> bool:
        """Whether both mean one edit, given twice."""
        if (self.path, self.adds, self.removes) != (other.path, other.adds, other.removes):
            return False
        if self.change is None or other.change is None:
            return self.change is other.change and self.source == other.source
        return (self.format, self.change.readings) == (other.format, other.change.readings)


MAX_HINT = 4_000
"""Characters of a hint: about a thousand tokens."""


def bounded(text: str, limit: int = MAX_HINT) -> str:
    """``text``, or its beginning and a word on how much more there was."""
    return text if len(text) <= limit else f"{text[:limit]}\n… ({len(text) - limit} more characters)"
