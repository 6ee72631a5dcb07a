"""What tasks of several forms are made of: patterns, budgets, charters, and what boxes cannot have. Pure."""

import ast
import importlib.util
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from evaluator.box_job import BoxFile

MEASURE = "autoswarm_measure.py"
"""Name of the measuring program that is written beside what was imported."""
PROGRAMS = Path(__file__).parent / "measuring"
OVERHEAD = 30
"""Seconds of a run beside its commands: boxes start and end."""
RUNS_VARIANT = (
    "what measures runs the variant's code in its own box (`runs_variant: true`): a variant could speak for"
    " it, and every merge says so. Read a winner before you believe it"
)
BLOCKS = """
Change what stands between `EVOLVE-BLOCK-START` and `EVOLVE-BLOCK-END`, and keep both comments.
"""
UNTOLD = "(It came without a word. Write here what is searched, and what is not allowed.)"
NETWORK = frozenset({"anthropic", "boto3", "httpx", "litellm", "openai", "requests", "urllib3", "wandb"})
"""Packages that are of use with a network only."""
STOOD_IN = frozenset({"gepa", "openevolve", "shinka"})
"""Packages in whose place the measuring programs put what tasks use of them."""


def task_name(text: str) -> str:
    """A name that a task may have, from any text."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:62]
    return name or "imported"


def metric_name(text: str) -> str:
    """A name that a metric may have, from any text."""
    name = re.sub(r"[^\w.\-]+", "_", text, flags=re.ASCII)[:63]
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def patterns(paths: Iterable[str]) -> list[str]:
    """Of exactly these files."""
    return [escape(path) for path in sorted(paths)]


def measured(limit: float) -> dict[str, Any]:
    """A judge whose measuring program runs the variant's code. limit: seconds it may take."""
    measure = {"command": f"python {MEASURE}", "seconds": limit}
    return {"kind": "command", "measure": measure, "runs_variant": True}


def surface(paths: Collection[str]) -> str | list[str]:
    """What task.yaml says of such a surface: one Python file at its root is named, all else are patterns."""
    names = patterns(paths)
    if len(names) > 1 or not names[0].endswith(".py"):
        return names
    return names[0] if "/" not in names[0] else [f"{names[0][:-1]}[y]"]  # a pattern: only a name is no list


def sizes(measure: float, run: float | None = None) -> dict[str, Any]:
    """Budgets of a task. measure: seconds of all that is not `run`. run: seconds of the surface's own."""
    amount = measure if run is None else run
    cap = measure + (run or 0) + OVERHEAD
    return {
        "sizes": {"full": {"unit": "seconds", "amount": float(amount), "wall_cap": float(cap)}},
        "default_size": "full",
    }


def seconds(value: Any, key: str) -> float:
    """A time limit as somebody wrote it. key: where, for its error: ConfigError."""
    try:
        limit = float(value)
    except (TypeError, ValueError):
        limit = 0.0
    if not 0 < limit < 1e7:
        raise ConfigError(f"{key} is {str(value)[:60]!r}", "Say seconds, more than 0.")
    return limit


def program(*names: str, ends: str = "") -> BoxFile:
    """Programs of ours as one file. ends: its last lines."""
    texts = [(PROGRAMS / f"{name}.py").read_text(encoding="utf-8") for name in names]
    return BoxFile("\n\n".join([*texts, ends] if ends else texts).encode())


def require_free(files: Collection[str], *names: str) -> None:
    """Raises ConfigError where the import has a file that is to be written beside it."""
    taken = next((name for name in names if name in files), None)
    if taken is not None:
        raise ConfigError(
            f"{taken} is the name of a file that the import writes", "Rename yours, then import it again."
        )


def parsed(text: str, path: str) -> ast.Module:
    """A Python file, read and not run. Raises ConfigError."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigError(f"{path}{line} is no Python", "Correct it: it has to run as it is.") from None


def functions(tree: ast.Module) -> set[str]:
    """Names of its own functions."""
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def lacking(files: Mapping[str, BoxFile]) -> Iterator[str]:
    """What its Python files import and a box does not have, by name. Nothing is imported for it."""
    own = {part for path in files for part in Path(path).with_suffix("").parts}
    wanted: dict[str, str] = {}
    for path, file in files.items():
        for name in _imports(file.content) if path.endswith(".py") else ():
            wanted.setdefault(name, path)
    for name, path in sorted(wanted.items()):
        if name in own or name in sys.stdlib_module_names or name in STOOD_IN:
            continue
        if name in NETWORK:
            yield f"{path} imports {name}: a box has no network, so what needs one fails there"
        elif importlib.util.find_spec(name) is None:
            yield f"{path} imports {name}, which is not installed beside autoswarm: install it there"


def _imports(content: bytes) -> set[str]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def charter(title: str, description: str, surface: str, metric: str, direction: str, more: str = "") -> str:
    """A charter. description: by whoever wrote the task, as it stands there. more: paragraphs after it."""
    better = "more" if direction == "maximize" else "less"
    return f"""\
# {title}

Change {surface} so that `{metric}` gets better: {better} of it is better. What you change is run and measured
by a program that you cannot change; what it prints about itself counts for nothing.

## The task, as its author tells it

{description.strip()[:12_000] or UNTOLD}
{more}
## A good change

One idea that the measurement can contradict, larger than the noise, and small enough to read. A change that
serves the measurement and not the task is no gain: whoever merges it reads it.
"""
