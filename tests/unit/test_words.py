"""One word, one meaning: what the glossary replaced stays replaced, in code and in docs."""

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
    if path.name != "train.py" and not SCRIPTS & set(path.parents)
)
DOCS = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
    if path.name != "CHANGELOG.md"
)

NO_NAMES = {
    *("persistence", "persistent", "insist", "insistence", "patience", "purse", "till", "reservations"),
    *(
        "guidance",
        "guiding",
        "ledger",
        "soft",
        "reception",
        "hindsight",
        "glance",
        "weave",
        "woven",
        "earnings",
    ),
    *("pulse", "passage", "warming", "staircase", "mend", "mends", "mended", "mendable", "mending"),
    *("surrender", "hopeless", "exchange", "exchanges", "owner"),
}
"""Not a word of any name: of a module, class, function, attribute, argument or variable."""
NO_TITLES = {
    "choosing",
    "deciding",
    "leasing",
    "proposing",
    "remembering",
    "spending",
    "figures",
    "moves",
} | {
    *(
        "course",
        "ending",
        "effects",
        "parts",
        "plain",
        "exits",
        "letters",
        "letter",
        "pace",
        "rulebook",
    )
}
"""Not a word of the name of a module or class."""
NO_LOCALS = {"told", "known", "seen", "found", "lot", "each"}
"""Not the name of anything: say what it is."""
NO_PROSE = {
    *(
        "purse",
        "till",
        "insists?",
        "insistence",
        "patience",
        "hindsight",
        "at a glance",
        "weave",
        "woven",
        "earnings",
    ),
    *("ledger", "staircase", "pulse", "mends?", "mended", "mending", "surrender", "in step", "in lockstep"),
    *("a lot", "hangs? on", "reception"),
}
"""In no document, docstring, comment or message. Regular expressions of whole words."""

ENCODED = re.compile(r'name="\w+"')
"""The name of a field in the journal, which stays what it was."""


def words(name: str) -> set[str]:
    """``_pickUpTheRun`` and ``pick_up_the_run`` have the same words."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def names(module: Path) -> Iterator[str]:
    """Every name a module gives to something."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case (
                ast.arg(arg=name)
                | ast.Name(id=name, ctx=ast.Store())
                | ast.Attribute(attr=name, ctx=ast.Store())
            ):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name


def titles(module: Path) -> Iterator[str]:
    """The module's own name and those of its classes."""
    yield module.stem
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_brings_back_a_replaced_word(package: str) -> None:
    modules = [module for module in MODULES if module.parts[0] == package]
    given = [(module, name) for module in modules for name in (*titles(module), *names(module))]
    assert not sorted({f"{module}: {name}" for module, name in given if words(name) & NO_NAMES})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_or_class_brings_one_back(package: str) -> None:
    modules = [module for module in MODULES if module.parts[0] == package]
    given = [(module, title) for module in modules for title in titles(module)]
    assert not sorted({f"{module}: {title}" for module, title in given if words(title) & NO_TITLES})


@pytest.mark.parametrize("package", PACKAGES)
def test_a_variable_says_what_it_holds(package: str) -> None:
    modules = [module for module in MODULES if module.parts[0] == package]
    assert not sorted(
        {f"{module}: {name}" for module in modules for name in names(module) if name in NO_LOCALS}
    )


@pytest.mark.parametrize("path", [*MODULES, *DOCS], ids=str)
def test_no_text_brings_a_replaced_word_back(path: Path) -> None:
    pattern = re.compile(rf"\b(?:{'|'.join(NO_PROSE)})\b", re.IGNORECASE)
    text = ENCODED.sub("", (ROOT / path).read_text(encoding="utf-8"))
    lines = enumerate(text.splitlines(), start=1)
    assert not [f"{number}: {line.strip()}" for number, line in lines if pattern.search(line)]


def test_names_are_split_into_their_words() -> None:
    assert words("FreePurse") == words("_free_purse") == {"free", "purse"}
    assert words("HTTPServer") == {"http", "server"}
