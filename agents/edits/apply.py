"""From a model's answer to a new surface, or to what the model is asked to correct.

- All changes of an answer are made, in their order, each on what the ones before it left; or none is.
- A change that fits two places, and an answer that can be understood in two ways, is refused: a guess would
  cost a run and prove nothing.
- What comes out compiles, keeps the contract and differs as a program. Nothing here executes any of it, and
  no text makes it raise.
- A surface of several files, or one that is no Python, is another matter: ``across_files``.
"""

import re
from collections.abc import Sequence

from agents.edits.across_files import edited_files
from agents.edits.blocks import HOW, read_blocks
from agents.edits.changing import edited
from agents.edits.check import check
from agents.edits.diffs import has_diff, read_diff
from agents.edits.lines import page_of, without
from agents.edits.outcome import Edited, Fault, Format, Part, Problem
from agents.edits.runs import ONE, code_beside, last_run
from agents.edits.targets import Target
from agents.edits.thoughts import without_thoughts
from agents.edits.whole import read_whole
from coordinator.variants.source import MAX_BYTES
from evaluator.bundle import is_bundle

SURFACE = "train.py"
"""The one file that can change."""
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"
"""Letters without a width."""
MARKER = re.compile(r"^[ \t]*(?:<{5,9}|={5,9}|>{5,9}|`{3,}|~{3,}|@@|\+\+\+ |--- |\*\*\* )")
MAX_ANSWER = 4 * MAX_BYTES
"""Characters of an answer that is read: a whole file of the largest size, and as much again around it."""


def apply(answer: str, parent: str, surface: str = SURFACE, patterns: Sequence[str] = ()) -> Edited | Problem:
    """``parent`` with the edit in ``answer``: SEARCH/REPLACE blocks, a unified diff, or a whole file. Never
    raises.

    surface: name of the file; an answer that names another one is refused. Of a surface of several, every
    file of ``parent`` and of ``patterns`` may be named.
    """
    if len(answer) > MAX_ANSWER:
        return Problem(
            Fault.TOO_LARGE, f"the answer has {len(answer)} characters; {MAX_ANSWER} are the limit"
        )
    lines = without_thoughts(_lines(answer))
    if isinstance(lines, Problem):
        return lines
    of_files = is_bundle(parent)
    result = edited_files(lines, parent, surface, patterns) if of_files else _read(lines, parent, surface)
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
    made = edited(parent, [part.change for part in run if part.change is not None], run[0].format)
    return made if isinstance(made, Problem) else code_beside(lines, parts, run, made.source, parent) or made


def _parts(lines: Sequence[str], parent: str, surface: str) -> list[Part] | Problem:
    """All edits in an answer, in whatever format, or why there is none."""
    target = Target(surface)
    parts = read_blocks(lines, target)
    if isinstance(parts, Problem):
        return parts
    rest = without(lines, [(part.start, part.end) for part in parts])
    if has_diff(rest):
        hunks = read_diff(rest, target)
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


def _ended_like(source: str, parent: str) -> str:
    return source.replace("\n", "\r\n") if page_of(parent).crlf else source
