"""What models cost by litellm's price list, which is read as a file: no import, no network.

- A price is that of exactly the model that is asked. litellm itself takes a relative's for a name it does not
  know, and the price of the model that a reply names; here a name that is not on the list has no price.
- What the list says is free has no price here either: it says so of models whose price it does not know.
"""

import importlib.util
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

FILE = "model_prices_and_context_window_backup.json"
PROMPT_PRICE, ANSWER_PRICE = "input_cost_per_token", "output_cost_per_token"
TIER = re.compile(r"_above_(\d+)k_tokens")
"""Prices of long prompts: the whole call costs them once its prompt is longer than so many thousand."""


class ListedPrice(Struct, frozen=True):
    """Dollars per token."""

    prompt_usd: float
    answer_usd: float


def listed_usd(model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
    """Dollars of so many tokens by the list; None where it has no price for the model. model: by litellm's
    name, PROVIDER/MODEL.
    """
    entry = _entry(_price_list(), model)
    if entry is None:
        return None
    price = _price(entry, prompt_tokens)
    return prompt_tokens * price.prompt_usd + completion_tokens * price.answer_usd


def _entry(prices: Mapping[str, Mapping[str, Any]], model: str) -> Mapping[str, Any] | None:
    """Of the model under its whole name, or under its own name where the list gives it to this provider."""
    provider, _, name = model.partition("/")
    entry = prices.get(model)
    if entry is None and name and _is_of(prices.get(name, {}), provider):
        entry = prices[name]
    return entry if entry is not None and _price(entry, 0) != ListedPrice(0.0, 0.0) else None


def _is_of(entry: Mapping[str, Any], provider: str) -> bool:
    """``vertex_ai`` has entries of ``vertex_ai-language-models``, ``bedrock`` of ``bedrock_converse``."""
    listed = str(entry.get("litellm_provider", ""))
    return bool(provider) and re.fullmatch(rf"{re.escape(provider)}([-_].*)?", listed) is not None


def _price(entry: Mapping[str, Any], prompt_tokens: int) -> ListedPrice:
    return ListedPrice(_of(entry, PROMPT_PRICE, prompt_tokens), _of(entry, ANSWER_PRICE, prompt_tokens))


def _of(entry: Mapping[str, Any], name: str, prompt_tokens: int) -> float:
    """Dollars per token at this length of a prompt."""
    tiers = {int(match[1]): key for key in entry if (match := TIER.fullmatch(key.removeprefix(name)))}
    thousands = max((tier for tier in tiers if prompt_tokens > tier * 1000), default=None)
    usd = entry.get(name if thousands is None else tiers[thousands])
    return float(usd) if isinstance(usd, int | float) else 0.0


@cache
def _price_list() -> Mapping[str, Mapping[str, Any]]:
    """Empty where litellm is not there, or has moved its list."""
    spec = importlib.util.find_spec("litellm")
    folders = spec.submodule_search_locations if spec is not None else None
    try:
        prices = json.loads((Path(folders[0]) / FILE).read_bytes()) if folders else {}
    except (OSError, ValueError):
        return {}
    return {name: entry for name, entry in prices.items() if isinstance(entry, dict)}
