"""The configured arms as proposers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import assert_never

from agents.edits.apply import SURFACE
from agents.proposers.contract import Proposer
from configs.charter import read_charter
from configs.load import ConfigError
from configs.schema import ArmConfig


def make_proposers(
    arms: Sequence[ArmConfig],
    choices: Mapping[str, list[str]],
    program: str = "default.md",
    surface: str = SURFACE,
    charter: Callable[[str], str] = read_charter,
) -> dict[str, Proposer]:
    """A proposer per arm, in the order of the configuration. What it returns can be pickled. Raises ConfigError.

    choices: the task's. program: charter of arms that name none. surface: name of the file that can change.
    charter: reads one by its name; what a brief says goes before what it read.
    """
    return {arm.name: _make(arm, choices, program, surface, charter) for arm in arms}


def _make(arm: ArmConfig, choices: Mapping[str, list[str]], program: str, surface: str, charter: Callable[[str], str]) -> Proposer:
    match arm.proposer:
        case "search":
            from agents.proposers.search import SearchProposer  # libcst: only where it is needed

            return SearchProposer(choices)
        case "scripted":
            from agents.proposers.scripted import ScriptedProposer

            return ScriptedProposer([Path(file) for file in arm.files])
        case "llm":
            return _make_llm(arm, lambda: charter(arm.program or program), surface)
        case other:
            assert_never(other)


def _make_llm(arm: ArmConfig, charter: Callable[[], str], surface: str) -> Proposer:
    """litellm itself is imported by the first call."""
    from agents.proposers.completion import Options
    from agents.proposers.litellm_completion import LitellmCompletion
    from agents.proposers.llm import LlmProposer
    from agents.proposers.persistence import Persistent

    if not arm.models:
        raise ConfigError(f"arm {arm.name!r} asks no model", "Give it `models`, for example [anthropic/NAME].")
    options = Options(api_base=arm.api_base, temperature=arm.temperature, max_tokens=arm.max_tokens, timeout=arm.timeout)
    return LlmProposer(Persistent(LitellmCompletion(), arm.models, options), charter(), surface)
