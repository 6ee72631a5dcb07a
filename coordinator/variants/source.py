"""What can be said about a variant's text without running it. Pure; the text is untrusted and is compiled,
never executed. It is one Python program, or several files as one text (``evaluator.bundle``).
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from threading import Lock
from types import CodeType

from evaluator.bundle import BundleError, is_bundle, unpack

PARSING = Lock()
"""Held while a text becomes a tree."""
MAX_BYTES = 200_000
"""Largest surface taken: eight times upstream's 26 kB. More is pasted data, not a program."""

LINES_IN_CODE = sys.version_info >= (3, 13)
"""Whether compiled classes hold the number of their first line, so that their code is not blind to layout."""


class SurfaceError(ValueError):
    """The text is no Python program, or its files are none that can lie in a folder. ``str`` says where."""


@lru_cache(maxsize=4)
def compiled(source: str) -> CodeType:
    """The program compiled, never to be executed. A fifth of the cost of its syntax tree. Raises
    SurfaceError.
    """
    try:
        return compile(source, "<variant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SurfaceError(str(error)) from error


def syntax_tree(source: str, name: str = "<unknown>") -> ast.Module:
    """What ``ast.parse`` gives and raises, one text at a time: CPython 3.11.7 keeps the depth of a tree in
    the making for all threads together, and was seen to raise SystemError over it.
    """
    with PARSING:
        return ast.parse(source, name)


@lru_cache(maxsize=4)
def parsed(source: str) -> ast.Module:
    """The program's syntax tree, not to be changed: it is remembered for whoever looks next. Raises
    SurfaceError.
    """
    try:
        return syntax_tree(source, "<variant>")
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
    computes it. Of several files: of their paths, of what each Python file does, and of the texts of the
    others but for ends of lines. Raises SurfaceError.
    """
    if is_bundle(source):
        return _digest_of_files(files_of(source))
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


# ---------------------------------------------------------------------- several files


def is_python(path: str) -> bool:
    """Whether a file of a surface is a Python program, by its name."""
    return path.endswith(".py")


def files_of(source: str) -> dict[str, str]:
    """Texts of a bundle by their paths. Raises SurfaceError for one that is malformed, or whose files cannot
    lie beside each other in a folder and in a commit.
    """
    try:
        files = unpack(source)
        source.encode()
    except (BundleError, UnicodeEncodeError) as error:
        raise SurfaceError(f"the surface is no list of files: {error}") from error
    for path in files:
        if any(part.lower() == ".git" for part in PurePosixPath(path).parts):
            raise SurfaceError(f"{path}: no file can lie in a folder of git's")
        folder = next((str(up) for up in PurePosixPath(path).parents if str(up) in files), None)
        if folder is not None:
            raise SurfaceError(f"{path}: {folder} is a file and cannot be a folder too")
    return files


def python_fault(path: str, text: str) -> str:
    """Why a Python file of a bundle does not compile, with its name and line; empty where it does."""
    try:
        compiled(text)
    except SurfaceError as error:
        cause = error.__cause__
        if isinstance(cause, SyntaxError) and cause.lineno:
            return f"{path}, line {cause.lineno}: {cause.msg}"
        return f"{path}: {error}"
    return ""


def _digest_of_files(files: dict[str, str]) -> str:
    content = hashlib.sha256()
    for path, text in files.items():
        python = is_python(path)
        if python and (fault := python_fault(path, text)):
            raise SurfaceError(fault)
        said = digest(text) if python else hashlib.sha256(_without_layout(text).encode()).hexdigest()
        content.update(f"{path}\0{said}\0".encode())
    return content.hexdigest()[:16]


def _without_layout(text: str) -> str:
    """A text without what nobody sees of it: kinds of line ends, blanks before them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines)
