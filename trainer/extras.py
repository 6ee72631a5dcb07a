"""Packages that a plain installation leaves out: which of an extra are not here, and the command that brings
them.

The project is installed from a checkout or from a wheel of it; no index has it. So the command names the
packages themselves, which works in either case.
"""

import importlib.metadata
import importlib.util
import re
import shlex
import sys
from collections.abc import Callable, Iterable

PROJECT = "autoswarm"
NAME = re.compile(r"^[A-Za-z0-9._-]+(?:\[[^\]]*\])?")
MARKER = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def wanted_by(extra: str, requires: Iterable[str] | None = None) -> list[str]:
    """What an extra asks for, as pip takes it. requires: the project's own, as its metadata has them."""
    lines = importlib.metadata.requires(PROJECT) or [] if requires is None else requires
    split = [line.partition(";") for line in lines]
    return [
        what.strip() for what, _, marker in split if (of := MARKER.search(marker)) and of.group(1) == extra
    ]


def installed(requirement: str) -> bool:
    """Whether the distribution is here, whatever its version."""
    name = NAME.match(requirement)
    try:
        importlib.metadata.version(name.group().partition("[")[0] if name else requirement)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def missing(extra: str, here: Callable[[str], bool] = installed) -> list[str]:
    """What of an extra is not here, as pip takes it."""
    return [requirement for requirement in wanted_by(extra) if not here(requirement)]


def command(requirements: Iterable[str]) -> str:
    """What installs them into this Python, to be pasted into a shell."""
    words = [shlex.quote(requirement) for requirement in requirements]
    python = shlex.quote(sys.executable)
    pip = (
        f"{python} -m pip install" if importlib.util.find_spec("pip") else f"uv pip install --python {python}"
    )
    return f"`{pip} {' '.join(words)}`"
