"""A made-up landscape: what a change to a source would do to its value. Deterministic, free of any task, and
smooth enough to be searched.

- Every numeric constant at module level has a hidden optimum, some distance in log2 from the value in the
  baseline, and a curvature; both are drawn from a hash of its name. Moving towards the optimum helps by a
  square, moving past it harms.
- Every other change of the program draws one small, heavy-tailed effect from a hash of its syntax tree
  without those constants.
- Comments and layout do nothing. Effects are shares of the baseline's value; positive is worse; the
  baseline's own is 0.

The sizes follow what single edits of the demo task do: gains of some per cent, harms up to a few times the
value.
"""

import ast
import hashlib
import math
import operator
from collections.abc import Callable
from statistics import NormalDist

FARTHEST = 8.0
"""log2 distance beyond which a constant does no further harm."""

SMALLEST_CURVATURE, LARGEST_CURVATURE = 0.002, 0.03
"""Share of the value lost per squared log2 from the optimum: from hardly felt to the learning rate of a
transformer.
"""

OPTIMUM_SPREAD = 1.0
"""Standard deviation in log2 of optima around the baseline's constants: people guess within a factor of two,
mostly.
"""

REWRITE_SCALE, REWRITE_DEGREES, REWRITE_SHIFT = 0.004, 3.0, 0.004
"""Other changes: scale and degrees of freedom of the tail, and how much worse the middle one is. Most ideas
do not help.
"""

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: lambda base, power: math.pow(
        base, power
    ),  # of floats: too large a power is an OverflowError, not an hour of work
}


def effect(source: str, baseline: str, seed: int) -> float:
    """Share by which ``source`` is worse than ``baseline`` in the landscape ``seed``. Raises SyntaxError."""
    constants, rest = _split(source)
    base, base_rest = _split(baseline)
    moved = sum(_loss(name, value, base[name], seed) for name, value in constants.items() if name in base)
    return moved + (_rewrite(rest, seed) if rest != base_rest else 0.0)


def draw(*what: object) -> float:
    """A number between 0 and 1, both excluded, the same for the same ``what`` on every machine."""
    digest = hashlib.sha256(repr(what).encode()).digest()
    return (int.from_bytes(digest[:6], "big") + 0.5) / 2**48


def normal(*what: object) -> float:
    """A standard normal number, the same for the same ``what``."""
    return NormalDist().inv_cdf(draw(*what))


def _loss(name: str, value: float, base: float, seed: int) -> float:
    spread = math.log(LARGEST_CURVATURE / SMALLEST_CURVATURE)
    curvature = SMALLEST_CURVATURE * math.exp(spread * draw("curvature", name, seed))
    optimum = OPTIMUM_SPREAD * normal("optimum", name, seed)
    return curvature * ((_distance(value, base) - optimum) ** 2 - optimum**2)


def _distance(value: float, base: float) -> float:
    """How far a constant moved: in log2 where that means something, else in tenths (from 0) or in multiples
    of itself (through 0).
    """
    distance = (
        math.log2(value / base) if base != 0 and value / base > 0 else (value - base) / (abs(base) or 0.1)
    )
    return min(max(distance, -FARTHEST), FARTHEST)


def _rewrite(tree: str, seed: int) -> float:
    """Student's t of a few degrees by the usual ratio; the denominator is a sum of squared normals."""
    squares = sum(normal("tail", part, tree, seed) ** 2 for part in range(int(REWRITE_DEGREES)))
    return REWRITE_SHIFT + REWRITE_SCALE * normal("rewrite", tree, seed) / math.sqrt(
        squares / REWRITE_DEGREES
    )


def _split(source: str) -> tuple[dict[str, float], str]:
    """Numeric constants of the module by name, and its syntax tree without their values."""
    module = ast.parse(source)
    constants: dict[str, float] = {}
    for statement in module.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=expression)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as expression)
            ):
                if (number := _number(expression)) is not None:
                    constants[name] = number
                    statement.value = ast.Constant(value=0)
    return constants, ast.dump(module)


def _number(expression: ast.expr) -> float | None:
    """What an expression of numbers alone is worth; None for any other, and for one too large to be meant."""
    try:
        number = _evaluate(expression)
    except (ArithmeticError, ValueError, RecursionError):
        return None
    return number if math.isfinite(number) else None


def _evaluate(expression: ast.expr) -> float:
    match expression:
        case ast.Constant(value=bool()):
            raise ValueError("a truth value has no distance")
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluate(left), _evaluate(right))
        case _:
            raise ValueError("not a number")
