"""Which constants a variant moved from its parent, and which way. Pure: texts are parsed, never executed.

A constant is a name bound once at the top level to a literal, or to arithmetic of literals such as ``2**15``. One that only one of the two programs
has was not moved.
"""

import ast
import operator
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from coordinator.surface import parsed

MOST_NAMES = 400
"""Constants of a program looked at; a surface has some dozens."""
LARGEST = 2.0**64
"""No step of a constant's arithmetic is carried on beyond this: a variant's text must not keep the coordinator busy."""

Number = int | float
OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def moves(parent: str, variant: str) -> dict[str, str]:
    """``up``, ``down`` or ``changed`` by constant. Both are programs that parse."""
    try:
        before, after = _constants(parent), _constants(variant)
    except RecursionError:  # arithmetic of thousands of terms compiles, and says nothing about a constant
        return {}
    return {name: _way(before[name], value) for name, value in after.items() if name in before and before[name] != value}


def _way(before: Number | str, after: Number | str) -> str:
    if isinstance(before, str) or isinstance(after, str):
        return "changed"
    return "up" if after > before else "down"


@lru_cache(maxsize=16)
def _constants(source: str) -> dict[str, Number | str]:
    """Numbers as numbers, other literals as their text, by name. A parent is looked at once."""
    bound = [pair for pair in map(_binding, parsed(source).body) if pair is not None]
    times = Counter(name for name, _ in bound)
    return {name: value for name, node in bound[:MOST_NAMES] if times[name] == 1 and (value := _value(node)) is not None}


def _binding(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
        case _:
            return None


def _value(node: ast.expr) -> Number | str | None:
    number = _number(node)
    if number is not None:
        return number
    match node:
        case ast.Constant(value=value):
            return repr(value)[:200]
        case ast.Tuple() | ast.List():
            return ast.dump(node)[:2000] if all(isinstance(part, ast.Constant) for part in node.elts) else None
        case _:
            return None


def _number(node: ast.expr) -> Number | None:
    """The number a literal, or arithmetic of literals, comes to; None for anything else and for what grows too large."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return _folded(OPERATIONS[type(op)], _number(left), _number(right))
        case _:
            return None


def _folded(operation: Callable[[float, float], float], left: Number | None, right: Number | None) -> Number | None:
    if left is None or right is None:
        return None
    try:
        value = operation(float(left), float(right))
    except (ArithmeticError, ValueError):
        return None
    return value if isinstance(value, float) and abs(value) < LARGEST else None
