"""What must hold of an edited surface before anybody spends a slot on it. Its text is parsed and compiled,
never executed.
"""

import ast
from functools import lru_cache

from msgspec import Struct

from agents.edits.left_out import left_out_problem
from agents.edits.outcome import Fault, Problem, bounded
from coordinator.variants.contract import EVALUATION, LOST_CALL, LOST_IMPORT, PREPARE
from coordinator.variants.source import MAX_BYTES, SurfaceError, digest, files_of, is_python, syntax_tree
from evaluator.bundle import is_bundle

AROUND = 3
"""Lines shown on either side of an error."""


class KeptTerms(Struct, frozen=True):
    """What of the contract with ``prepare`` a program keeps."""

    imports: bool
    """Whether it imports the module, or anything from it."""
    measures: bool
    """Whether it calls the evaluation."""


def check(source: str, parent: str) -> Problem | None:
    """Why ``source`` is not worth a run, or None. A contract is asked for as far as the parent keeps it, and
    of a surface of several files none.
    """
    size = len(source.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        return Problem(Fault.TOO_LARGE, f"the program would have {size} bytes; {MAX_BYTES} are the limit")
    if is_bundle(parent):
        return _files_problem(source, parent) or _no_op(source, parent)
    return left_out_problem(source, parent) or sound_problem(source, parent) or _no_op(source, parent)


def _files_problem(source: str, parent: str) -> Problem | None:
    """What is wrong with one of several files: a changed program that leaves code out or does not compile."""
    try:
        new, old = files_of(source), files_of(parent)
    except SurfaceError as error:
        return Problem(Fault.MALFORMED, f"the files cannot lie beside each other: {error}"[:300])
    changed = ((path, text) for path, text in new.items() if is_python(path) and text != old.get(path))
    problems = (
        left_out_problem(text, old.get(path, ""), path) or compile_problem(text, path)
        for path, text in changed
    )
    return next(filter(None, problems), None)


def sound_problem(source: str, parent: str) -> Problem | None:
    """Why ``source`` is no program that keeps its parent's contract, or None."""
    return compile_problem(source) or contract_problem(source, parent)


def compile_problem(source: str, what: str = "the edited file") -> Problem | None:
    """Why ``source`` is no program, with the lines around the fault, or None. what: it in messages."""
    try:
        compile(source, "train.py", "exec", dont_inherit=True)
        digest(source)
    except SyntaxError as error:
        at = error.lineno or 1
        return Problem(Fault.DOES_NOT_COMPILE, f"line {at} of {what}: {error.msg}", _excerpt(source, at))
    except (SurfaceError, ValueError, RecursionError, MemoryError) as error:
        return Problem(Fault.DOES_NOT_COMPILE, f"{what} cannot be compiled: {error}"[:300])
    return None


def contract_problem(source: str, parent: str) -> Problem | None:
    """What of the parent's contract a program that compiles has lost, or None."""
    kept, wanted = terms_kept(source), terms_kept(parent)
    if wanted.imports and not kept.imports:
        return Problem(Fault.CONTRACT, LOST_IMPORT)
    if wanted.measures and not kept.measures:
        return Problem(Fault.CONTRACT, LOST_CALL)
    return None


@lru_cache(maxsize=8)
def terms_kept(source: str) -> KeptTerms:
    """Whether a program imports ``prepare`` and calls its evaluation; neither where it does not parse."""
    try:
        nodes = list(ast.walk(syntax_tree(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return KeptTerms(imports=False, measures=False)
    modules = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = [
        function.id
        if isinstance(function, ast.Name)
        else function.attr
        if isinstance(function, ast.Attribute)
        else ""
        for function in called
    ]
    return KeptTerms(PREPARE in modules, EVALUATION.name in names)


def _no_op(source: str, parent: str) -> Problem | None:
    if source == parent:
        return Problem(Fault.NO_OP, "the edited file is the file as it was; nothing would be measured")
    try:
        same = digest(source) == digest(parent)
    except (SurfaceError, RecursionError):  # a parent that nobody should have merged
        return None
    return (
        Problem(Fault.NO_OP, "only comments or layout would change; the program would be the same")
        if same
        else None
    )


def _excerpt(source: str, at: int) -> str:
    lines = source.split("\n")
    first, last = max(0, at - 1 - AROUND), min(len(lines), at + AROUND)
    shown = [
        f"{number + 1:5d}{'>' if number + 1 == at else ' '} {lines[number].rstrip()[:200]}"
        for number in range(first, last)
    ]
    return bounded("\n".join(["There, after your change:", *shown]))
