"""From a brief to the first messages of a conversation. Pure.

- What changes least comes first, so that providers can cache it: rules and charter, then the parent, then
  what people said, then what was tried, then what is asked for.
- The parent is never shortened. Hints come next, the newest first, up to their share of the room; what was
  tried gets the rest.
- A hint is the word of the person who runs the campaign, as the charter is. Titles, reasons and logs come
  from programs and other models: they are quoted as data and bounded.
- A brief with an experiment to repair shows that program in the place of the parent, and how it failed.
"""

import re
from collections.abc import Sequence

import msgspec

from agents.proposers.llm.completion import Message
from agents.proposers.llm.history import LOG_CHARS, LOG_LINES, as_line, digest
from agents.proposers.llm.quoting import REASON_CHARS, TITLE_CHARS, one_line, quoted, quoted_tail
from agents.proposers.llm.rules_text import rules_text
from agents.proposers.llm.strategies import asked_for
from agents.proposers.llm.tokens import count_tokens
from coordinator.domain import Direction
from coordinator.protocol import Brief, Refused, Repair
from coordinator.variants.source import is_python
from evaluator.bundle import BundleError, is_bundle, unpack

PROMPT_BYTES = 40_000
"""Of both messages together, for a parent that leaves room: 26 kB of program, 7 of rules and charter, the
rest for what was tried.
"""
PROMPT_TOKENS = 11_000
LEAST_BYTES = 4_000
"""What was tried gets at least as much, whatever else is long."""
LEAST_TOKENS = 1_000
HINT_BYTES = 2_500
"""Of all hints together: one of the greatest length, or a dozen of the usual one or two lines."""

REPAIR = (
    "Repair the experiment that failed instead of having another idea: keep what it tries, change what made"
    " it fail."
)
NO_LOG = "Nothing of its log is shown: it failed while it was evaluated, or wrote none."


def first_messages(brief: Brief, charter: str, surface: str, patterns: Sequence[str] = ()) -> list[Message]:
    """The conversation's beginning: a system message that is the same for every brief of an arm, and a user
    message about this brief. patterns: files that may change, of a surface of several.
    """
    files = files_in(grounded(brief).source)
    system = rules_text(charter, surface, (patterns or sorted(files)) if files else ())
    parent = _parent(brief, surface)
    asked = "" if brief.repair else "\nPropose the next experiment."
    return [
        Message("system", system),
        Message("user", f"{parent}\n{situation(brief, system + parent)}{asked}"),
    ]


def situation(brief: Brief, beside: str) -> str:
    """Where the campaign stands, what people said, what was tried and what is asked for, in the room that
    ``beside`` leaves of a prompt.
    """
    facts = f"{_facts(brief)}{_failed(brief.repair) if brief.repair else ''}{_hints(brief)}"
    asked = REPAIR if brief.repair else asked_for(brief)
    rest = "".join((beside, facts, asked))
    room_bytes = max(LEAST_BYTES, PROMPT_BYTES - len(rest.encode("utf-8", "replace")))
    room_tokens = max(LEAST_TOKENS, PROMPT_TOKENS - count_tokens(rest))
    return "\n".join([facts, digest(brief, room_bytes, room_tokens), *([asked] if asked else [])])


def grounded(brief: Brief) -> Brief:
    """The brief with the parent and the source that the answer is an edit of: those of the program to repair,
    if there is one.
    """
    repair = brief.repair
    return (
        brief
        if repair is None
        else msgspec.structs.replace(brief, parent=repair.parent, source=repair.source)
    )


def refusal_message(brief: Brief, refused: Refused) -> str:
    """Why a program was refused, and what came of it when it was tried earlier."""
    earlier = ""
    if refused.earlier is not None:
        earlier = (
            "It is the program of another experiment,"
            f" {refused.earlier.state.value}:\n{as_line(brief, refused.earlier)}\n\n"
        )
    why = f"Your program is refused and was not trained: {quoted(refused.reason, REASON_CHARS)}."
    return (
        f"{why}\n\n{earlier}Answer again in full with another program: TITLE, HYPOTHESIS, and every block,"
        " for the file as it was given."
    )


def fenced(text: str, language: str = "") -> str:
    """``text`` in a fence longer than any it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


def files_in(source: str) -> dict[str, str]:
    """Texts by path of a surface of several files; empty for any other."""
    try:
        return unpack(source) if is_bundle(source) else {}
    except BundleError:  # nobody should have taken it
        return {}


def _parent(brief: Brief, surface: str) -> str:
    source = grounded(brief).source
    files = files_in(source)
    what = "The files" if files else surface
    title = f"{what} of the experiment that failed" if brief.repair else f"{what} now"
    if not files:
        return f"# {title}\n\n{fenced(source, 'python')}\n"
    return "\n".join([f"# {title}\n", *(_file(path, text) for path, text in files.items())])


def _file(path: str, text: str) -> str:
    body = fenced(text, "python" if is_python(path) else "") if text else "It is empty."
    return f"## {path}\n\n{body}\n"


def _failed(repair: Repair) -> str:
    """How the experiment failed that is to be repaired. Its words are a program's."""
    what = f"- {quoted(repair.title, TITLE_CHARS)}: {repair.failure.replace('_', ' ')}"
    why = f", {quoted(repair.message, REASON_CHARS)}" if repair.message else ""
    log = f"The end of its log:\n{quoted_tail(repair.tail, LOG_LINES, LOG_CHARS)}"
    return f"\n# How it failed\n\n{what}{why}. {log if repair.tail else NO_LOG}\n"


def _hints(brief: Brief) -> str:
    """What people said, the newest first; one that does not fit any more is cut, older ones are left out."""
    lines, room = [], HINT_BYTES
    for hint in reversed(brief.hints):
        text = one_line(hint, len(hint)).encode()[: max(0, room)].decode(errors="ignore")
        room -= len(text.encode()) + 3
        lines += [f"- {text}"] if text else []
    return (
        "\n".join(["\n# Hints, by the person who runs the campaign, newest first", "", *lines, ""])
        if lines
        else ""
    )


def _best(brief: Brief) -> str:
    if brief.below_trunk is None:
        return f"- best so far: {brief.best:.6g}"
    return (
        f"- the file below: {brief.best:.6g} by single runs, without a certificate yet; it is a trunk on the"
        f" best, worth {brief.below_trunk:.6g}"
    )


def _facts(brief: Brief) -> str:
    metric = brief.metric
    lines = [f"- {metric.name}: {'lower' if metric.direction is Direction.MINIMIZE else 'higher'} is better"]
    lines += [f"- unmodified file: {brief.baseline:.6g}"] if brief.baseline is not None else []
    lines += [_best(brief)] if brief.best is not None else []
    lines += (
        [f"- noise σ between runs of the same file: {brief.sigma:.2g}; aim for more than that"]
        if brief.sigma is not None
        else []
    )
    return "\n".join(
        ["# Where the campaign stands", "", *lines, f"- hardware: {quoted(brief.division, 80)}", ""]
    )
