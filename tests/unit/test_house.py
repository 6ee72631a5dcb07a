"""The house keeps its own rules: names and imports are in order, nothing of one machine has leaked in."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agents", "configs", "coordinator", "deploy", "evaluator", "trainer")
SCRIPTS = {path.parent for path in ROOT.glob("trainer/tasks/*/task.yaml")} - {
    path.parent for path in ROOT.glob("trainer/tasks/*/__init__.py")
}
"""Folders of tasks that are no packages: what runs in a box, not modules of ours."""
MODULES = sorted(
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if not SCRIPTS & set(path.parents)
)
TEXTS = {".cfg", ".ini", ".json", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".yaml", ".yml", ""}

FORBIDDEN = {
    "a path of one machine": r"/(root|work|home/[a-z]+|Users/[A-Za-z]+)/",
    "a path out of the project": r"\.\./shared\b",
    "a package registry by name": r"\b(pypi|pythonhosted|npmjs|debian)\.org\b",
    "how it was made": r"(?i)\bco-authored-by\b",
}


def texts() -> Iterator[Path]:
    """Every text file that belongs to the project."""
    kept = [*PACKAGES, "tests", "docs", "findings", ".ci", ".github"]
    files = [path for folder in kept if (ROOT / folder).exists() for path in (ROOT / folder).rglob("*")]
    files += ROOT.glob("*")
    return (
        path
        for path in files
        if path.is_file() and path.suffix in TEXTS and "__pycache__" not in path.parts and path.name != ".git"
    )


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_of_one_machine_or_maker_is_in_the_project(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in texts()
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert not found


def test_the_patterns_for_that_find_what_they_are_for() -> None:
    samples = ["see /work/x", "in ../shared/y", "from pypi.org", "Co-authored-by: Z"]
    assert [
        what
        for what, sample in zip(FORBIDDEN, samples, strict=True)
        if not re.search(FORBIDDEN[what], sample)
    ] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_it_is_and_exports_nothing(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        body = parsed(path).body
        assert len(body) == 1, f"{path.relative_to(ROOT)} holds more than a docstring"
        assert isinstance(body[0], ast.Expr), f"{path.relative_to(ROOT)} has no docstring"


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "common", "helpers", "manager", "misc"}
    assert not [module for module in MODULES if module.stem in drawers]


def test_unit_tests_stay_quick() -> None:
    heavy = {"ray", "git", "torch", "subprocess"}
    for path in (ROOT / "tests" / "unit").rglob("*.py"):
        assert not heavy & set(imported(path)), path.name


def imported(path: Path) -> Iterator[str]:
    """Top-level packages a file imports."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


IN_EVERY_TASK = {"recipe", "train"}
"""Modules that each folder under trainer/tasks has."""

LONGER_FILES = {"evaluator/shim/prepare.py": "one file because it is copied beside the surface"}
LONGEST_FILE = 300
"""Lines."""

LONGEST_FUNCTION = 45
"""Lines, its docstring among them."""


def different(package: str) -> Iterator[Path]:
    """Modules of a package but those that every task, every package or every ``python -m`` has."""
    for module in MODULES:
        of_a_task = module.parts[:2] == ("trainer", "tasks") and module.stem in IN_EVERY_TASK
        if module.parts[0] == package and module.stem[0] != "_" and not of_a_task:
            yield module


def twice(names: Iterator[tuple[str, Path]]) -> dict[str, list[str]]:
    """Names that stand at more than one place, with the places."""
    places: dict[str, list[str]] = {}
    for name, module in names:
        places.setdefault(name, []).append(str(module))
    return {name: modules for name, modules in places.items() if len(modules) > 1}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_modules_of_a_package_have_one_name(package: str) -> None:
    assert twice((module.stem, module) for module in different(package)) == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_classes_of_a_package_have_one_name(package: str) -> None:
    classes = (
        (node.name, module)
        for module in different(package)
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ClassDef)
    )
    assert twice(classes) == {}


def test_a_verdict_is_the_coordinators_alone() -> None:
    verdicts = [
        module
        for module in MODULES
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ClassDef) and node.name == "Verdict"
    ]
    assert {module.parts[0] for module in verdicts} == {"coordinator"}


EXPLAINED = re.compile(r"(?:^|[.;] )([a-z_]\w*(?:, [a-z_]\w*)*): ")
"""Arguments in a docstring, before the words that explain them."""


def explained(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Arguments that a function's docstring explains."""
    text = " ".join((ast.get_docstring(function) or "").split())
    return {name for match in EXPLAINED.finditer(text) for name in match[1].split(", ")}


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    given = function.args
    more = [argument for argument in (given.vararg, given.kwarg) if argument]
    return {
        argument.arg.lstrip("_") for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, *more)
    }


def test_a_docstring_explains_arguments_that_are_there() -> None:
    assert not [
        f"{module}:{node.lineno} {node.name}: {sorted(unknown)}"
        for module in MODULES
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (unknown := explained(node) - arguments(node))
    ]


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    longer = {
        str(module): lines
        for module in MODULES
        if (lines := len((ROOT / module).read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert longer.keys() == LONGER_FILES.keys(), longer


def test_no_function_is_too_long_to_be_read_at_once() -> None:
    longer = {
        f"{module}:{node.lineno} {node.name}": lines
        for module in MODULES
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert longer == {}
