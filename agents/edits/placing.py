"""Finding the one place a change is meant for, and putting it there.

- From strict to lenient: to the letter; but for blanks at the ends of lines; but for blank lines around; tabs
  for blanks; another indentation. The first that finds the place decides, and if it finds two, nothing is
  done.
- Lines that a change only repeats stay as the surface has them.
- Indentation is meaning in Python, so it is made up for only where nothing has to be guessed: the same shift
  for every line, or line for line.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher

from msgspec import Struct

from agents.edits.lines import Page, blank, indent, restyled, trimmed
from agents.edits.outcome import Fault, Reading

Key = Callable[[str], str]

MAX_ALIGNED = 4_000_000
"""Pairs of lines up to which a change is aligned with what it replaces: 2000 by 2000, more than a surface
has.
"""


class Miss(Struct, frozen=True):
    """The change has no place."""

    kind: Fault
    places: list[int] = []
    """Lines, from 1, at which it would fit equally well."""


class _Attempt(Struct, frozen=True):
    """One degree of strictness."""

    key: Key
    """Lines are equal if this is."""
    search: list[str]
    replace: list[str]
    reindent: bool = False


def place(page: Page, reading: Reading, shift: int, *, reindent: bool) -> Page | Miss:
    """The page with the change.

    shift: lines that earlier changes have added above where a diff says this one begins. reindent: look past
    indentation, too, and repair it.
    """
    for attempt in _attempts(page, reading, reindent):
        starts = _find(
            [attempt.key(line) for line in page.lines], [attempt.key(line) for line in attempt.search]
        )
        if len(starts) > 1 and reading.line is not None and reading.line + shift in starts:
            starts = [reading.line + shift]
        if len(starts) > 1:
            return Miss(Fault.AMBIGUOUS, [start + 1 for start in starts])
        if starts:
            return _put(page, starts[0], attempt)
    return Miss(Fault.NOT_FOUND)


def _attempts(page: Page, reading: Reading, reindent: bool) -> Iterator[_Attempt]:
    yield _Attempt(_letters, reading.search, reading.replace)
    yield _Attempt(str.rstrip, reading.search, reading.replace)
    search, replace = trimmed(reading.search), trimmed(reading.replace)
    if search:
        yield _Attempt(str.rstrip, search, replace)
        search, replace = restyled(search, page, replace), restyled(replace, page, search)
        yield _Attempt(str.rstrip, search, replace)
        if reindent:
            yield _Attempt(str.strip, search, replace, reindent=True)


def _letters(line: str) -> str:
    return line.removesuffix("\r")


def _find(lines: list[str], wanted: list[str]) -> list[int]:
    """Every start of ``wanted`` in ``lines``, overlapping ones too. Looked for by its rarest line, so that
    long runs of equal lines stay cheap.
    """
    if not wanted or len(wanted) > len(lines):
        return []
    count = Counter(lines)
    anchor = min(range(len(wanted)), key=lambda number: count[wanted[number]])
    starts = (number - anchor for number, line in enumerate(lines) if line == wanted[anchor])
    return [start for start in starts if start >= 0 and lines[start : start + len(wanted)] == wanted]


def _put(page: Page, start: int, attempt: _Attempt) -> Page | Miss:
    old = page.lines[start : start + len(attempt.search)]
    shifts = _shifts(old, attempt) if attempt.reindent else [""] * len(old)
    if shifts is None:
        return Miss(Fault.INDENTATION, [start + 1])
    new: list[str] = []
    for tag, first, last, new_first, new_last in _steps(attempt):
        if tag == "equal":
            new += old[first:last]
            continue
        fitted = _fitted(attempt.replace[new_first:new_last], shifts, first, last)
        if fitted is None:
            return Miss(Fault.INDENTATION, [start + 1])
        new += page.with_ends(fitted if attempt.key is _letters else [line.rstrip() for line in fitted])
    return page.with_lines(start, start + len(old), new)


def _steps(attempt: _Attempt) -> Sequence[tuple[str, int, int, int, int]]:
    if len(attempt.search) * len(attempt.replace) > MAX_ALIGNED:
        return [("replace", 0, len(attempt.search), 0, len(attempt.replace))]
    before, after = (
        [_letters(line).rstrip() if attempt.key is not _letters else line for line in side]
        for side in (attempt.search, attempt.replace)
    )
    return SequenceMatcher(None, before, after, autojunk=False).get_opcodes()


def _shifts(old: list[str], attempt: _Attempt) -> list[str] | None:
    """What each line's indentation lacks, or with a minus before it has too much; None if nobody can say.

    The first lines of both sides have to be indented alike: else it is open whether the new lines lack what
    the old ones lack.
    """
    new_first = next((line for line in attempt.replace if not blank(line)), attempt.search[0])
    if indent(new_first) != indent(attempt.search[0]):
        return None
    shifts: list[str] = []
    for there, said in zip(old, attempt.search, strict=True):
        have, want = indent(said), indent(there)
        if blank(there):
            shifts.append(shifts[-1] if shifts else "")
        elif want.endswith(have):
            shifts.append(want[: len(want) - len(have)])
        elif have.endswith(want):
            shifts.append(f"-{have[: len(have) - len(want)]}")
        else:
            return None
    return shifts


def _fitted(lines: list[str], shifts: list[str], first: int, last: int) -> list[str] | None:
    """New lines indented for their place: by one and the same shift, or each like the line it replaces."""
    if len(set(shifts)) == 1:
        fitted = [_shifted(line, shifts[0]) for line in lines]
    elif len(lines) in (0, last - first):
        fitted = [_shifted(line, shift) for line, shift in zip(lines, shifts[first:last], strict=False)]
    else:
        return None
    return None if None in fitted else [line for line in fitted if line is not None]


def _shifted(line: str, shift: str) -> str | None:
    if blank(line) or not shift:
        return line
    if not shift.startswith("-"):
        return shift + line
    return line[len(shift) - 1 :] if line.startswith(shift[1:]) else None
