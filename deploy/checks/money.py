"""Money before a campaign starts: arms that cost something need a cap, and it must not be spent already."""

import ipaddress
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import PurePath
from urllib.parse import urlsplit

from msgspec import ValidationError

from agents.proposers.llm.prompt import PROMPT_TOKENS
from agents.proposers.llm.provider.price_list import listed_usd
from configs.arms import CallsModels, Command, CostsMoney
from configs.errors import ConfigError, MoneySpentError
from configs.schema import Config, ModelConfig
from coordinator.rules.budget_cap import run_usd, spent_out
from coordinator.state.campaign_state import CampaignState
from coordinator.store.journal import Journal
from deploy.rules_from_config import rules_of
from deploy.wiring import layout_of
from trainer.task_loading import load_task

ANSWER_TOKENS = 2_000
"""Of an answer that changes some lines, with some thought before it. ``max_tokens`` is what is set aside for
one.
"""
AGENTS = frozenset(
    {
        *("claude", "claude-code", "codex", "aider", "gemini", "gemini-cli", "qwen", "qwen-code", "kimi"),
        *("cursor-agent", "copilot", "opencode", "goose", "amp", "crush", "droid", "auggie", "cline"),
        *("openhands", "swe-agent"),
    }
)
"""Programs of coding agents that ask models which somebody sells."""
PROGRAM = re.compile(r"[\w.@-]+(?:/[\w.@-]+)*")
"""A program's name or path in a line for a shell."""
OWN_SERVERS = frozenset(
    {
        *("ollama", "ollama_chat", "hosted_vllm", "vllm", "lm_studio", "llamafile", "xinference"),
        *("docker_model_runner", "oobabooga"),
    }
)
"""litellm's names for model servers that people run themselves."""
OWN_DOMAINS = (".local", ".localhost", ".internal", ".lan", ".home.arpa")


def require_cap(config: Config) -> None:
    """Raises ConfigError for the first arm that costs money where nothing caps it, or nothing can as nobody
    knows its price, and nobody said that this is meant.
    """
    if config.money.uncapped:
        return
    arm, what = next(paid_arms(config), ("", ""))
    if arm and not config.money.cap_usd:
        raise ConfigError(
            f"arm {arm!r} costs money ({what}), and no cap is set",
            "Set one, money.cap_usd=DOLLARS, or say `--no-cap`. What costs nothing gets two prices of 0 in"
            " `models`.",
        )
    for name, model in _unpriced(config):
        raise ConfigError(
            f"arm {name!r}: nobody knows what {model} costs, so that money.cap_usd cannot hold it",
            "Give its two prices in `models`, in USD per million tokens (0 is free), or say `--no-cap`.",
        )


def _unpriced(config: Config) -> Iterator[tuple[str, str]]:
    """Arms and their models that somebody sells at a price that neither `models` nor litellm's list says."""
    for arm in config.arms:
        if isinstance(arm, CallsModels):
            for model in arm.models:
                if proposal_usd(model, config.models) is None and not _is_own(model, arm.api_base):
                    yield arm.name, model


def require_money_left(config: Config) -> None:
    """Raises MoneySpentError where the campaign has spent its cap. Whoever opens it says what is wrong with
    its journal.
    """
    layout = layout_of(config)
    if not config.money.cap_usd or not layout.journal.is_file():
        return
    state = CampaignState()
    with (
        suppress(sqlite3.DatabaseError, ValidationError, ConfigError),
        closing(Journal.read(layout.journal)) as journal,
    ):
        for entry in journal.entries():
            state.apply(entry.event, entry.at)
    rules = rules_of(config, load_task(config.task.name))
    if why := spent_out(state, rules, run_usd(rules), "the next run"):
        raise MoneySpentError(
            f"campaign {layout.name}: {why}",
            "Go on with money.cap_usd=MORE, or start another one with --new.",
        )


def paid_arms(config: Config) -> Iterator[tuple[str, str]]:
    """Arms that cost money, as far as can be said beforehand, and what it is that costs."""
    for arm in config.arms:
        if isinstance(arm, CostsMoney) and (what := _paid(arm, config)):
            yield arm.name, what


def proposal_usd(model: str, models: dict[str, ModelConfig]) -> float | None:
    """Dollars of a proposal: by the table of the configuration, then by litellm's list; None where neither
    has a price.
    """
    terms = models.get(model)
    if terms is None or terms.input_usd_per_million is None or terms.output_usd_per_million is None:
        return listed_usd(model, PROMPT_TOKENS, ANSWER_TOKENS)
    prompt, answer = terms.input_usd_per_million, terms.output_usd_per_million
    return (PROMPT_TOKENS * prompt + ANSWER_TOKENS * answer) / 1e6


def _paid(arm: CostsMoney, config: Config) -> str:
    """What an arm pays for; empty where it is free, or a server or program of one's own without a price."""
    if isinstance(arm, CallsModels):
        return next((model for model in arm.models if _is_paid(model, arm.api_base, config)), "")
    if not isinstance(arm, Command):
        return f"proposer {arm.proposer}"
    program = PurePath(arm.command[0]).name if arm.command else ""
    own = bool(program) and not _names_agent(arm.command)
    name = arm.template or program
    return "" if own or proposal_usd(name, config.models) == 0 else name


def _names_agent(command: list[str]) -> bool:
    """Whether a word of a command is a coding agent: `npx`, `env`, `timeout` and a shell's line start them,
    too.
    """
    words = {
        PurePath(name).name.partition("@")[0].removesuffix(".cmd").removesuffix(".exe")
        for word in command
        for name in PROGRAM.findall(word)
    }
    return not words.isdisjoint(AGENTS)


def _is_paid(model: str, api_base: str | None, config: Config) -> bool:
    usd = proposal_usd(model, config.models)
    return not _is_own(model, api_base) if usd is None else usd > 0


def _is_own(model: str, api_base: str | None) -> bool:
    """Whether a model is served by a machine of one's own."""
    if api_base is None:
        return model.partition("/")[0] in OWN_SERVERS
    host = urlsplit(api_base if "//" in api_base else f"//{api_base}").hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(OWN_DOMAINS)
    return address.is_private or address.is_loopback or address.is_link_local
