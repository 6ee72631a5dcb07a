"""What a proposal is held to before a slot is spent on it. Pure: the text is untrusted, it is parsed and
never executed.

- It saves slots and tells a proposer early; it is no defence. What a variant can do is the sandbox's
  business, what its number is worth the judge's.
- Only what is certain is refused: whatever an honest program might do in a way that this does not see through
  passes.
- Reasons are for the proposer: what is wrong, where, and what to do instead.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from coordinator.domain import Refusal
from coordinator.variants.bytecode import facts_of
from coordinator.variants.contract import NEEDED, PREPARE, never_imported, never_used, replaced
from coordinator.variants.patterns import allowed, in_words, missing
from coordinator.variants.source import (
    MAX_BYTES,
    SurfaceError,
    compiled,
    files_of,
    is_python,
    parsed,
    python_fault,
)

ALWAYS = frozenset({*sys.stdlib_module_names, "torch", "numpy"})
"""Packages every surface may import."""
FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
"""An import under a handler of one of these may fail: the program has another way."""

RELATIVE = re.compile(r"\bfrom\s*\.")
"""An import from the package the program is not in, or a text that looks like one."""

BLINDING = frozenset({"exec", "eval", "globals", "locals", "vars"})
"""Functions by which a program reaches names in ways no reader of its text can follow: then nothing is said
about the contract.
"""


class Objection(Struct, frozen=True):
    """Why a proposal costs no slot."""

    refusal: Refusal
    reason: str


class Gate:
    """Holds surfaces to one task's terms."""

    def __init__(
        self, frozen: Iterable[str] = (), imports: Iterable[str] = (), surface: Sequence[str] = ()
    ) -> None:
        """frozen: modules beside the surface. imports: packages the task offers. surface: the files a bundle
        may hold, as patterns; without any, the surface is one Python file.
        """
        self._frozen = frozenset(frozen)
        self._imports = frozenset(imports)
        self._surface = tuple(surface)

    def look(self, source: str) -> Objection | None:
        """What is wrong with a surface, None when nothing is seen."""
        size = len(source.encode(errors="surrogatepass"))
        if size > MAX_BYTES:
            return Objection(Refusal.TOO_LARGE, f"the surface has {size} bytes, {MAX_BYTES} are allowed")
        if self._surface:
            return self._look_at_files(source)
        try:
            if self._surely_sound(source):
                return None
            tree = parsed(source)
        except SurfaceError as error:
            return Objection(Refusal.DOES_NOT_COMPILE, str(error))
        nodes = list(ast.walk(tree))  # once: walking costs more than parsing
        return self._foreign(nodes) or (_broken(tree, nodes) if PREPARE in self._frozen else None)

    def _look_at_files(self, source: str) -> Objection | None:
        """What is wrong with a bundle: its form, its paths, its Python files one by one."""
        try:
            files = files_of(source)
        except SurfaceError as error:
            return Objection(Refusal.DOES_NOT_COMPILE, str(error))
        only = in_words(self._surface)
        outside = next((path for path in files if not allowed(path, self._surface)), None)
        if outside is not None:
            return Objection(
                Refusal.OUTSIDE_SURFACE, f"{outside} is not of the surface; only {only} may change"
            )
        if gone := missing(files, self._surface):
            return Objection(Refusal.OUTSIDE_SURFACE, f"{gone[0]} is gone; it may change and has to stay")
        faults = (python_fault(path, text) for path, text in files.items() if is_python(path))
        fault = next(filter(None, faults), None)
        return None if fault is None else Objection(Refusal.DOES_NOT_COMPILE, fault)

    def _surely_sound(self, source: str) -> bool:
        """Whether its code alone shows that there is nothing to object to. Raises SurfaceError."""
        facts = facts_of(compiled(source))
        if (
            facts.packages is None
            or not facts.packages <= ALWAYS | self._frozen | self._imports
            or RELATIVE.search(source)
        ):
            return False
        needed = {offered.name for offered in NEEDED}
        return PREPARE not in self._frozen or facts.kept.get(PREPARE, frozenset()) >= needed

    def _foreign(self, nodes: list[ast.AST]) -> Objection | None:
        """An import that would fail in the run."""
        excused = _excused(nodes)
        for node in nodes:
            if not isinstance(node, ast.Import | ast.ImportFrom) or id(node) in excused:
                continue
            for name in _packages(node):
                if name not in ALWAYS | self._frozen | self._imports:
                    return Objection(Refusal.PACKAGE, self._reason(name, getattr(node, "lineno", 0)))
        return None

    def _reason(self, name: str, line: int) -> str:
        offered = ", ".join(["the standard library", "torch", "numpy", *sorted(self._frozen | self._imports)])
        if not name:
            return (
                f"line {line}: the surface is one file and has no package to import from; there is {offered}"
            )
        return f"line {line}: there is no package {name!r} where variants are trained, only {offered}"


def _packages(node: ast.AST) -> Iterator[str]:
    """Top-level packages an import statement asks for; an empty name for a relative one."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(level=0, module=str(module)):
            yield module.partition(".")[0]
        case ast.ImportFrom():
            yield ""


def _excused(nodes: list[ast.AST]) -> set[int]:
    """Nodes that may fail or never run: under a try that forgives, in a branch for type checkers."""
    excused: set[int] = set()
    for node in nodes:
        match node:
            case ast.Try(body=body, handlers=handlers) if any(map(_forgives, handlers)):
                excused |= _ids(body)
            case ast.With(body=body) if any(_names(item) & {"suppress"} for item in node.items):
                excused |= _ids(body)
            case ast.If(test=test, body=body) if "TYPE_CHECKING" in _names(test):
                excused |= _ids(body)
    return excused


def _forgives(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_names(handler.type) & FORGIVING)


def _ids(body: list[ast.stmt]) -> set[int]:
    return {id(node) for statement in body for node in ast.walk(statement)}


def _names(tree: ast.AST) -> set[str]:
    """Every name read in a part of a program, attributes by their last word, and every text that could be
    one.
    """
    return {name for node in ast.walk(tree) for name in _spoken(node)}


def _spoken(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            yield name


# ---------------------------------------------------------------------- the contract with `prepare`


def _broken(tree: ast.Module, nodes: list[ast.AST]) -> Objection | None:
    """What of the contract the program surely leaves out."""
    names, bound = {name for node in nodes for name in _spoken(node)}, _bound(nodes)
    if names & {"__import__", "import_module"} or BLINDING & {
        node.id for node in nodes if isinstance(node, ast.Name)
    }:
        return None
    for needed in NEEDED:
        locals_of = {local for local, name in bound.items() if name == needed.name}
        if not (locals_of or "*" in bound.values() or _holds_all(nodes)):
            return Objection(Refusal.CONTRACT, never_imported(needed))
        if not (locals_of | {needed.name}) & names:
            return Objection(Refusal.CONTRACT, never_used(needed))
        line = next(filter(None, (_shadow(tree, local) for local in locals_of)), None)
        if line is not None:
            return Objection(Refusal.CONTRACT, replaced(needed, line))
    return None


def _bound(nodes: list[ast.AST]) -> dict[str, str]:
    """Local names that stand for names of prepare; ``*`` for all of them."""
    froms = (node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == PREPARE)
    return {alias.asname or alias.name: alias.name for node in froms for alias in node.names}


def _holds_all(nodes: list[ast.AST]) -> bool:
    """Whether the program imports the module itself."""
    return any(
        alias.name == PREPARE for node in nodes if isinstance(node, ast.Import) for alias in node.names
    )


def _shadow(tree: ast.Module, local: str) -> int | None:
    """The line of a function or class that takes an import's place at the top level before anybody read it
    there.
    """
    definitions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    if not any(node.name == local for node in definitions):
        return None
    line = None
    read = imported = False
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == PREPARE:
            imported, line = True, None
        elif (
            isinstance(statement, ast.FunctionDef | ast.ClassDef)
            and statement.name == local
            and imported
            and not read
        ):
            line = statement.lineno
        read = read or local in _names(statement)
    return line
