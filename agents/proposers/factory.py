"""The configured arms as proposers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import assert_never

from agents.edits.apply import SURFACE
from agents.proposers.contract import Proposer
from agents.proposers.permits import Permits
from configs.charter import read_charter
from configs.load import ConfigError, did_you_mean
from configs.schema import ArmConfig


def make_proposers(
    arms: Sequence[ArmConfig],
    choices: Mapping[str, list[str]],
    program: str = "default.md",
    surface: str = SURFACE,
    frozen: Mapping[str, str] | None = None,
    permits: Permits | None = None,
    charter: Callable[[str], str] = read_charter,
) -> dict[str, Proposer]:
    """A proposer per arm, in the order of the configuration. What it returns can be pickled. Raises
    ConfigError.

    choices: the task's. program: charter of arms that name none. surface: name of the file that can change.
    frozen: files it imports, to read. purse: allows and counts calls of models. charter: reads one by its
    name; what a brief says goes before what it read.
    """
    return {
        arm.name: _make(arm, choices, lambda own: charter(own or program), surface, frozen or {}, permits)
        for arm in arms
    }


def _make(
    arm: ArmConfig,
    choices: Mapping[str, list[str]],
    charter: Callable[[str | None], str],
    surface: str,
    frozen: Mapping[str, str],
    permits: Permits | None,
) -> Proposer:
    match arm.proposer:
        case "search":
            from agents.proposers.search.search_proposer import (
                SearchProposer,
            )  # libcst: only where it is needed

            return SearchProposer(choices)
        case "scripted":
            from agents.proposers.scripted import ScriptedProposer

            return ScriptedProposer([Path(file) for file in arm.files])
        case "llm":
            return _make_llm(arm, charter, surface, permits)
        case "command":
            return _make_command(arm, charter, surface, frozen, permits)
        case other:
            assert_never(other)


def _make_llm(
    arm: ArmConfig, charter: Callable[[str | None], str], surface: str, permits: Permits | None
) -> Proposer:
    """litellm itself is imported by the first call."""
    from agents.proposers.llm.completion import Options
    from agents.proposers.llm.litellm_completion import LitellmCompletion
    from agents.proposers.llm.llm_proposer import LlmProposer
    from agents.proposers.llm.retry import FallbackModels

    if not arm.models:
        raise ConfigError(
            f"arm {arm.name!r} asks no model", "Give it `models`, for example [anthropic/NAME]."
        )
    options = Options(
        api_base=arm.api_base, temperature=arm.temperature, max_tokens=arm.max_tokens, timeout=arm.timeout
    )
    return LlmProposer(
        FallbackModels(LitellmCompletion(), arm.models, options), charter(arm.program), surface, permits
    )


def _make_command(
    arm: ArmConfig,
    charter: Callable[[str | None], str],
    surface: str,
    frozen: Mapping[str, str],
    permits: Permits | None,
) -> Proposer:
    """Whether its program is there is asked where it runs, with every brief: agents live on other
    machines.
    """
    from agents.proposers.command.command_proposer import CommandOrder, CommandProposer
    from agents.proposers.command.templates import FIELDS, TEMPLATES, unknown_field

    shell = arm.template is not None and TEMPLATES[arm.template].shell
    if not arm.command and (arm.template is None or shell):
        raise ConfigError(
            f"arm {arm.name!r} runs no command",
            "Give it `command`, or `template`, for example template: claude-code.",
        )
    if not shell and (odd := unknown_field(arm.command)):
        near = did_you_mean(odd, FIELDS)
        raise ConfigError(
            f"arm {arm.name!r}: there is nothing to put in place of {{{odd}}}",
            f"{f'Did you mean {{{near}}}? ' if near else ''}There are"
            f" {', '.join(f'{{{name}}}' for name in FIELDS)}.",
        )
    order = CommandOrder(
        template=arm.template, command=tuple(arm.command), env=tuple(arm.env), timeout=arm.timeout
    )
    return CommandProposer(order, charter(arm.program), frozen, surface, permits=permits)
