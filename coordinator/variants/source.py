"""What can be said about a variant's text without running it. Pure; the text is untrusted and is compiled,
never executed.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType

MAX_BYTES = 200_000
"""Largest surface taken: eight times upstream's 26 kB. More is pasted data, not a program."""

LINES_IN_CODE = sys.version_info >= (3, 13)
"""Whether compiled classes hold the number of their first line, so that their code is not blind to layout."""


class SurfaceError(ValueError):
    """The text is no Python program. ``str`` says where."""


@lru_cache(maxsize=4)
def compiled(source: str) -> CodeType:
    """The program compiled, never to be executed. A fifth of the cost of its syntax tree. Raises
    SurfaceError.
    """
    try:
        return compile(source, "<variant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SurfaceError(str(error)) from error


@lru_cache(maxsize=4)
def parsed(source: str) -> ast.Module:
    """The program's syntax tree, not to be changed: it is remembered for whoever looks next. Raises
    SurfaceError.
    """
    try:
        return ast.parse(source, "<variant>")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SurfaceError(str(error)) from error


def bodies(code: CodeType) -> Iterator[CodeType]:
    """The compiled program and every function, class and comprehension in it."""
    open_bodies = [code]
    for body in open_bodies:  # grows while it is walked
        yield body
        open_bodies.extend(constant for constant in body.co_consts if isinstance(constant, CodeType))


@lru_cache(maxsize=64)
def digest(source: str) -> str:
    """Digest of what the program does: blind to comments and layout, so that equal programs are recognised.

    First 16 hex digits of a sha256 of the compiled program without its line numbers, under the Python that
    computes it. Raises SurfaceError.
    """
    code = compiled(source)
    content = (
        ast.dump(parsed(source)).encode(errors="surrogatepass")
        if LINES_IN_CODE
        else b"\n".join(map(_content, bodies(code)))
    )
    return hashlib.sha256(content).hexdigest()[:16]


def _content(body: CodeType) -> bytes:
    """One body without its lines. The bodies it makes follow in the order of its constants."""
    shape = (
        body.co_name,
        body.co_flags,
        body.co_argcount,
        body.co_posonlyargcount,
        body.co_kwonlyargcount,
        body.co_exceptiontable,
    )
    names = (body.co_names, body.co_varnames, body.co_freevars, body.co_cellvars)
    return repr((shape, names, [_constant(value) for value in body.co_consts], body.co_code)).encode(
        errors="surrogatepass"
    )


def _constant(value: object) -> object:
    """A constant as something whose ``repr`` is the same in every process: sets have no order."""
    match value:
        case CodeType():
            return ...
        case frozenset():
            return "set", sorted(map(repr, value))
        case tuple():
            return tuple(map(_constant, value))
        case _:
            return value
