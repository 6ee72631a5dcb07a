"""Whether an answer says more than its edits make: a change in another format, in a fence, in words, or one
that was about to begin. Half of an experiment proves nothing. Nothing is executed.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from agents.edits.names import bound_names
from agents.edits.outcome import Fault, Problem
from coordinator.variants.source import syntax_tree

READ_CHARS = 400
"""Characters of a line that are looked at."""
SIGNS = re.compile(r"^[\s>|!+*•-]+")
"""Of lists, quotations and diffs, before a line of code."""
MARKED = re.compile(
    r"^\W{0,6}(?:<{5,}|>{5,}|«{5,}|»{5,})"
    r"|^\W*</?(?:search|replace|find|old\w*|new\w*|original|invoke|parameter|tool_call|function_calls?)\b[^<>]*>"
    r"|\"(?:old|new|search|replace)(?:_?(?:str|string|text|code))?\"\s*:"
    r"|^\W*(?:search|replace|find|old|new|original|updated)\W*:\W*$"
    r"|\bsed -i\b",
    re.IGNORECASE,
)
"""A mark of an edit in a format that is not read."""
DO = re.compile(
    r"^\W*(?:\d+[.)]\s*)?(?:also|then|and|next|finally|replace|change|set|update|raise|lower|increase|decrease)\b"
    r"(?P<rest>.*)$",
    re.IGNORECASE,
)
SPAN = re.compile(r"`([^`]+)`")
BEGINS_MORE = re.compile(r"^(?:#{1,6}\s.*|\*\*.*:\*\*|.*:\*{0,2}|(?:`{3,}|~{3,})\w.*)$")
"""A last line behind which something should come."""

ONE = "Answer again with all of your change in SEARCH/REPLACE blocks, and nothing behind them."


def more_beside(outside: Sequence[str], behind: Sequence[str], source: str, parent: str) -> Problem | None:
    """What ``outside``, the lines of an answer beside its edits, changes and ``source`` does not hold; or an
    end in the midst, as the lines ``behind`` the last edit show it. None where there is neither.
    """
    last = next((line.strip() for line in reversed(behind) if line.strip()), "")
    if BEGINS_MORE.match(last[:READ_CHARS]):
        return Problem(Fault.TRUNCATED, f"the answer ends before what it announces: {last[:80]!r}", ONE)
    names = bound_names(parent) or frozenset()
    there = {_bare(line) for text in (source, parent) for line in text.split("\n")}
    for line in outside:
        if MARKED.search(line[:READ_CHARS]):
            return Problem(
                Fault.SNIPPET,
                f"a part of the answer is an edit in another format: {line.strip()[:80]!r}",
                ONE,
            )
        for code in _codes(line[:READ_CHARS]):
            if _bare(code) not in there and (bound_names(code) or frozenset()) & names:
                return Problem(Fault.SNIPPET, f"the answer shows code that is in no edit: {code[:80]!r}", ONE)
    return None


def _codes(line: str) -> Iterator[str]:
    """What may be code in a line: all of it, or what an order to change something quotes."""
    yield SIGNS.sub("", line).strip().strip("`")
    if order := DO.match(line):
        yield from (span.strip() for span in SPAN.findall(order["rest"]))


def _bare(line: str) -> str:
    """A line of code as Python understands it, without its comment."""
    try:
        return ast.unparse(syntax_tree(line.strip()))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return line.strip()
