"""Module constants of a surface, read and rewritten through libcst: everything else stays byte for byte as it
was.

- A constant is a name in capitals assigned exactly once, at module level, to a number, a boolean, a string or
  plain arithmetic of numbers.
- Its trailing comment may steer the search: ``# choices: relu2, swiglu``, ``# range: 0.1..0.9`` or ``#
  fixed``.
- Of a surface of several files, a constant of a Python file is known as ``path:NAME``.
- The text is a variant's, so it is untrusted: arithmetic is evaluated here on literals only, with bounded
  exponents. Nothing is executed.
"""

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache

import libcst as cst
from msgspec import Struct

from coordinator.variants.source import PARSING
from evaluator.bundle import BundleError, is_bundle, pack, unpack

Value = bool | int | float | str

NAME = re.compile(r"[A-Z][A-Z0-9_]*")
CHOICES = re.compile(r"\bchoices:\s*(?P<choices>[^;]+)")
RANGE = re.compile(r"\brange:\s*(?P<low>[-+\w.]+?)\s*\.\.\s*(?P<high>[-+\w.]+)")
FIXED = re.compile(r"(?:^#|;)\s*fixed\b")

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
    ast.LShift: lambda left, right: int(left) << int(right),
}
MAX_EXPONENT = 128
"""Largest exponent or shift that is evaluated: beyond any real constant, and cheap."""
MAX_BITS = 1024
"""Integers of an expression beyond this are no constants anybody tunes."""


class Constant(Struct, frozen=True, kw_only=True):
    """One constant."""

    name: str
    text: str
    """Its expression as written."""
    value: Value
    choices: tuple[Value, ...] = ()
    """Values it may take, if its comment says so."""
    low: float | None = None
    """Of its comment's range, as is ``high``."""
    high: float | None = None
    fixed: bool = False
    """Whether its comment says that it stays."""

    @property
    def literal(self) -> str:
        """Its value as a Python literal, the same however it was written."""
        return repr(self.value)


class Surface:
    """A surface's text and the constants in it."""

    def __init__(self, source: str) -> None:
        """Raises SyntaxError when ``source`` does not parse."""
        try:
            self._module = cst.parse_module(source)
        except cst.ParserSyntaxError as error:
            raise SyntaxError(str(error)) from error
        if self._module.code != source:
            raise SyntaxError("its text does not survive parsing unchanged")
        assigned = list(self._assignments())
        count = Counter(name for name, _, _, _ in assigned)
        self._places: dict[str, tuple[int, cst.BaseExpression]] = {}
        self.constants: dict[str, Constant] = {}
        for name, index, expression, comment in assigned:
            text = self._module.code_for_node(expression)
            value = evaluate(text)
            if value is not None and count[name] == 1:
                self._places[name] = (index, expression)
                self.constants[name] = _constant(name, text, value, comment)

    def edit(self, texts: Mapping[str, str]) -> str:
        """The source with these constants' expressions replaced. Raises KeyError for a name that is no
        constant.
        """
        swap = _Swap({self._places[name][1]: cst.parse_expression(text) for name, text in texts.items()})
        body = list(self._module.body)
        for index in {self._places[name][0] for name in texts}:
            body[index] = cst.ensure_type(body[index].visit(swap), cst.SimpleStatementLine)
        return self._module.with_changes(body=body).code

    def _assignments(self) -> Iterator[tuple[str, int, cst.BaseExpression, str]]:
        for index, line in enumerate(self._module.body):
            if not isinstance(line, cst.SimpleStatementLine):
                continue
            comment = line.trailing_whitespace.comment
            for statement in line.body:
                for name, expression in _assigned(statement):
                    yield name, index, expression, comment.value if comment else ""


class _Swap(cst.CSTTransformer):
    """Puts new expressions in the place of old ones, several in one pass: every pass makes new nodes."""

    def __init__(self, new: Mapping[cst.CSTNode, cst.BaseExpression]) -> None:
        super().__init__()
        self._new = new

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.BaseExpression:
        """The new node where there is one."""
        return self._new.get(original_node, updated_node)


class SurfaceOfFiles:
    """Texts of several files and the constants in those of Python. A file that cannot be read has none."""

    def __init__(self, source: str) -> None:
        """Raises SyntaxError when ``source`` is no bundle."""
        try:
            self._files = unpack(source)
        except BundleError as error:
            raise SyntaxError(str(error)) from error
        self._surfaces: dict[str, Surface] = {}
        for path, text in self._files.items():
            with suppress(SyntaxError, RecursionError):
                self._surfaces |= {path: Surface(text)} if path.endswith(".py") else {}
        self.constants = {
            f"{path}:{name}": constant
            for path, surface in self._surfaces.items()
            for name, constant in surface.constants.items()
        }

    def edit(self, texts: Mapping[str, str]) -> str:
        """See ``Surface.edit``."""
        wanted: dict[str, dict[str, str]] = {}
        for place, text in texts.items():
            path, _, name = place.rpartition(":")
            wanted.setdefault(path, {})[name] = text
        edited = {path: self._surfaces[path].edit(changes) for path, changes in wanted.items()}
        return pack({**self._files, **edited})


@lru_cache(maxsize=8)
def read_surface(source: str) -> Surface | SurfaceOfFiles:
    """The surface with that text, remembered: a parent is asked about once per proposal. Raises
    SyntaxError.
    """
    return SurfaceOfFiles(source) if is_bundle(source) else Surface(source)


@lru_cache(maxsize=4096)
def evaluate(text: str) -> Value | None:
    """Value of a literal or of plain arithmetic of numbers; None for anything else."""
    try:
        with PARSING:
            tree = ast.parse(text.strip(), mode="eval")
        return _value(tree.body)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError):
        return None


def write(value: Value, like: str) -> str:
    """``value`` as an expression in the style of ``like``: powers, underscores, scientific notation,
    quotes.
    """
    match value:
        case bool():
            return str(value)
        case int():
            return _write_int(value, like)
        case float():
            return _write_float(value, like)
        case str():
            quoted = repr(value)
            return (
                f'"{value}"'
                if like.lstrip().startswith('"') and '"' not in value and quoted[1:-1] == value
                else quoted
            )


def _assigned(statement: cst.BaseSmallStatement) -> Iterator[tuple[str, cst.BaseExpression]]:
    match statement:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=expression) if (
            NAME.fullmatch(name)
        ):
            yield name, expression
        case cst.AnnAssign(target=cst.Name(value=name), value=cst.BaseExpression() as expression) if (
            NAME.fullmatch(name)
        ):
            yield name, expression
        case cst.AugAssign(target=cst.Name(value=name), value=expression):
            yield from ((name, expression), (name, expression))  # twice: not a constant


def _constant(name: str, text: str, value: Value, comment: str) -> Constant:
    bounds = RANGE.search(comment)
    low, high = (evaluate(bounds["low"]), evaluate(bounds["high"])) if bounds else (None, None)
    numbers = isinstance(low, int | float) and isinstance(high, int | float) and low < high
    return Constant(
        name=name,
        text=text,
        value=value,
        choices=_comment_choices(value, comment),
        low=float(low) if numbers and low is not None else None,
        high=float(high) if numbers and high is not None else None,
        fixed=bool(FIXED.search(comment)),
    )


def _comment_choices(value: Value, comment: str) -> tuple[Value, ...]:
    listed = CHOICES.search(comment)
    if listed is None:
        return ()
    return read_choices(value, [word.strip() for word in listed["choices"].split(",") if word.strip()])


def read_choices(value: Value, words: list[str]) -> tuple[Value, ...]:
    """What a constant that now is ``value`` may become: Python literals, or bare words where it is a string.
    Others are left out.
    """
    read = (word if isinstance(value, str) and evaluate(word) is None else evaluate(word) for word in words)
    return tuple(
        choice for choice in read if choice is not None and isinstance(choice, str) == isinstance(value, str)
    )


def _value(node: ast.expr) -> Value | None:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(operand)
        case ast.BinOp():
            return _number(node)
    return None


def _number(node: ast.expr) -> int | float:
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left), _number(node.right)
        if isinstance(node.op, ast.Pow | ast.LShift) and not 0 <= abs(right) <= MAX_EXPONENT:
            raise ValueError("exponent too large")
        result = OPERATORS[type(node.op)](left, right) if type(node.op) in OPERATORS else None
        if not isinstance(result, int | float) or (
            isinstance(result, int) and result.bit_length() > MAX_BITS
        ):
            raise ValueError("not a number that can be tuned")
        return result
    value = _value(node)
    if isinstance(value, bool | str) or value is None:
        raise ValueError("not a number")
    return value


def _write_int(value: int, like: str) -> str:
    power = re.fullmatch(r"\s*2(\s*)\*\*(\s*)\d+\s*", like)
    if power and value > 0 and value & (value - 1) == 0:
        return f"2{power[1]}**{power[2]}{value.bit_length() - 1}"
    return f"{value:_}" if "_" in like else str(value)


def _write_float(value: float, like: str) -> str:
    if re.search(r"\d[eE]", like) or (value and not 1e-4 <= abs(value) < 1e7):
        mantissa, exponent = f"{value:.12e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}{'E' if 'E' in like else 'e'}{int(exponent)}"
    text = repr(value)
    return text.replace("0.", ".", 1) if re.match(r"-?\.", like.strip()) and abs(value) < 1 else text
