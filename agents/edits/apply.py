"""From a model's answer to a new surface, or to what the model is asked to correct.

- All changes of an answer are made, in their order, each on what the ones before it left; or none is.
- A change that fits two places, and an answer that can be understood in two ways, is refused: a guess would
  cost a run and prove nothing.
- What comes out compiles, keeps the contract and differs as a program. Nothing here executes any of it, and
  no text makes it raise.
"""

import re
from collections.abc import Sequence

from agents.edits.blocks import HOW, is_empty, read_blocks
from agents.edits.check import check
from agents.edits.diffs import has_diff, read_diff
from agents.edits.lines import Page, blank, page_of, without
from agents.edits.names import bound_names
from agents.edits.nearest import nearest_hint
from agents.edits.outcome import Change, Edited, Fault, Format, Part, Problem, Reading
from agents.edits.placeholders import stands_for_code
from agents.edits.placing import Miss, place
from agents.edits.runs import ONE, code_beside, last_run
from agents.edits.thoughts import without_thoughts
from agents.edits.whole import read_whole
from coordinator.variants.source import MAX_BYTES

SURFACE = "train.py"
"""The one file that can change."""
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"
"""Letters without a width."""
MARKER = re.compile(r"^[ \t]*(?:<{5,9}|={5,9}|>{5,9}|`{3,}|~{3,}|@@|\+\+\+ |--- |\*\*\* )")
MAX_ANSWER = 4 * MAX_BYTES
"""Characters of an answer that is read: a whole file of the largest size, and as much again around it."""


def apply(answer: str, parent: str, surface: str = SURFACE) -> Edited | Problem:
    """``parent`` with the edit in ``answer``: SEARCH/REPLACE blocks, a unified diff, or a whole file. Never
    raises.

    surface: name of the file; an answer that names another one is refused.
    """
    if len(answer) > MAX_ANSWER:
        return Problem(
            Fault.TOO_LARGE, f"the answer has {len(answer)} characters; {MAX_ANSWER} are the limit"
        )
    lines = without_thoughts(_lines(answer))
    result = lines if isinstance(lines, Problem) else _read(lines, parent, surface)
    if isinstance(result, Problem):
        return result
    return check(result.source, parent) or result


def answer_behind_thoughts(answer: str) -> str:
    """``answer`` without the thoughts in it; as it is where they cannot be told from it."""
    lines = without_thoughts(_lines(answer[:MAX_ANSWER]))
    return answer if isinstance(lines, Problem) else "\n".join(lines)


def _lines(answer: str) -> list[str]:
    """Its lines, without marks that nobody sees before or behind a marker."""
    lines = page_of(answer.removeprefix("\ufeff").replace("\r\n", "\n")).lines
    return [bare if MARKER.match(bare := line.strip(UNSEEN)) else line for line in lines]


def _read(lines: Sequence[str], parent: str, surface: str) -> Edited | Problem:
    parts = _parts(lines, parent, surface)
    if isinstance(parts, Problem):
        return parts
    run = last_run(lines, parts)
    if isinstance(run, Problem):
        return run
    formats = {part.format for part in run}
    if len(formats) > 1:
        return Problem(
            Fault.AMBIGUOUS,
            "the answer gives its change in two formats",
            "Send SEARCH/REPLACE blocks and nothing else.",
        )
    if formats == {Format.WHOLE}:
        if len(run) > 1:
            return Problem(Fault.AMBIGUOUS, f"the answer holds {len(run)} different whole files", ONE)
        return Edited(_ended_like(run[0].source, parent), Format.WHOLE)
    edited = _edited(parent, [part.change for part in run if part.change is not None], run[0].format)
    return (
        edited
        if isinstance(edited, Problem)
        else code_beside(lines, parts, run, edited.source, parent) or edited
    )


def _parts(lines: Sequence[str], parent: str, surface: str) -> list[Part] | Problem:
    """All edits in an answer, in whatever format, or why there is none."""
    parts = read_blocks(lines, surface)
    if isinstance(parts, Problem):
        return parts
    rest = without(lines, [(part.start, part.end) for part in parts])
    if has_diff(rest):
        hunks = read_diff(rest, surface)
        if isinstance(hunks, Problem):
            return hunks
        parts = [*parts, *hunks]
        rest = without(rest, [(part.start, part.end) for part in hunks])
    files = read_whole(rest, parent, surface)
    if isinstance(files, list):
        return [*parts, *files]
    if parts:
        return parts
    return files if files.kind is not Fault.NO_EDIT else Problem(Fault.NO_EDIT, files.message, HOW)


def _edited(parent: str, changes: Sequence[Change], form: Format) -> Edited | Problem:
    page = page_of(parent)
    before = len(page.lines)
    for change in changes:
        changed = _changed(page, change, len(page.lines) - before, alone=len(changes) == 1)
        if isinstance(changed, Problem):
            return _all_or_nothing(changed, len(changes))
        page = changed
    return Edited(page.text, form)


def _changed(page: Page, change: Change, shift: int, *, alone: bool) -> Page | Problem:
    """The page with one change, if all that it may mean comes to the same. To the letter goes before another
    indentation.
    """
    misses: list[Miss] = []
    for reindent in (False, True):
        for readings in (change.readings, change.fallback):
            results = [_one(page, reading, shift, alone=alone, reindent=reindent) for reading in readings]
            misses = [result for result in results if isinstance(result, Miss)] or misses
            texts = {result.text: result for result in results if isinstance(result, Page)}
            if len(texts) > 1:
                return Problem(
                    Fault.AMBIGUOUS,
                    f"{change.name} can be read in {len(texts)} ways that give different programs",
                )
            doubt = next((miss for miss in misses if miss.kind is not Fault.NOT_FOUND), None)
            if doubt is not None:
                return _missed(page, change, doubt)
            if texts:
                return next(iter(texts.values()))
    return _missed(page, change, misses[0])


def _one(page: Page, reading: Reading, shift: int, *, alone: bool, reindent: bool) -> Page | Miss:
    return (
        _appended(page, reading, alone=alone)
        if is_empty(reading)
        else place(page, reading, shift, reindent=reindent)
    )


def _appended(page: Page, reading: Reading, *, alone: bool) -> Page | Miss:
    """Lines without a place go to the end if nothing else can be meant: one change, of whole statements, that
    binds nothing anew.
    """
    new = bound_names("\n".join(reading.replace))
    old = bound_names(page.text)
    if not alone or new is None or old is None or new & old or all(blank(line) for line in reading.replace):
        return Miss(Fault.AMBIGUOUS)
    return Page([*page.lines, *page.with_ends(reading.replace)], ended=True, crlf=page.crlf)


def _missed(page: Page, change: Change, miss: Miss) -> Problem:
    reading = change.readings[0]
    match miss.kind:
        case Fault.AMBIGUOUS if miss.places:
            places = ", ".join(str(number) for number in miss.places[:8])
            message = f"{change.name} fits {len(miss.places)} places, at lines {places}"
            return Problem(
                Fault.AMBIGUOUS,
                message,
                "Give more of the lines around the change, so that they stand in the file only once.",
            )
        case Fault.AMBIGUOUS:
            return Problem(
                Fault.AMBIGUOUS,
                f"{change.name} does not say where: it searches for nothing",
                "Search for the lines before or after.",
            )
        case Fault.INDENTATION:
            message = f"{change.name} is indented unlike the file, and how to fix that would be a guess"
            return Problem(Fault.INDENTATION, message, nearest_hint(page.lines, reading.search))
        case _:
            skipped = next((line for line in reading.search if stands_for_code(line.lstrip(" \t#"))), None)
            if skipped is not None:
                return Problem(
                    Fault.NOT_FOUND,
                    f"{change.name} leaves lines out where it searches, at {skipped.strip()[:80]!r}",
                    "Copy every line from the first to the last, or give two smaller changes.",
                )
            return Problem(
                Fault.NOT_FOUND,
                f"{change.name} searches for lines that are not in the file",
                nearest_hint(page.lines, reading.search),
            )


def _all_or_nothing(problem: Problem, count: int) -> Problem:
    if count == 1:
        return problem
    return Problem(problem.kind, f"{problem.message}; so none of the {count} changes was made", problem.hint)


def _ended_like(source: str, parent: str) -> str:
    return source.replace("\n", "\r\n") if page_of(parent).crlf else source
