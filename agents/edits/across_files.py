"""From an answer to a new surface of several files, or of one that is no Python.

- A change under a file's name is put into that file only. Without one it has to fit one place of all files.
- A whole file replaces the one it names. A new one is added by a whole file, by a diff from nothing, or by a
  block that searches for nothing; a diff to nothing removes one.
- Python files compile and leave nothing out; of other texts nothing is asked. It is all or nothing, as with
  one file.
"""

from collections.abc import Iterator, Mapping, Sequence

from agents.edits.blocks import read_blocks
from agents.edits.changing import all_or_nothing, attempt, changed_page
from agents.edits.diffs import has_diff, read_diff
from agents.edits.lines import Page, blank, page_of, without
from agents.edits.named_files import read_files
from agents.edits.nearest import nearest_hint
from agents.edits.outcome import Change, Edited, Fault, Format, Part, Problem
from agents.edits.placing import Miss
from agents.edits.runs import ONE, code_beside, last_run
from agents.edits.targets import Target
from coordinator.variants.patterns import missing
from coordinator.variants.source import SurfaceError, files_of, is_python
from evaluator.bundle import BundleError, pack

HOW = """Write every change under the name of its file, as
PATH
<<<<<<< SEARCH
lines of the file, copied letter by letter
=======
the lines to put there
>>>>>>> REPLACE"""
NAME = "Write the path of the file on the line before the block."


def edited_files(
    lines: Sequence[str], parent: str, surface: str, patterns: Sequence[str]
) -> Edited | Problem:
    """``parent`` with the edit in an answer, to be checked. patterns: what may lie beside its files. Raises
    nothing.
    """
    try:
        old = files_of(parent)
    except SurfaceError as error:  # nobody should have merged it
        return Problem(Fault.MALFORMED, f"the surface cannot be edited: {error}")
    target = Target(surface, frozenset(old), tuple(patterns))
    parts = _parts(lines, old, target)
    if isinstance(parts, Problem):
        return parts
    spoken = _without_names(lines, parts, target)
    run = last_run(spoken, parts)
    if isinstance(run, Problem):
        return run
    new = _changed(old, run)
    if isinstance(new, Problem):
        return all_or_nothing(new, len(run))
    source = _packed(new, old, target)
    if isinstance(source, Problem):
        return source
    programs = "\n".join(text for path, text in old.items() if is_python(path))
    beside = code_beside(spoken, parts, run, f"{source}\n{parent}", programs)
    return beside or Edited(source, run[0].format)


def _parts(lines: Sequence[str], files: Mapping[str, str], target: Target) -> list[Part] | Problem:
    """All edits in an answer, in whatever format, or why there is none."""
    parts = read_blocks(lines, target)
    if isinstance(parts, Problem):
        return parts
    rest = without(lines, [(part.start, part.end) for part in parts])
    if has_diff(rest):
        hunks = read_diff(rest, target)
        if isinstance(hunks, Problem):
            return hunks
        parts = [*parts, *hunks]
    whole = read_files(lines, files, target, parts)
    if isinstance(whole, Problem):
        return whole
    parts = [*parts, *whole]
    return parts or Problem(Fault.NO_EDIT, "the answer holds no edit", HOW)


def _without_names(lines: Sequence[str], parts: Sequence[Part], target: Target) -> list[str]:
    """The answer without lines that only name a file: they say nothing between two edits."""
    inside = {number for part in parts for number in range(part.start, part.end)}
    return ["" if number not in inside and target.alone(line) else line for number, line in enumerate(lines)]


# ---------------------------------------------------------------------- making the changes


def _changed(old: Mapping[str, str], run: Sequence[Part]) -> dict[str, str] | Problem:
    """Texts by path with all parts of an edit."""
    if (twice := _twice(run)) is not None:
        return twice
    pages = {path: page_of(text) for path, text in old.items()}
    touched: dict[str, Format] = {}
    for part in run:
        path = part.path or _place_of(pages, old, part)
        if isinstance(path, Problem):
            return path
        if touched.setdefault(path, part.format) is not part.format:
            return Problem(Fault.AMBIGUOUS, f"the answer gives the change of {path} in two formats", ONE)
        page = _with(pages.get(path), part, path, len(old.get(path, "").splitlines()), alone=len(run) == 1)
        if isinstance(page, Problem):
            return page
        if page is None:
            pages.pop(path, None)
        else:
            pages[path] = page
    return {path: page.text for path, page in pages.items()}


def _twice(run: Sequence[Part]) -> Problem | None:
    whole = [part.path for part in run if part.format is Format.WHOLE]
    again = next((path for path in whole if whole.count(path) > 1), None)
    if again is None:
        return None
    return Problem(Fault.AMBIGUOUS, f"the answer holds {again} twice, and not the same", ONE)


def _with(page: Page | None, part: Part, path: str, before: int, *, alone: bool) -> Page | Problem | None:
    """A file's page with one part; None where nothing is left of it. before: lines the file had at first."""
    change = part.change
    if change is None:
        text = part.source.replace("\n", "\r\n") if page is not None and page.crlf else part.source
        return page_of(text)
    if page is None or not page.lines:
        return _added(change, part, path)
    if part.adds:
        return Problem(Fault.MALFORMED, f"{change.name} adds {path}, which is there already", NAME)
    if part.removes and not change.readings[0].search:
        return None
    if not change.readings[0].search and not is_python(path):
        return Problem(
            Fault.AMBIGUOUS,
            f"{change.name} does not say where in {path}: it searches for nothing",
            "Search for the lines before or after.",
        )
    made = changed_page(page, change, len(page.lines) - before, alone=alone, what=path)
    if part.removes and isinstance(made, Page) and all(map(blank, made.lines)):
        return None
    return made


def _added(change: Change, part: Part, path: str) -> Page | Problem:
    """A file that is not there, or is empty, as a change makes it."""
    reading = change.readings[0]
    if part.removes or any(not blank(line) for line in reading.search):
        return Problem(
            Fault.NOT_FOUND,
            f"{change.name} searches in {path}, where nothing is",
            "To add a file, search for nothing and write all of its lines.",
        )
    return Page(list(reading.replace), ended=True, crlf=False)


def _place_of(pages: Mapping[str, Page], old: Mapping[str, str], part: Part) -> str | Problem:
    """The one file that an unnamed change fits; strictly before leniently."""
    change = part.change
    if len(pages) == 1:
        return next(iter(pages))
    if change is None or not any(reading.search for reading in change.readings):
        name = change.name if change else "a file"
        return Problem(Fault.AMBIGUOUS, f"{name} does not say where: it names no file", NAME)
    for reindent in (False, True):
        fits = list(_fitting(pages, old, change, reindent=reindent))
        if len(fits) > 1:
            places = ", ".join(fits[:8])
            return Problem(Fault.AMBIGUOUS, f"{change.name} fits {len(fits)} files: {places}", NAME)
        if fits:
            return fits[0]
    search = change.readings[0].search
    near = max(pages, key=lambda path: _shared(pages[path].lines, search))
    return Problem(
        Fault.NOT_FOUND,
        f"{change.name} searches for lines that are in no file",
        f"{NAME} In {near}: {nearest_hint(pages[near].lines, search)}",
    )


def _fitting(
    pages: Mapping[str, Page], old: Mapping[str, str], change: Change, *, reindent: bool
) -> Iterator[str]:
    for path, page in pages.items():
        shift = len(page.lines) - len(old.get(path, "").splitlines())
        result = attempt(page, change, shift, alone=False, reindent=reindent)
        if not (isinstance(result, Miss) and result.kind is Fault.NOT_FOUND):
            yield path


def _shared(lines: Sequence[str], search: Sequence[str]) -> int:
    there = {line.strip() for line in lines}
    return sum(line.strip() in there for line in search if not blank(line))


def _packed(new: Mapping[str, str], old: Mapping[str, str], target: Target) -> str | Problem:
    """The new files as one text, if those are there that have to be."""
    if gone := missing(new, target.patterns or sorted(old)):
        return Problem(Fault.OUTSIDE_SURFACE, f"{gone[0]} would be gone; it may change and has to stay")
    try:
        return pack(new)
    except BundleError as error:
        return Problem(Fault.MALFORMED, f"the files cannot lie beside each other: {error}"[:300])
