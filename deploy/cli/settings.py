"""The configuration key by key: values, where each came from, what each means."""

from typing import Any

from configs.load import Loaded
from configs.tree import FIELDS, meaning


def listed(loaded: Loaded, origin: bool, explain: bool) -> dict[str, str]:
    """For every dotted key its value in words, and what else was asked for."""
    tree = loaded.config.model_dump()
    return {key: "   ".join([_shown(tree, key), *_remarks(loaded, key, origin, explain)]) for key in FIELDS}


def _shown(tree: dict[str, Any], key: str) -> str:
    section, _, name = key.rpartition(".")
    value = (tree[section] if section else tree)[name]
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _remarks(loaded: Loaded, key: str, origin: bool, explain: bool) -> list[str]:
    where = [f"({loaded.origins[key]})"] if origin else []
    return where + ([meaning(key)] if explain else [])
