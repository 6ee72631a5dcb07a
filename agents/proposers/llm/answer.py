"""What an answer says about itself: title and hypothesis, with the edit a proposal. Untrusted text, made into
bounded lines.
"""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher

from agents.edits.apply import answer_behind_thoughts
from agents.edits.runs import FIELD
from agents.proposers.contract import proposal_id
from agents.proposers.llm.quoting import TITLE_CHARS, one_line
from agents.proposers.search.constants import read_surface
from coordinator.protocol import Brief, Proposal

HYPOTHESIS_CHARS = 600
READ_LINES = 400
READ_CHARS = 2_000
"""Lines of an answer, and characters of a line, in which both are looked for."""
EDGE = re.compile(r"^\s*(?:<{5,}|>{5,}|`{3,}|~{3,})")
"""Where a block or a fence begins or ends. A block within a fence turns inside and outside round, which
matters to no title outside.
"""


def proposal_of(brief: Brief, source: str, answer: str, calls: list[str]) -> Proposal:
    """A new surface as the answer to a brief. answer: the text in which its title and hypothesis may stand.
    calls: ids of the calls that it came of.
    """
    title, hypothesis = title_and_hypothesis(answer)
    settings = settings_of(source)
    return Proposal(
        proposal=proposal_id(brief, source),
        ordinal=brief.ordinal,
        arm=brief.arm,
        parent=brief.parent,
        source=source,
        title=title or plain_title(brief.source, source, settings_of(brief.source), settings),
        hypothesis=hypothesis,
        settings=settings,
        calls=calls,
        repairs=brief.repair.experiment if brief.repair else "",
    )


def title_and_hypothesis(answer: str) -> tuple[str, str]:
    """As the answer gives them outside its thoughts and its edit; empty where it does not. Before the edit
    the last of several counts, as the ones before it were considered only.
    """
    fields: dict[str, str] = {}
    inside, edited = False, False
    for line in answer_behind_thoughts(answer).split("\n")[:READ_LINES]:
        inside = inside ^ bool(EDGE.match(line))
        edited = edited or inside
        field = None if inside else FIELD.match(line[:READ_CHARS])
        if field and not (edited and field["what"].lower() in fields):
            fields[field["what"].lower()] = field["text"].strip(" *_`\"'")
    return one_line(fields.get("title", ""), TITLE_CHARS), one_line(
        fields.get("hypothesis", ""), HYPOTHESIS_CHARS
    )


def settings_of(source: str) -> dict[str, str]:
    """Module constants of a surface as literals; none where it cannot be read that way."""
    try:
        return {name: constant.literal for name, constant in read_surface(source).constants.items()}
    except (SyntaxError, RecursionError):
        return {}


def plain_title(parent: str, source: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """A title for an edit that has none: the constants it changes, else how much of the file."""
    changes = [
        f"{name} {before[name]} → {after[name]}"
        for name in before
        if name in after and before[name] != after[name]
    ]
    if changes:
        return one_line(", ".join(changes), TITLE_CHARS)
    steps = SequenceMatcher(None, parent.split("\n"), source.split("\n"), autojunk=False).get_opcodes()
    removed = sum(step[2] - step[1] for step in steps if step[0] != "equal")
    added = sum(step[4] - step[3] for step in steps if step[0] != "equal")
    return f"untitled edit: {added} lines in, {removed} out"
