"""Command lines of known coding agents, and what can be read from their output. A table: an arm's ``command``
replaces its words.

Options as of the agents' manuals in 2026: without a person to ask, free to edit files, not free to run
programs where that can be said.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

FIELD = re.compile(r"\{([a-z_]+)\}")
FIELDS = ("prompt", "prompt_file", "surface", "folder")
"""What a word of a command may name in braces: what to do as text, the file it stands in, the file to edit,
the folder they lie in.
"""
AIDER_COST = re.compile(r"Cost: .*\$(\d+(?:\.\d+)?) session")


class Usage(Struct, frozen=True, kw_only=True):
    """What a call used, by its own account. cost_usd: None where it does not say, which is not the same as
    free.
    """

    cost_usd: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Heard(Struct, frozen=True):
    """What a command's stdout says. text: the agent's last words, in which title and hypothesis may stand."""

    text: str
    usage: Usage = Usage()


class Template(Struct, frozen=True, kw_only=True):
    """One coding agent.

    command: its words; empty where they are the arm's own. prompted: whether its stdin is the prompt, else it
    is empty. shell: the arm's first word is a line for ``sh``, in which nothing is filled in. hear: reads its
    stdout.
    """

    command: tuple[str, ...] = ()
    prompted: bool = False
    shell: bool = False
    hear: Callable[[str], Heard] = Heard


def program_of(template: str | None, own: Sequence[str]) -> str:
    """The program that an arm with these settings starts; empty where it has none."""
    line = words(TEMPLATES[template] if template else Template(), tuple(own))
    return line[0] if line else ""


def words(template: Template, own: tuple[str, ...]) -> tuple[str, ...]:
    """The command line with its fields still in braces. own: the arm's ``command``."""
    return ("sh", "-c", *own) if template.shell else own or template.command


def filled(line: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    """Every word with its fields replaced, once."""
    return [FIELD.sub(lambda found: values.get(found[1], found[0]), word) for word in line]


def unknown_field(line: Iterable[str]) -> str | None:
    """The first of its fields that there is nothing for."""
    return next((name for word in line for name in FIELD.findall(word) if name not in FIELDS), None)


def hear_claude(output: str) -> Heard:
    """Of one JSON object, as ``--output-format json`` prints it; other text is taken as it is."""
    try:
        said = json.loads(output.strip().rpartition("\n")[2])
    except (ValueError, RecursionError):
        return Heard(output)
    if not isinstance(said, dict):
        return Heard(output)
    usage = said.get("usage")
    tokens: dict[str, Any] = usage if isinstance(usage, dict) else {}
    read = sum(
        _count(tokens.get(name))
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )
    cost = Usage(
        cost_usd=_dollars(said.get("total_cost_usd")),
        prompt_tokens=read,
        completion_tokens=_count(tokens.get("output_tokens")),
    )
    text = said.get("result")
    return Heard(text if isinstance(text, str) else "", cost)


def hear_aider(output: str) -> Heard:
    """It tells the price of the session after every message; the last one counts."""
    told = AIDER_COST.findall(output)
    return Heard(output, Usage(cost_usd=_dollars(float(told[-1])) if told else None))


def _dollars(said: object) -> float | None:
    return (
        float(said)
        if isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said) and said >= 0
        else None
    )


def _count(said: object) -> int:
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else 0


TEMPLATES: dict[str, Template] = {
    "claude-code": Template(
        command=(
            "claude",
            "-p",
            "--permission-mode",
            "acceptEdits",
            "--output-format",
            "json",
            "--no-session-persistence",
        ),
        prompted=True,
        hear=hear_claude,
    ),
    "codex": Template(
        command=(
            "codex",
            "exec",
            "--sandbox",
            "workspace-write",
            "--skip-git-repo-check",
            "--ephemeral",
            "--color",
            "never",
            "-",
        ),
        prompted=True,
    ),
    "aider": Template(
        command=(
            *(
                "aider",
                "--message-file",
                "{prompt_file}",
                "--yes-always",
                "--no-auto-commits",
                "--no-dirty-commits",
                "--no-gitignore",
            ),
            *(
                "--no-suggest-shell-commands",
                "--no-detect-urls",
                "--no-check-update",
                "--no-show-release-notes",
                "--no-analytics",
            ),
            *(
                "--no-show-model-warnings",
                "--no-pretty",
                "--no-stream",
                "--read",
                "program.md",
                "--read",
                "brief.md",
                "--file",
                "{surface}",
            ),
        ),
        hear=hear_aider,
    ),
    "shell": Template(prompted=True, shell=True),
}
"""By the name an arm gives as ``template``; an arm without one runs its own words with nothing on stdin."""
