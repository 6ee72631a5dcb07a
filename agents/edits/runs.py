"""Which of an answer's edits are meant: the last run of them.

- Edits belong together where nothing stands between them but blank lines, fences, names, headings and words
  that lead on ("Then the rate:").
- What is taken back in so many words is no answer; what comes behind it is.
- Where neither can be said, as of edits before and behind a title or with sentences between them, all is sent
  back: half of an experiment proves nothing, and a draft proves something else.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import pairwise

from agents.edits.fences import DRESS, FENCE, PATH
from agents.edits.outcome import Fault, Part, Problem

FIELD = re.compile(r"^[\s#*_>-]*(?P<what>title|hypothesis)[\s*_]*[:=][\s*_]*(?P<text>.*)$", re.IGNORECASE)
"""A line in which an answer says its title or its hypothesis."""
READ_CHARS = 400
"""Characters of a line that are looked at."""

ONE = (
    "Answer again with one edit: TITLE, HYPOTHESIS, then all of its blocks one behind the other, and nothing"
    " between or behind them."
)

_EDIT = (
    r"(?:answer|experiment|edit|version|proposal|change|choice|submission|solution|block|idea|draft|diff|file)"
    r"s?"
)
_BACK = (
    r"(?:drop|scrap|discard|abandon|reject|ditch|forget|undo|retract|withdraw|disregard|ignore|revert|cancel"
    r"|skip|throw away|give up(?: on)?|take back)(?:s|ed|ped|ping|ing)?"
)
TAKEN_BACK = re.compile(
    rf"\b{_BACK} (?:it|that|this|them|(?:the|this|that|my) (?:\w+ )?{_EDIT}"
    r"|(?:the )?(?:above|former|first one))\b"
    r"|\bnever ?mind\b|\bon (?:second thoughts?|reflection)\b|\b(?:scratch|strike) that\b|\bchanged my mind\b"
    r"|\blet me (?:reconsider|rethink|start over|start again|try again|redo|revise)\b"
    r"|^\W*(?:actually|wait|hmm+|oops|nope|no|sorry|correction)[,.:!—–-]",
    re.IGNORECASE,
)
"""Words that take an edit back."""
GIVEN_ANEW = re.compile(
    rf"\b(?:final|actual|real|corrected|revised|definitive|improved|chosen) {_EDIT}\b"
    rf"|\bmy (?:answer|experiment|proposal|submission|choice)\b|^\W*(?:final|revised|corrected)\W*$"
    r"|^\W*instead\b",
    re.IGNORECASE,
)
"""Words that announce the edit that is meant."""
SUPPOSED = re.compile(r"\b(?:if|could|might|may|would|should|unless|otherwise|later|when)\b", re.IGNORECASE)
"""In a sentence about what comes after the experiment."""
UNSURE = re.compile(
    rf"\b(?:instead|rather|better|actually|alternativ\w*|options?|drafts?|ideas?|attempts?|wait|wrong|mistakes?"
    r"|errors?|no longer|revis\w+|correct(?:ed|ion)|versions?|variants?|reconsider\w*|or|either|however"
    rf"|experiments?|proposals?|answers?|candidates?|try|{_BACK}"
    r"|too (?:big|slow|large|small|costly|expensive|much|risky))\b",
    re.IGNORECASE,
)
"""Words with which a line is more than one that leads on."""
LEADS_ON = re.compile(
    r"^(?:[-*+•>]\s+|\d+[.)]\s+|\(\d+\)\s*)?[*_]*(?:then|next|also|and|second(?:ly)?|third(?:ly)?|fourth|fifth|now|last"
    r"(?:ly)?|finally|additionally|similarly|likewise|furthermore|moreover|in|inside|within|update|change|modify"
    r"|adjust|add|replace|set|use|rename|remove|delete|insert|define|call|pass|apply|wire|register|import"
    r"|initiali[sz]e|for|where|after|before|at|to|with|plus|block|edit|hunk|part|step|accordingly"
    r"|the (?:second|third|next|other|last))\b",
    re.IGNORECASE,
)
HEADED = re.compile(r"^(?:#{1,6}\s.*|\*\*.+\*\*:?|__.+__:?|.*[:：]|[-*_=]{3,}|[-*+•]\s.*|\(?\d+[.)].*)$")
HEADS_OF_DIFFS = ("--- ", "+++ ", "@@", "diff --git ", "index ", "*** ", "\\ No newline")


class _Gap(Enum):
    """What stands between two edits."""

    TOGETHER = auto()
    TAKEN_BACK = auto()
    UNCLEAR = auto()
    TITLE = auto()


def last_run(lines: Sequence[str], parts: Sequence[Part]) -> list[Part] | Problem:
    """Those of an answer's edits that are meant, in their order. lines: the answer. parts: its edits, at
    least one; what is said twice counts where it is said last.
    """
    ordered = sorted(parts, key=lambda part: part.start)
    ordered = [
        part
        for number, part in enumerate(ordered)
        if not any(part.says_the_same(later) for later in ordered[number + 1 :])
    ]
    run, unclear = ordered[:1], False
    for before, part in pairwise(ordered):
        gap = _gap(_outside(lines, ordered, before.end, part.start))
        if gap is _Gap.TITLE:
            return Problem(Fault.AMBIGUOUS, "the answer has an edit before its title and one behind it", ONE)
        unclear = gap is not _Gap.TAKEN_BACK and (unclear or gap is _Gap.UNCLEAR)
        run = [part] if gap is _Gap.TAKEN_BACK else [*run, part]
    if unclear:
        return Problem(
            Fault.AMBIGUOUS, "text stands between the edits of the answer; some of them may be a draft", ONE
        )
    if any(_takes_back(line) for line in _outside(lines, ordered, ordered[-1].end, len(lines))):
        return Problem(Fault.AMBIGUOUS, "the answer takes its edit back behind it", ONE)
    return run


def _outside(lines: Sequence[str], parts: Sequence[Part], start: int, end: int) -> list[str]:
    """Lines of the answer from ``start`` to ``end`` that are no part of an edit."""
    return [
        lines[number].strip()[:READ_CHARS]
        for number in range(start, end)
        if not any(part.start <= number < part.end for part in parts)
    ]


def _gap(lines: Sequence[str]) -> _Gap:
    if any(FIELD.match(line) for line in lines):
        return _Gap.TITLE
    words = [line for line in lines if not _is_frame(line)]
    if any(_takes_back(line) or GIVEN_ANEW.search(line) for line in words):
        return _Gap.TAKEN_BACK
    return _Gap.TOGETHER if all(_leads_on(line) for line in words) else _Gap.UNCLEAR


def _is_frame(line: str) -> bool:
    """Whether a line says nothing: blank, a fence, a file's name, the head of a diff."""
    name = PATH.fullmatch(line.strip(DRESS))
    return not line or bool(FENCE.match(line)) or line.startswith(HEADS_OF_DIFFS) or name is not None


def _leads_on(line: str) -> bool:
    return not UNSURE.search(line) and bool(HEADED.match(line) or LEADS_ON.match(line))


def _takes_back(line: str) -> bool:
    return any(TAKEN_BACK.search(sentence) and not SUPPOSED.search(sentence) for sentence in _sentences(line))


def _sentences(line: str) -> Iterator[str]:
    yield from (sentence for sentence in re.split(r"(?<=[.!?;])\s+", line) if sentence)
