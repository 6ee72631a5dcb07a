"""Whether an edited surface leaves code out: a placeholder that stands where code has to stand.

One check for every format, as it compares what would be trained with its parent. A line that the parent has
too is no placeholder of the edit's. Nothing is executed.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from difflib import SequenceMatcher

from msgspec import Struct

from agents.edits.lines import blank, page_of
from agents.edits.outcome import Fault, Problem
from agents.edits.placeholders import DOTS, continued, may_stand_for_code, stands_for_code
from coordinator.variants.source import syntax_tree

HOW = (
    "Write out every line of what you change. What stays as it is needs no word: end the block before it, and"
    " begin another behind it."
)
STUB = re.compile(r"(?:pass|\.\.\.|return(?: None)?|continue|raise NotImplementedError(?:\(.*\))?)\s*;?\s*")
"""Code that does nothing: a comment behind it stands alone."""
SIGN = re.compile(r"^(?:#|//|/\*|<!--|--|;|%)?\s*")
"""Of a comment, in whatever language."""
MAX_ALIGNED = 4_000_000
"""Pairs of lines up to which a text is aligned with its parent; beyond, all that differs is one change."""
TAKEN_OUT = re.compile(
    r"\b(?:no|not|none|never|without|removed?|drop(?:ped|s)?|deleted?|disabled?|instead|skip(?:ped|s)?|gone|unused|off"
    r"|hurts?|free|less|fewer|cheaper|faster|slow(?:er)?|was|were|because|since|constant|now"
    r"|moved|replaced|fused|merged|plain)\b",
    re.IGNORECASE,
)
"""In a comment that says what was taken out, or why."""
MOST_WORDS = 6
"""Of a comment that only names what it stands for."""
DOTS_ALONE = re.compile(rf"^[\s(\[<]*{DOTS}[\s)\]>]*$")


class _Remark(Struct, frozen=True):
    """A comment, or a text that stands as a statement."""

    line: int
    """From 1."""
    text: str
    alone: bool
    """Whether no code that does anything stands on its line."""
    continues: bool = False
    """Whether another comment stands on the line before."""


def left_out_problem(source: str, parent: str, what: str = "the edited file") -> Problem | None:
    """Where ``source`` leaves something out that its parent has, or None. what: it in messages."""
    lines, kept = page_of(source).lines, {line.strip() for line in page_of(parent).lines}
    lost = _Lost(page_of(parent).lines, lines)
    try:
        tree = syntax_tree(source)
        remarks = [*_comments(source), *_texts(tree)]
        numbers = [remark.line for remark in remarks if _is_placeholder(remark, lost)]
        numbers += _ellipses(tree, _definitions(parent))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        numbers = [number for number, line in enumerate(lines, start=1) if _looks_left_out(line)]
    for number in sorted(numbers):
        line = lines[number - 1].strip() if number <= len(lines) else ""
        if line and line not in kept:
            return Problem(Fault.SNIPPET, f"line {number} of {what} leaves code out at {line[:80]!r}", HOW)
    return None


class _Lost:
    """Where a text has fewer lines of code than its parent."""

    def __init__(self, parent: list[str], lines: list[str]) -> None:
        self._parent = [line.rstrip() for line in parent]
        self._lines = [line.rstrip() for line in lines]
        self._numbers: set[int] | None = None

    def __contains__(self, number: int) -> bool:
        """Whether code is gone at the line with that number, from 1."""
        if self._numbers is None:
            self._numbers = {
                line
                for first, last, new_first, new_last in self._replaced()
                if _code(self._parent[first:last]) > _code(self._lines[new_first:new_last])
                for line in range(new_first + 1, new_last + 1)
            }
        return number in self._numbers

    def named(self, number: int, text: str) -> bool:
        """Whether a comment is all that is left at the line with that number, and only names what is gone: by
        its words, or by a rule without any.
        """
        for first, last, new_first, new_last in self._replaced():
            left = self._lines[number - 1 : new_last]
            if new_first < number <= new_last and not any(map(_does_something, left)):
                words = re.findall(r"[^\W_]+", text.lower())
                gone = " ".join(self._parent[first:last]).lower()
                names = any(len(word) > 2 and word.rstrip("s") in gone for word in words)
                return not words or (names and len(words) <= MOST_WORDS and TAKEN_OUT.search(text) is None)
        return False

    def _replaced(self) -> Iterator[tuple[int, int, int, int]]:
        before, after = self._parent, self._lines
        top = _shared(before, after)
        bottom = _shared(before[top:][::-1], after[top:][::-1])
        old, new = before[top : len(before) - bottom], after[top : len(after) - bottom]
        if len(old) * len(new) > MAX_ALIGNED:
            yield top, top + len(old), top, top + len(new)
            return
        for tag, first, last, new_first, new_last in SequenceMatcher(None, old, new, False).get_opcodes():
            if tag == "replace":
                yield top + first, top + last, top + new_first, top + new_last


def _does_something(line: str) -> bool:
    code = line.partition("#")[0].strip()
    return bool(code) and STUB.fullmatch(code) is None


def _shared(one: list[str], other: list[str]) -> int:
    """Lines that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))


def _code(lines: list[str]) -> int:
    return sum(not blank(line) and not line.lstrip().startswith("#") for line in lines)


def _is_placeholder(remark: _Remark, lost: _Lost) -> bool:
    text = continued(remark.text) if remark.continues else remark.text
    if stands_for_code(text):
        return remark.alone or remark.line in lost
    return (
        remark.alone
        and remark.line in lost
        and (may_stand_for_code(remark.text) or lost.named(remark.line, remark.text))
    )


def _comments(source: str) -> Iterator[_Remark]:
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source, newline="\n").readline):
        if token.type == tokenize.COMMENT:
            before = token.line[: token.start[1]].strip()
            alone = not before or STUB.fullmatch(before) is not None
            continues = not before and token.start[0] == last + 1
            last = token.start[0] if not before else 0
            yield _Remark(token.start[0], token.string.lstrip("#!: "), alone, continues)


def _texts(tree: ast.Module) -> Iterator[_Remark]:
    """Texts of one line that stand as statements. A docstring is one only with dots."""
    docstrings = {id(node.body[0]) for node in ast.walk(tree) if isinstance(node, Documented) and node.body}
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))) if "\n" not in text.strip():
                if id(node) not in docstrings or re.search(DOTS, text):
                    yield _Remark(node.lineno, text.strip(), alone=True)


def _ellipses(tree: ast.Module, defined: frozenset[str]) -> Iterator[int]:
    """Lines with an ellipsis in the place of a statement, an argument, an element or a value. In an index, a
    type, a default, a comparison and in the body of a stub it is Python.
    """
    stubs = {id(node.body[-1]) for node, name in _named(tree) if _is_stub(node) and name not in defined}
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=value) if id(node) not in stubs:
                places: list[ast.expr | None] = [value]
            case ast.Call(args=args, keywords=keywords):
                places = [*args, *(keyword.value for keyword in keywords if keyword.arg != "out")]
            case ast.List(elts=elements) | ast.Set(elts=elements):
                places = [*elements]
            case ast.Dict(keys=keys, values=values):
                places = [*keys, *values]
            case ast.Assign(value=value):
                places = [value]
            case (
                ast.Return(value=value)
                | ast.AugAssign(value=value)
                | ast.AnnAssign(value=value)
                | ast.Yield(value=value)
            ):
                places = [value]
            case ast.Assert(test=value) | ast.If(test=value) | ast.While(test=value) | ast.Lambda(body=value):
                places = [value]
            case _:
                continue
        yield from (place.lineno for place in places if place is not None and _is_ellipsis(place))


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether an ellipsis is the whole body, but for a docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return len(body) == 1 and isinstance(body[0], ast.Expr) and _is_ellipsis(body[0].value)


Documented = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _named(tree: ast.Module) -> Iterator[tuple[Definition, str]]:
    """Functions and classes with their dotted names."""
    open_nodes: list[tuple[ast.AST, str]] = [(tree, "")]
    while open_nodes:
        node, name = open_nodes.pop()
        for child in ast.iter_child_nodes(node):
            inner = name
            if isinstance(child, Definition):
                inner = f"{name}.{child.name}"
                yield child, inner
            open_nodes.append((child, inner))


def _definitions(parent: str) -> frozenset[str]:
    """Dotted names of what the parent defines with more than a stub."""
    try:
        tree = syntax_tree(parent)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(name for node, name in _named(tree) if not _is_stub(node))


def _looks_left_out(line: str) -> bool:
    """Of a text that does not parse: whether a line of it is a placeholder."""
    text = line.strip()
    bare = SIGN.sub("", text)
    return bool(DOTS_ALONE.match(text)) or (not text.isidentifier() and bool(bare) and stands_for_code(bare))
