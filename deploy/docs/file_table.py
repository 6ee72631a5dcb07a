"""The table of files in ``docs/architecture.md``: every module and what its docstring says first."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from trainer.process.environment import ROOT

PACKAGES = ("autoswarm", "deploy", "agents", "coordinator", "trainer", "evaluator", "configs")
"""From the top floor down."""
BEGIN, END = "<!-- files: made by `make docs` -->", "<!-- /files -->"
SURFACES = "train.py"
"""A script, whose first words are those of its own readers."""


def page(text: str) -> str:
    """``docs/architecture.md`` with the table as it is now. Raises ValueError where the page has no place for
    it.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def table() -> str:
    """A section for each folder with Python files, a line for each module in it."""
    return "\n".join("\n".join(_section(folder)) + "\n" for folder in _folders())


def _folders() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted({path.parent for path in (ROOT / package).rglob("*.py") if not of_a_box(path)})


def of_a_box(path: Path) -> bool:
    """Whether a file is of a task folder that is no package: a script of a box, not a module of ours."""
    folders = [folder for folder in path.parents if (folder / "task.yaml").is_file()]
    return any(not (folder / "__init__.py").exists() for folder in folders)


def _section(folder: Path) -> Iterator[str]:
    yield f"**{folder.relative_to(ROOT)}/** {first_sentence(folder / '__init__.py')}"
    modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    if modules:
        yield "\n| file | |"
        yield "|---|---|"
    for path in modules:
        yield f"| `{path.name}` | {first_sentence(path)} |"


def first_sentence(path: Path) -> str:
    """What a module's docstring says first, as one line without a full stop; empty where there is none."""
    if not path.exists():
        return ""
    words = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
    sentence = re.match(r"(.+?[^.])(?:\. |[.:]{1,2}$|$)", words.replace("``", "`"))
    return sentence[1].replace("|", "\\|") if sentence else ""
