"""Which of an answer's edits are meant: the last run of them.

- Edits belong together where nothing stands between them but blank lines, fences, names, headings and words
  that lead on ("Then the rate:").
- One edit that is taken back in so many words, and all before words that announce the answer, is no answer;
  what comes behind is.
- Where neither can be said, as of edits before and behind a title or with sentences between them, all is sent
  back: half of an experiment proves nothing, and a draft proves something else.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import pairwise

from agents.edits.beside import more_beside
from agents.edits.fences import DRESS, FENCE, LABEL, PATH, fences
from agents.edits.outcome import Fault, Part, Problem
from agents.edits.placeholders import stands_for_code

FIELD = re.compile(
    r"^(?:[\s#*_>`\"-]|\d+[.)])*(?P<what>title|hypothesis)[\s*_`\"]*[:=：][\s*_]*(?P<text>.*)$", re.IGNORECASE
)
"""A line in which an answer says its title or its hypothesis."""
READ_CHARS = 400
"""Characters of a line that are looked at."""

ONE = (
    "Answer again with one edit: TITLE, HYPOTHESIS, then all of its blocks one behind the other, and nothing"
    " between or behind them."
)

_EDIT = r"(?:answer|experiment|edit|version|proposal|change|choice|solution|block|idea|draft|diff|file)s?"
_BACK = (
    r"(?:drop|scrap|discard|abandon|reject|ditch|forget|undo|retract|withdraw|disregard|ignore|revert|cancel"
    r"|skip|throw away|give up(?: on)?|take back)(?:s|ed|ped|ping|ing)?"
)
_REFERS = (
    r"(?:(?:it|them|both)\b(?! (?:from|in(?! favou?r)|to|into|out|at|on|after|when|during)\b)"
    rf"|(?:that|this|these)\b(?= (?:and|for|in favou?r|because|since|as|again)\b|\W*$|[.,;:!?])"
    rf"|(?:the|this|that|my) (?:\w+ )?{_EDIT}\b|(?:the )?(?:above|former|first one)\b)"
)
TAKEN_BACK = re.compile(
    rf"\b(?:i|we|let me|let us|let's|i'll|i'd|we'll)\b[^.;!?]{{0,30}}?\b{_BACK} {_REFERS}"
    r"|\bnever ?mind\b|\bon (?:second thoughts?|reflection)\b|\b(?:scratch|strike) that\b|\bchanged my mind\b"
    r"|\blet me (?:reconsider|rethink|start over|start again|try again|redo|revise)\b",
    re.IGNORECASE,
)
"""Words that take back the edit before them."""
ANNOUNCED = re.compile(
    r"\b(?:final|definitive) (?:answer|experiment|proposal|submission|solution)\b"
    r"|\bmy (?:answer|experiment|proposal|submission)\b",
    re.IGNORECASE,
)
"""Words that announce a whole answer: what stands before them was none."""
AFTERTHOUGHT = re.compile(
    rf"{TAKEN_BACK.pattern}|^\W*(?:{_BACK}) {_REFERS}"
    r"|^\W*(?:actually|wait|hmm+|oops|nope|no|sorry|correction)[,.:!—–-]",
    re.IGNORECASE,
)
"""Words behind an edit that may take it back."""
SUPPOSED = re.compile(r"\b(?:if|could|might|may|would|should|unless|otherwise|later|when)\b", re.IGNORECASE)
"""In a sentence about what comes after the experiment."""
MORE = re.compile(r"\b(?:also|too(?=\W*$)|as well|additionally|besides|in addition|both)\b", re.IGNORECASE)
"""In a sentence that adds to what stands before it."""
UNSURE = re.compile(
    r"\b(?:instead|rather|better|best|actually|alternativ\w*|options?|drafts?|ideas?|attempts?|wait|wrong"
    r"|mistakes?|errors?|no longer|revis\w+|correct(?:ed|ion)|versions?|variants?|reconsider\w*|rethink\w*|or"
    rf"|either|however|experiments?|proposals?|answers?|candidates?|try|final|{_BACK}|hmm+|oops|nope|sorry|not"
    r"|too \w+)\b"
    r"|\b(?:again|redo\w*|redone|done|alone|nothing (?:else|but)|(?:only|just) (?:the|this|that)|plan|mind"
    r"|thoughts?|choice|fallback|real|simpler|simplified|cleaner|cheap(?:er|ly)?|safer?|lighter|output|response|submission|lucky|winner"
    r"|considered|possible|keep (?-i:[A-Z_]{3,})|stays?|tack|yet|v\d+|take \d+"
    r"|(?:i|we) (?:send|offer|see|settle)"
    r"|(?:mov|pass|hold)(?:e|es|ing)? on|settle for|go(?:ing)? (?:for|with)|back to|aside|runs? out|fails?"
    r"|in the end|in short|on balance|at last|this one|the one|\w+er one|one of|of the two"
    r"|a \w+er (?:form|way))\b"
    r"|\b(?:(?:the|everything|all|block|edit|version|change|diff) above|the above)\b|^\W*without\b|\bonly\W*$"
    r"|\b(?:update|change|modify|replace|set|use|remove|delete|call|define|move|pass)s? (?:(?:to|this|that|it"
    r"|these)(?= (?:with|by|aside|off|like|this)\b|\W*$)|(?:everything|all)\b)"
    r"|\b(?:update|change|modify|set)s? (?:this|that|it|these) to\b"
    r"|, this\W*$|^\W*(?:set |use )?\(?[b-d]\W*$|[✗✘❌]|\[ \]|\bnew\W*$"
    r"|^\W*(?:so|but|that|this|these|it|which|no|yes|hm)\b|, (?:so|but|which)\b"
    r"|\b(?:is|are|was|were|would|costs?|slow\w*|doubles?|halves)\b",
    re.IGNORECASE,
)
"""In a sentence that judges or chooses, and does not only lead on."""
LEADS_ON = re.compile(
    r"^[*_]*(?:then|next|also|and|second(?:ly)?|third(?:ly)?|fourth|fifth|last(?:ly)?|finally|additionally"
    r"|similarly|likewise|furthermore|moreover|in addition|accordingly|update|change|modify|adjust|add"
    r"|replace|set|use|rename|remove|delete|insert|define|call|pass|apply|wire|register|import|initiali[sz]e|move|raise"
    r"|lower|increase|decrease"
    r"|(?:i|we)(?: will|'ll)? (?:also|need to (?:change|update|adjust|add|set|replace|pass|move)"
    r"|update|change|adjust|add|replace|set|pass|move|rename|remove))\b",
    re.IGNORECASE,
)
HEADED = re.compile(
    r"^(?:#{1,6}\s.*|[-*_=]{3,}|[-*+•]\s.*|\(?\d+[.)].*|\W*(?:step|change|edit|block|part|hunk) *#?\d.*)$",
    re.IGNORECASE,
)
"""A heading, a rule, a bullet or a number."""
NAMED = re.compile(r"^(?:\*\*.+\*\*:?|__.+__:?|.*:)$")
"""A line in bold, or with a colon behind it. It has to be understood: "Better:" is said in all languages."""
UNDERSTOOD = re.compile(
    r"\b(?:the|an?|in|for|to|of|and|with|on|at|from|its|then|step|block|part|edit|hunk|change)\b|`|\w_\w",
    re.IGNORECASE,
)
"""In a line that is English, or about a name of the program."""
LANGUAGES = ("python", "py", "python3")
"""What is said of a fence that holds code of the program."""
EDIT_TAG = re.compile(
    r"</?(?:edits?|changes?|blocks?|patch|diff|file|hunks?|modifications?|updates?)\b[^<>]*>", re.IGNORECASE
)
"""A tag around each edit of an answer."""
HEADS_OF_DIFFS = ("--- ", "+++ ", "@@", "diff --git ", "index ", "*** ", "\\ No newline")


class _Gap(Enum):
    """What stands between two edits."""

    TOGETHER = auto()
    TAKEN_BACK = auto()
    ANNOUNCED = auto()
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
        drops = gap is _Gap.ANNOUNCED or (gap is _Gap.TAKEN_BACK and len(run) == 1)
        unclear = not drops and (unclear or gap is not _Gap.TOGETHER)
        run = [part] if drops else [*run, part]
    if unclear:
        return Problem(
            Fault.AMBIGUOUS, "text stands between the edits of the answer; some of them may be a draft", ONE
        )
    if any(_in_comment(_outside(lines, ordered, 0, part.start)) for part in run):
        return Problem(Fault.AMBIGUOUS, "an edit of the answer stands in a comment", ONE)
    behind = _outside(lines, ordered, ordered[-1].end, len(lines))
    if any(_says(AFTERTHOUGHT, line) for line in behind):
        return Problem(Fault.AMBIGUOUS, "the answer takes its edit back behind it", ONE)
    return run


def code_beside(
    lines: Sequence[str], parts: Sequence[Part], run: Sequence[Part], source: str, parent: str
) -> Problem | None:
    """Code that an answer shows in a fence of its own and that is in none of its edits, or None. Whoever
    leaves it there means it to be made; before the title and before an edit that is dropped it was a thought.

    parts: all edits of the answer; run: those that are meant. source: what they make of ``parent``.
    """
    first = run[0].start
    begins = [number for number in range(first) if FIELD.match(lines[number][:READ_CHARS])]
    begins += [part.end for part in parts if part.end <= first]
    there = {line.strip() for line in (*source.split("\n"), *parent.split("\n"))}
    for fence in fences(lines):
        taken = any(part.start < fence.end and fence.start < part.end for part in parts)
        if taken or fence.start < max(begins, default=0) or fence.info.lower() not in LANGUAGES:
            continue
        for line in map(str.strip, lines[fence.start : fence.end]):
            if line and not line.startswith("#") and line not in there and not stands_for_code(line):
                return Problem(Fault.SNIPPET, f"the answer shows code that is in no edit: {line[:80]!r}", ONE)
    outside = _outside(lines, parts, max(begins, default=0), len(lines))
    behind = _outside(lines, parts, run[-1].end, len(lines))
    return more_beside([line for line in outside if not FIELD.match(line)], behind, source, parent)


def _in_comment(before: Sequence[str]) -> bool:
    text = "\n".join(before)
    return text.rfind("<!--") > text.rfind("-->")


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
    if any(_says(ANNOUNCED, line) for line in words):
        return _Gap.ANNOUNCED
    if any(_says(TAKEN_BACK, line) for line in words) and not any(MORE.search(line) for line in words):
        return _Gap.TAKEN_BACK
    return _Gap.TOGETHER if all(_leads_on(line) for line in words) else _Gap.UNCLEAR


def _is_frame(line: str) -> bool:
    """Whether a line says nothing: blank, a fence, a file's name, the head of a diff."""
    name = PATH.fullmatch(LABEL.sub("", line.strip(DRESS)).strip(DRESS))
    marks = EDIT_TAG.fullmatch(line) is not None or FENCE.match(line) is not None
    return not line or marks or line.startswith(HEADS_OF_DIFFS) or name is not None


def _leads_on(line: str) -> bool:
    if any(UNSURE.search(sentence) for sentence in _sentences(line)):
        return False
    named = NAMED.match(line) and UNDERSTOOD.search(line)
    return bool(HEADED.match(line) or LEADS_ON.match(line) or named)


def _says(words: re.Pattern[str], line: str) -> bool:
    """Whether a sentence of a line has these words, and is not about what may come later."""
    return any(words.search(sentence) and not SUPPOSED.search(sentence) for sentence in _sentences(line))


def _sentences(line: str) -> Iterator[str]:
    yield from (sentence for sentence in re.split(r"(?<=[.!?;])\s+", line) if sentence)
