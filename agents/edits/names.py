"""Names that a piece of a program binds at module level."""

import ast

from coordinator.variants.source import syntax_tree


def bound_names(source: str) -> frozenset[str] | None:
    """Names bound by its statements, looking into ``if`` and ``for`` but not into functions and classes; None
    where it does not parse.
    """
    try:
        tree = syntax_tree(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    open_nodes: list[ast.AST] = [*tree.body]
    while open_nodes:
        node = open_nodes.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
                continue
            case ast.alias(name=name, asname=asname):
                names.add(asname or name.partition(".")[0])
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Lambda():
                continue
        open_nodes += ast.iter_child_nodes(node)
    return frozenset(names)
