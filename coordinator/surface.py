"""What can be said about a variant's text without running it. Pure; the text is untrusted and is parsed, never executed."""

import ast
import hashlib
from functools import lru_cache

MAX_BYTES = 200_000
"""Largest surface taken: eight times upstream's 26 kB. More is pasted data, not a program."""


class SurfaceError(ValueError):
    """The text is no Python program. ``str`` says where."""


@lru_cache(maxsize=4)
def parsed(source: str) -> ast.Module:
    """The program's syntax tree, not to be changed: it is remembered for whoever looks next. Raises SurfaceError."""
    try:
        tree = ast.parse(source)
        compile(tree, "<variant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SurfaceError(str(error)) from error
    return tree


@lru_cache(maxsize=64)
def digest(source: str) -> str:
    """Digest of what the program does as written: blind to comments and layout, so that equal programs are recognised.

    sha256 of the dumped syntax tree, first 16 hex digits. Raises SurfaceError.
    """
    return hashlib.sha256(ast.dump(parsed(source)).encode(errors="surrogatepass")).hexdigest()[:16]
