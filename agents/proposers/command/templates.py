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

from msgspec import Struct, field

FIELD = re.compile(r"\{([a-z_]+)\}")
SURFACE = "{surface}"
"""A word that is the surface's name."""
FIELDS = ("prompt", "prompt_file", "surface", "folder")
"""What a word of a command may name in braces: what to do as text, the file it stands in, the file to edit,
the folder they lie in.
"""
AIDER_COST = re.compile(r"Cost: .*\$(\d+(?:\.\d+)?) session")


class Usage(Struct, frozen=True, kw_only=True):
    """What a call used, by its own account."""

    cost_usd: float | None = None
    """None where it does not say, which is not the same as free."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Output(Struct, frozen=True):
    """What a command's stdout says."""

    text: str
    """The agent's last words, in which title and hypothesis may stand."""
    usage: Usage = Usage()
    failed: bool = False
    """It says itself that it failed, whatever its exit code."""


class Template(Struct, frozen=True, kw_only=True):
    """One coding agent."""

    command: tuple[str, ...] = ()
    """Its words; empty where they are the arm's own."""
    prompted: bool = False
    """Whether its stdin is the prompt; else it is empty."""
    shell: bool = False
    """Whether the arm's first word is a line for ``sh``, in which nothing is filled in."""
    read: Callable[[str], Output] = field(default_factory=lambda: read_plain)
    """Reads its stdout."""


def program_of(template: str | None, own: Sequence[str]) -> str:
    """The program that an arm with these settings starts; empty where it has none."""
    line = words(TEMPLATES[template] if template else Template(), tuple(own))
    return line[0] if line else ""


def words(template: Template, own: tuple[str, ...]) -> tuple[str, ...]:
    """The command line with its fields still in braces. own: the arm's ``command``."""
    return ("sh", "-c", *own) if template.shell else own or template.command


def filled(line: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Every word with its fields replaced, once."""
    return [FIELD.sub(lambda field: values.get(field[1], field[0]), word) for word in line]


def unknown_field(line: Iterable[str]) -> str | None:
    """The first of its fields that there is nothing for."""
    return next((name for word in line for name in FIELD.findall(word) if name not in FIELDS), None)


def read_claude(output: str) -> Output:
    """Of one JSON object, as ``--output-format json`` prints it; other text is taken as it is."""
    answer = _report(output)
    if answer is None:
        return Output(output)
    usage = answer.get("usage")
    tokens: dict[str, Any] = usage if isinstance(usage, dict) else {}
    prompt_tokens = sum(
        _count(tokens.get(name))
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )
    cost = Usage(
        cost_usd=_dollars(answer.get("total_cost_usd")),
        prompt_tokens=prompt_tokens,
        completion_tokens=_count(tokens.get("output_tokens")),
    )
    return Output(_words_of(answer), cost, _has_failed(answer))


def read_plain(output: str) -> Output:
    """Text as it is, unless it ends with a JSON object that says that the command failed."""
    answer = _report(output)
    failed = answer is not None and _has_failed(answer)
    return Output(_words_of(answer) or output if answer is not None and failed else output, failed=failed)


def _report(output: str) -> dict[str, Any] | None:
    """The JSON object a command ends its stdout with: all of it, its last line, or the last of a list."""
    text = output.strip()
    for part in (text, text.rpartition("\n")[2]):
        try:
            answer = json.loads(part)
        except (ValueError, RecursionError):
            continue
        last = answer[-1] if isinstance(answer, list) and answer else answer
        return last if isinstance(last, dict) else None
    return None


def _has_failed(answer: dict[str, Any]) -> bool:
    kinds = [answer.get("type"), answer.get("subtype")]
    return (
        answer.get("is_error") is True
        or any(isinstance(kind, str) and kind.startswith("error") for kind in kinds)
        or bool(answer.get("error"))
    )


def _words_of(answer: dict[str, Any]) -> str:
    """Its result, else what it says of its failure."""
    error, errors = answer.get("error"), answer.get("errors")
    candidates = [
        answer.get("result"),
        error.get("message") if isinstance(error, dict) else error,
        answer.get("message"),
        "\n".join(map(str, errors)) if isinstance(errors, list) else None,
    ]
    return next((words for words in candidates if isinstance(words, str) and words.strip()), "")


def read_aider(output: str) -> Output:
    """It prints the price of the session after every message; the last one counts."""
    costs = AIDER_COST.findall(output)
    return Output(output, Usage(cost_usd=_dollars(float(costs[-1])) if costs else None))


def _dollars(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def spread(line: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Words with one for every file in the place of ``{surface}``, each behind the option before it. No path
    can pass for an option.
    """
    said: list[str] = []
    for word in line:
        if word != SURFACE:
            said.append(word)
            continue
        option = [said.pop()] if said and said[-1].startswith("-") else []
        named = (f"./{path}" if path.startswith("-") else path for path in paths)
        said += [part for path in named for part in (*option, path)]
    return said


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
        read=read_claude,
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
        read=read_aider,
    ),
    "shell": Template(prompted=True, shell=True),
}
"""By the name an arm gives as ``template``; an arm without one runs its own words with nothing on stdin."""
