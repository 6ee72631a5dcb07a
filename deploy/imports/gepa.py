"""GEPA: candidates are texts, scored in Python. Read for what has to be written by hand."""

import ast
from collections.abc import Iterator

from configs.errors import ConfigError
from deploy.imports import building
from deploy.imports.imported import Imported
from deploy.imports.other_folder import OtherFolder

SEEDS = frozenset({"seed_candidate", "seed"})


class Gepa:
    """Texts in a Python program: which examples they are scored on is known only when it runs."""

    name = "gepa"
    title = "GEPA 0.1.4"

    def recognises(self, folder: OtherFolder) -> bool:
        """By a Python file that imports gepa."""
        return any(True for _ in _programs(folder))

    def convert(self, folder: OtherFolder) -> Imported:
        """Raises ConfigError always: it says what was read, and what has to be written by hand."""
        path, tree = next(_programs(folder))
        nodes = list(ast.walk(tree))
        adapters = [node.name for node in nodes if isinstance(node, ast.ClassDef) and _is_adapter(node)]
        texts = sorted({name for node in nodes for name in _components(node)})
        scored = f"the adapter {adapters[0]}" if adapters else "its evaluator"
        words = ", ".join(texts) or "the candidate"
        raise ConfigError(
            f"{path} is for {self.title}: {scored} is told its examples when it runs; nothing is run here",
            f"Write a task folder by hand: a text file for each of {words} as surface; as measure a"
            f" program that reads them, calls {scored} on your examples and prints METRIC score=MEAN:"
            " docs/imports.md shows it. Boxes have no network: a model has to be on this machine.",
        )


def _programs(folder: OtherFolder) -> Iterator[tuple[str, ast.Module]]:
    for path in folder.files:
        if not path.endswith(".py"):
            continue
        try:
            tree = building.parsed(folder.text(path), path)
        except ConfigError:
            continue
        if any(_imports_gepa(node) for node in ast.walk(tree)):
            yield path, tree


def _imports_gepa(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(alias.name.partition(".")[0] == "gepa" for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            return module.partition(".")[0] == "gepa"
    return False


def _is_adapter(node: ast.ClassDef) -> bool:
    return {"evaluate", "make_reflective_dataset"} <= {
        inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)
    }


def _components(node: ast.AST) -> Iterator[str]:
    """Names of the texts of a seed candidate that is written out."""
    value: ast.expr | None = None
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=given) if name in SEEDS:
            value = given
        case ast.keyword(arg=str(name), value=given) if name in SEEDS:
            value = given
    if isinstance(value, ast.Dict):
        for key in value.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value[:40]
