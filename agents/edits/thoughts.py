"""Thoughts in an answer: what a model thinks aloud before it answers, with tags around it or what is left of
them.

- What stands before the end of a thought is no answer, whether its beginning is there or not.
- A thought without an end may be all there is: the answer is sent back.
- A tag in code, as of a program about tokens, or in quotes is no thought: inside a block, in lines of a diff,
  in a fence or a whole file that parses.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct

from agents.edits.blocks import block_spans
from agents.edits.fences import FENCE, closes
from agents.edits.outcome import Fault, Problem
from coordinator.variants.source import syntax_tree

_NAME = (
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion|ing)?|scratch[_-]?pad|analysis|monologue|cot"
    r"|(?:inner|internal|hidden|extended|deep)[_-]?(?:monologue|thoughts?|think(?:ing)?|reasoning)"
    r"|chain[_-]of[_-]thoughts?|(?:thinking|thought|reasoning)[_-](?:process|content|block|steps?)"
    r"|deliberat(?:e|ion)|brainstorm(?:ing)?|ruminat(?:e|ion)|contemplat(?:e|ion|or)|plan(?:ning)?|draft"
    r"|self[_-]?(?:reflection|critique|check)|antthinking|unused94)"
)
_ATTRIBUTES = r"(?:\s(?:[^<>\"'`]|\"[^\"]{0,80}\"|'[^']{0,80}'){0,200})?"
_BLANK = r"[\s\u200b-\u200d\u2060\ufeff]{0,4}"
TAG = re.compile(
    rf"(?:[<＜]{_BLANK}(?P<end>/?){_BLANK}(?:[\w.-]{{1,20}}:)?(?P<name>{_NAME}){_ATTRIBUTES}"
    rf"(?P<empty>/?){_BLANK}[>＞]"
    r"|\[\s{0,4}(?P<end2>/?)\s{0,4}(?P<name2>THINK(?:ING)?|THOUGHTS?|REASONING|ANALYSIS|REFLECTION|SCRATCHPAD)\s{0,4}\]"
    r"|\{\s{0,4}(?P<end7>/?)\s{0,4}(?P<name7>think(?:ing)?|thoughts?|reasoning|scratchpad)\s{0,4}\}"
    r"|[【〔［「]\s{0,4}(?P<end8>/|结束)?\s{0,4}(?P<name8>思考(?:过程)?|推理|think(?:ing)?|thoughts?|reasoning)"
    r"\s{0,4}(?P<end9>结束|完毕)?\s{0,4}[】〕］」]"
    r"|◁\s{0,4}(?P<end3>/?)\s{0,4}(?P<name3>think(?:ing)?)\s{0,4}▷"
    r"|<\s{0,4}[|｜]\s{0,4}(?P<end4>/|end[_▁ -](?:of[_▁ -])?)?(?:(?:begin|start)[_▁ -](?:of[_▁ -])?)?"
    r"(?P<name4>think(?:ing)?|thoughts?|reasoning)\s{0,4}[|｜]\s{0,4}>"
    r"|(?P<answers><\s{0,4}[|｜]\s{0,4}(?:begin|start)[_▁ -](?:of[_▁ -])?(?:solution|response|answer)"
    r"\s{0,4}[|｜]\s{0,4}>"
    r"|<\|channel\|>\s{0,4}final\b(?:[^<\n]*<\|constrain\|>)?[^<\n]*(?:<\|message\|>)?|<channel\|>|<unused95>"
    r"|(?-i:assistantfinal(?![a-z])))"
    r"|<\|?channel\|?>\s{0,4}(?P<name5>analysis|commentary|thoughts?|thinking|reasoning)\b[^<\n]*"
    r"(?:<\|message\|>)?"
    r"|\A\s{0,4}(?P<name6>(?-i:analysis(?=[A-Z]))))",
    re.IGNORECASE,
)
"""A tag, or a word of a chat template that takes its place."""
NAMES, ENDS = ("", 2, 3, 4, 5, 6, 7, 8), ("", 2, 3, 4, 7, 8, 9)
"""Of its groups."""
LEFTOVERS = re.compile(
    r"(?:\s*(?:<[|｜](?:return|end|end[_▁]of[_▁](?:solution|text|sentence|turn)|im_end|eot_id|endoftext"
    r"|end_response)[|｜]>|</s>))+\s*\Z",
    re.IGNORECASE,
)
"""Of a chat template, at the end of an answer."""
HINTS = re.compile(r"[<\[＜◁{【〔［「]|assistantfinal|^\s*(?:```|~~~)")
"""What a line with a tag has; a quick look at every line."""
THOUGHT_FENCE = re.compile(rf"^\s*(?P<ticks>```+|~~~+)\s*{_NAME}(?: process)?\s*$", re.IGNORECASE)
OPENED = re.compile(r"\s*<(?P<name>[^\W\d][\w:.-]{0,40})(?:\s[^<>]{0,200})?>")
"""A line that begins with an opening tag of whatever name."""
BEGINS_EDIT = re.compile(r"^\s*(?:<{5,9}\s*\w|`{3,}|~{3,}|@@|--- |\+\+\+ |\*\*\* )")
NO_THOUGHTS = frozenset(
    {
        *("answer", "edit", "edits", "change", "changes", "block", "blocks", "patch", "diff", "file"),
        *("output", "response", "final", "final_answer", "solution", "result", "experiment", "proposal"),
        *(
            "title",
            "hypothesis",
            "code",
            "replace",
            "br",
            "hr",
            "p",
            "div",
            "img",
            "s",
            "bos",
            "start_of_turn",
        ),
    }
)
"""Tags around an answer, or that need no end."""
FENCED = "```"
"""Name of a thought in a fence."""
QUOTES = "\"'`“”‘’«»"
QUOTED = 300
"""Characters on either side of a tag in which quotes are looked for."""
MAX_TAGS = 400
"""Tags of an answer that are looked at; an answer has two."""
MAX_PARSED = 120
"""Parts of an answer that are tried as programs."""
LINES_OF_DIFF = ("+", "-", " ", "@@", "\\", "diff --git ", "index ")

HOW = "Answer again, with nothing before TITLE: no thoughts, no tags around them and no drafts."


class _Tag(Struct, frozen=True):
    line: int
    """From 0."""
    start: int
    """Characters of that line before it."""
    end: int
    """And up to its end."""
    name: str
    """Empty where the answer begins behind it, whatever was open."""
    ends: bool


def without_thoughts(lines: Sequence[str]) -> list[str] | Problem:
    """The lines of an answer behind the last thought in them; all of them where nothing was thought aloud."""
    tags = list(islice(_tags(lines), MAX_TAGS + 1))
    if len(tags) > MAX_TAGS:
        return Problem(Fault.TOO_LARGE, f"the answer has more than {MAX_TAGS} tags of thoughts", HOW)
    code = _code_lines(lines, {tag.line for tag in tags}) if tags else set()
    tags = [tag for tag in tags if tag.line not in code]
    open_names: list[_Tag] = []
    last: _Tag | None = None
    for tag in sorted(tags, key=lambda tag: (tag.line, tag.start)):
        if not tag.ends:
            open_names.append(tag)
            continue
        last = tag
        names = [other.name for other in open_names]
        del open_names[names.index(tag.name) if tag.name in names else 0 :]
    if open_names:
        where = open_names[0].line + 1
        return Problem(
            Fault.TRUNCATED, f"the thought that begins in line {where} of the answer has no end", HOW
        )
    if (unknown := _never_closed(lines[last.line + 1 :] if last else lines)) is not None:
        return Problem(Fault.TRUNCATED, f"<{unknown}> before the edit may be a thought, and has no end", HOW)
    kept = list(lines) if last is None else [lines[last.line][last.end :], *lines[last.line + 1 :]]
    while kept and not kept[-1].strip():
        kept.pop()
    if last is not None and not kept:
        return Problem(Fault.NO_EDIT, "nothing stands behind the thoughts of the answer", HOW)
    return [*kept[:-1], _without_leftovers(kept[-1])] if kept else []


def _never_closed(lines: Sequence[str]) -> str | None:
    """Name of a tag before the first edit that begins a line, stands around no answer and has no end."""
    for number, line in enumerate(lines):
        if BEGINS_EDIT.match(line):
            return None
        tag = OPENED.match(line)
        if tag is None or tag["name"].lower() in NO_THOUGHTS or tag[0].endswith("/>"):
            continue
        end = f"</{tag['name']}".lower()
        if not any(end in later.lower() for later in lines[number:]):
            return tag["name"]
    return None


def _without_leftovers(line: str) -> str:
    """The last line of an answer without what a chat template left there."""
    cut = max(0, len(line) - QUOTED)
    return line[:cut] + LEFTOVERS.sub("", line[cut:])


def _tags(lines: Sequence[str]) -> Iterator[_Tag]:
    """Tags that no quotes surround."""
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    for number, line in enumerate(lines):
        if number != first and not HINTS.search(line):
            continue
        if fence := THOUGHT_FENCE.match(line):
            yield _Tag(number, 0, len(line), FENCED, ends=False)
            closing = (at for at in range(number + 1, len(lines)) if closes(lines[at], fence["ticks"]))
            end = next(closing, None)
            if end is not None:
                yield _Tag(end, 0, len(lines[end]), FENCED, ends=True)
        for match in TAG.finditer(line):
            quoted = _quoted(line, match.start(), match.end())
            if quoted or match["empty"] or (match["name6"] and number != first):
                continue
            name = next((match[f"name{which}"] for which in NAMES if match[f"name{which}"]), "")
            ends = bool(match["answers"]) or any(match[f"end{which}"] for which in ENDS)
            yield _Tag(number, match.start(), match.end(), name.lower(), ends)


def _quoted(line: str, start: int, end: int) -> bool:
    """Whether quotes stand on both sides, as in ``"<think>\\n"``, or a span of code is around."""
    before, behind = line[max(0, start - QUOTED) : start], line[end : end + QUOTED]
    behind = re.sub(r"^(?:\\[nrt])+", "", behind)
    if before.count("`") % 2 and "`" in behind and not FENCE.match(line):
        return True
    before = re.sub(r"(?:\\[nrt])+$", "", before)
    return before[-1:] in QUOTES and behind[:1] in QUOTES and bool(before) and bool(behind)


def _code_lines(lines: Sequence[str], wanted: set[int]) -> set[int]:
    """Those of the ``wanted`` lines that are code."""
    code = {line for first, last in block_spans(lines) for line in wanted if first < line < last}
    code |= {line for line in wanted - code if _in_diff(lines, line)}
    left = MAX_PARSED
    for first, last in _parts(lines):
        inside = {line for line in wanted - code if first <= line < last}
        if inside and left:
            left -= 1
            code |= inside if _parses(lines[first:last]) else set()
    return code


def _in_diff(lines: Sequence[str], number: int) -> bool:
    """Whether a line is one of a hunk: every line from its head to this one begins as lines of a diff do."""
    if lines[number][:1] not in ("+", "-", " "):
        return False
    for line in reversed(lines[:number]):
        fence = FENCE.match(line)
        if line.startswith("@@") or (fence and fence["info"].strip().lower() in ("diff", "patch", "udiff")):
            return True
        if line.strip() and not line.startswith(LINES_OF_DIFF):
            return False
    return False


def _parts(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Lines, from and to, that may be a program: between two fences, and from a tag or the top to the end."""
    marks = [number for number, line in enumerate(lines) if FENCE.match(line)]
    for place, mark in enumerate(marks):
        fence = FENCE.match(lines[mark])
        ticks = fence["ticks"] if fence else ""
        ends = [number for number in marks[place + 1 :] if closes(lines[number], ticks)]
        yield from ((mark + 1, end) for end in ends[:3])
    tags = sorted({tag.line for tag in islice(_tags(lines), MAX_TAGS) if tag.ends})
    yield from ((start, len(lines)) for start in (0, *(line + 1 for line in tags[:8])))


def _parses(lines: Sequence[str]) -> bool:
    try:
        return bool(syntax_tree("\n".join(lines)).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
