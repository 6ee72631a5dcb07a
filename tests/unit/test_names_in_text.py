"""What pages and docstrings name is there: modules, what is in them, and files."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agents", "configs", "coordinator", "deploy", "evaluator", "trainer")
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "AGENTS.md"]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SCHEMA = ROOT / "configs" / "schema.py"

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
"""A block of a page; it may show files of the reader's own."""
CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
"""What stands in backticks: one pair in a page, two in a docstring."""
DOTTED = re.compile(rf"(?<![\w/.-])(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+(?![\w/])")
"""A name that begins with a package of ours."""
FILE = re.compile(r"(?<![\w/.*<>{}-])(?:[\w.-]+/)+[\w-]+\.py\b")
"""A Python file with its folder, from the root or from the page."""


def texts(path: Path) -> Iterator[str]:
    """What a file says: a page without its blocks, or a module's docstrings, those below fields included."""
    if path.suffix == ".md":
        yield FENCE.sub("", path.read_text(encoding="utf-8"))
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def dotted(text: str) -> Iterator[str]:
    """Names of ours in backticks; the name of a file is none."""
    for code in CODE.finditer(text):
        yield from (name for name in DOTTED.findall(code[2]) if not name.endswith(".py"))


@cache
def names(module: Path) -> frozenset[str]:
    """What a module names at its top level and, dotted, in its classes."""
    return frozenset(_names(ast.parse(module.read_text(encoding="utf-8")).body))


def _names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.ClassDef(name=name, body=inner):
                yield from (name, *(f"{name}.{member}" for member in _names(inner)))
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                leaves = (leaf for target in targets for leaf in ast.walk(target))
                yield from (leaf.id for leaf in leaves if isinstance(leaf, ast.Name))


def resolves(name: str) -> bool:
    """Whether a dotted name is a package, a module, a name in a module, or a key of the configuration."""
    section, *rest = name.split(".")
    if ".".join([f"{section.title()}Config", *rest]) in names(SCHEMA):
        return True
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ROOT.joinpath(*parts[:length]).with_suffix(".py")
        if module.is_file():
            return length == len(parts) or ".".join(parts[length:]) in names(module)
    return (ROOT.joinpath(*parts) / "__init__.py").is_file()


def missing(path: Path) -> list[str]:
    """What a file names and nobody finds."""
    absent = []
    for text in texts(path):
        absent += [name for name in dotted(text) if not resolves(name)]
        absent += [
            name
            for name in FILE.findall(text)
            if not any((folder / name).is_file() for folder in (ROOT, path.parent))
        ]
    return absent


@pytest.mark.parametrize("path", [*PAGES, *MODULES], ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_text_names_is_there(path: Path) -> None:
    assert not missing(path)


def test_what_is_not_there_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`coordinator.store.journal`, `deploy.docs.__main__.made`, `coordinator.lease_ttl`, `deploy.cli`, and"
        " [this](configs/schema.py) are; `coordinator.journals`, ``configs.schema.Nothing``, `deploy/none.py`"
        " and coordinator.lease_ttl_of are not, but the last is no code.\n```\nagents/mine.py\n```\n"
    )
    assert missing(page) == ["coordinator.journals", "configs.schema.Nothing", "deploy/none.py"]
