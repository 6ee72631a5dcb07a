"""A whole file in an answer, and how it differs from a snippet.

A snippet that becomes the program is a wasted run, so a file has to look like one: closed, at least half as
long as its parent, without a word that something was left out, compiling, and keeping the parent's contract.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from agents.edits.check import sound_problem
from agents.edits.fences import Fence, closes, fences, is_surface, named_at
from agents.edits.left_out import left_out_problem
from agents.edits.lines import blank, page_of
from agents.edits.outcome import Fault, Format, Part, Problem

LANGUAGES = ("", "python", "py", "python3")
LEAST_SHARE = 0.5
"""Lines of a whole file over its parent's. A change that drops more than half is to be given as an edit."""
MAX_FENCES = 40
"""Fenced parts of an answer that are looked at."""
LONGER_FENCES = 8
"""Later closing fences tried for a file that holds fences itself."""


def read_whole(lines: Sequence[str], parent: str, surface: str) -> list[Part] | Problem:
    """The whole files in an answer, or why there is none."""
    problem = Problem(Fault.NO_EDIT, "the answer holds no edit")
    files: list[Part] = []
    parts = [
        fence
        for fence in fences(lines)
        if fence.info.split(" ")[0].split(":")[0].lower() in LANGUAGES or ".py" in fence.info
    ]
    if len(parts) > MAX_FENCES:
        return Problem(Fault.TOO_LARGE, f"the answer has more than {MAX_FENCES} fenced parts")
    for fence in parts:
        file = file_in(lines, fence, lambda source: _refusal(source, parent))
        outside = next((name for name in named_at(lines, fence.start) if not is_surface(name, surface)), None)
        if outside is not None:
            return Problem(Fault.OUTSIDE_SURFACE, f"the answer holds {outside}; only {surface} can change")
        if isinstance(file, Part):
            files.append(file)
        else:
            problem = file
    if not parts and not blank(parent):
        bare = "\n".join(lines).strip("\n") + "\n"
        refused = _refusal(bare, parent) if _kin(bare, parent) else problem
        if refused is None:
            files.append(Part(0, len(lines), Format.WHOLE, source=bare))
        elif refused.kind is Fault.SNIPPET:
            problem = refused
    return files or problem


def file_in(lines: Sequence[str], fence: Fence, refusal: Callable[[str], Problem | None]) -> Part | Problem:
    """The first extent of a fence that is a whole file, or what is wrong with the nearest one. refusal: why a
    text is none.
    """
    if not fence.closed:
        return Problem(
            Fault.TRUNCATED,
            "the answer ends inside a file",
            "Send the change as SEARCH/REPLACE blocks: they are shorter.",
        )
    problem: Problem | None = None
    for end in _ends(lines, fence):
        source = "".join(f"{line}\n" for line in lines[fence.start : end])
        refused = refusal(source)
        if refused is None:
            return Part(fence.start, end, Format.WHOLE, source=source)
        problem = problem or refused
    return problem or Problem(Fault.NO_EDIT, "the answer holds no edit")


def _ends(lines: Sequence[str], fence: Fence) -> Iterator[int]:
    """Where a fence may end: at the next closing one, or at a later one if the file holds fences."""
    yield fence.end
    later = (number for number in range(fence.end + 1, len(lines)) if closes(lines[number], "```"))
    yield from islice(later, LONGER_FENCES)


def _refusal(source: str, parent: str) -> Problem | None:
    """Why this is not a whole file."""
    return too_short(source, parent) or left_out_problem(source, parent) or sound_problem(source, parent)


def too_short(source: str, parent: str) -> Problem | None:
    """Why this is a part of a file, by its length."""
    filled, wanted = _filled(source), _filled(parent)
    if len(filled) < LEAST_SHARE * len(wanted) or not filled:
        return _snippet(f"{len(filled)} lines are no whole file of {len(wanted)}")
    return None


def _kin(source: str, parent: str) -> bool:
    """Whether a text without a fence has half its parent's lines to the letter. Short prose can be a program,
    but not one like the parent.
    """
    lines = set(_filled(source))
    wanted = _filled(parent)
    return 2 * sum(line in lines for line in wanted) >= len(wanted)


def _snippet(what: str) -> Problem:
    return Problem(
        Fault.SNIPPET,
        what,
        "Send the change as SEARCH/REPLACE blocks, or the file from its first line to its last.",
    )


def _filled(text: str) -> list[str]:
    return [line.rstrip() for line in page_of(text).lines if not blank(line)]
