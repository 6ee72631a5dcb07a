"""Changes of an answer put onto the text of a file. Nothing is executed."""

from collections.abc import Sequence

from agents.edits.blocks import is_empty
from agents.edits.lines import Page, blank, page_of
from agents.edits.names import bound_names
from agents.edits.nearest import nearest_hint
from agents.edits.outcome import Change, Edited, Fault, Format, Problem, Reading
from agents.edits.placeholders import stands_for_code
from agents.edits.placing import Miss, place


def edited(parent: str, changes: Sequence[Change], form: Format) -> Edited | Problem:
    """A text with all changes, each on what the ones before it left."""
    page = page_of(parent)
    before = len(page.lines)
    for change in changes:
        changed = changed_page(page, change, len(page.lines) - before, alone=len(changes) == 1)
        if isinstance(changed, Problem):
            return all_or_nothing(changed, len(changes))
        page = changed
    return Edited(page.text, form)


def changed_page(
    page: Page, change: Change, shift: int, *, alone: bool, what: str = "the file"
) -> Page | Problem:
    """The page with one change, if all that it may mean comes to the same. To the letter goes before another
    indentation.

    shift: lines that earlier changes have added. alone: whether it is the only change. what: in messages.
    """
    miss = Miss(Fault.NOT_FOUND)
    for reindent in (False, True):
        result = attempt(page, change, shift, alone=alone, reindent=reindent)
        if not isinstance(result, Miss):
            return result
        if result.kind is not Fault.NOT_FOUND:
            return missed(page, change, result, what)
        miss = result
    return missed(page, change, miss, what)


def attempt(page: Page, change: Change, shift: int, *, alone: bool, reindent: bool) -> Page | Miss | Problem:
    """The page with one change at one degree of strictness; a miss says why it has no place there."""
    for readings in (change.readings, change.fallback):
        results = [_one(page, reading, shift, alone=alone, reindent=reindent) for reading in readings]
        texts = {result.text: result for result in results if isinstance(result, Page)}
        if len(texts) > 1:
            return Problem(
                Fault.AMBIGUOUS,
                f"{change.name} can be read in {len(texts)} ways that give different programs",
            )
        misses = [result for result in results if isinstance(result, Miss)]
        doubt = next((miss for miss in misses if miss.kind is not Fault.NOT_FOUND), None)
        if doubt is not None:
            return doubt
        if texts:
            return next(iter(texts.values()))
    return Miss(Fault.NOT_FOUND)


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


def missed(page: Page, change: Change, miss: Miss, what: str) -> Problem:
    """Why a change was not made."""
    reading = change.readings[0]
    match miss.kind:
        case Fault.AMBIGUOUS if miss.places:
            places = ", ".join(str(number) for number in miss.places[:8])
            message = f"{change.name} fits {len(miss.places)} places{_of(what)}, at lines {places}"
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
            message = f"{change.name} is indented unlike {what}, and how to fix that would be a guess"
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
                f"{change.name} searches for lines that are not in {what}",
                nearest_hint(page.lines, reading.search),
            )


def _of(what: str) -> str:
    return "" if what == "the file" else f" of {what}"


def all_or_nothing(problem: Problem, count: int) -> Problem:
    """The problem of one change out of ``count``."""
    if count == 1:
        return problem
    return Problem(problem.kind, f"{problem.message}; so none of the {count} changes was made", problem.hint)
