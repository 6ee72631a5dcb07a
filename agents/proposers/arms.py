"""The configured arms as proposers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never

from agents.proposers.contract import Proposer
from configs.schema import ArmConfig


def make_proposers(arms: Sequence[ArmConfig], choices: Mapping[str, list[str]]) -> dict[str, Proposer]:
    """A proposer per arm, in the order of the configuration. choices: the task's. Raises ConfigError. What it returns can be pickled."""
    return {arm.name: _make(arm, choices) for arm in arms}


def _make(arm: ArmConfig, choices: Mapping[str, list[str]]) -> Proposer:
    match arm.proposer:
        case "search":
            from agents.proposers.search import SearchProposer  # libcst: only where it is needed

            return SearchProposer(choices)
        case "scripted":
            from agents.proposers.scripted import ScriptedProposer

            return ScriptedProposer([Path(file) for file in arm.files])
        case other:
            assert_never(other)
