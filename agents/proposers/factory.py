"""The configured arms as proposers. How a kind is made is its own business, and the kind's name says where:
``agents/proposers/<kind>.py``, or in a folder ``<kind>`` the module ``make_<kind>.py``. That module has

- ``make(arm, materials)``: the proposer, which can be pickled. Raises ConfigError where the arm says too
  little. Heavy packages are imported in it, so that a kind that nobody uses costs nothing.
- for a kind that runs a program, ``program(arm)``: what has to be on the PATH; empty where it has none. And
  where more than that is asked of a machine, ``require_here(arm)``: raises ConfigError for what it lacks.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.edits.apply import SURFACE
from agents.proposers.contract import Materials, Proposer
from agents.proposers.permits import FreePermits, Permits
from configs.arms import Arm, CostsMoney, ReadsCharter, RunsProgram
from configs.charter import read_charter


def make_proposers(
    arms: Sequence[Arm],
    choices: Mapping[str, list[str]],
    charter: str = "default.md",
    surface: str = SURFACE,
    frozen: Mapping[str, str] | None = None,
    permits: Permits | None = None,
    read: Callable[[str], str] = read_charter,
    hidden: Sequence[str] = (),
    patterns: Sequence[str] = (),
) -> dict[str, Proposer]:
    """A proposer per arm, in the order of the configuration. What it returns can be pickled. Raises
    ConfigError.

    choices: the task's. charter: name of the one of arms that name none. surface: name of the file that can
    change. frozen: files it imports, to read. permits: for arms whose calls may cost money. read: the text of
    a charter by its name; what a brief says goes before what it read. hidden: files and folders that programs
    are not to see, as absolute paths. patterns: files that can change, of a surface of several.
    """
    proposers = {}
    for arm in arms:
        materials = Materials(
            choices=choices,
            charter=read(arm.charter or charter) if isinstance(arm, ReadsCharter) else "",
            surface=surface,
            patterns=tuple(patterns),
            frozen=frozen or {},
            hidden=hidden,
            permits=permits if permits and isinstance(arm, CostsMoney) else FreePermits(),
        )
        proposers[arm.name] = _module(arm).make(arm, materials)
    return proposers


def program_of(arm: RunsProgram) -> str:
    """What an arm starts and has to be on the PATH of agents' machines; empty where it has none."""
    return str(_module(arm).program(arm))


def require_here(arm: RunsProgram) -> None:
    """Raises ConfigError for what this machine lacks to run the arm's program as configured, whether or not
    the program itself is there.
    """
    if require := getattr(_module(arm), "require_here", None):
        require(arm)


def _module(arm: Arm) -> Any:
    """Where the arm's kind is made; it is one of ``configs.arms.KINDS``, whatever a person wrote."""
    module = importlib.import_module(f"{__package__}.{arm.proposer}")
    in_a_folder = hasattr(module, "__path__")
    return importlib.import_module(f"{module.__name__}.make_{arm.proposer}") if in_a_folder else module
