"""Policies that can be compared, by their names. Pure."""

import re
from typing import Any

import msgspec

from configs.errors import ConfigError
from evaluator.policies.any_policy import KINDS, AnyPolicy

RULES = ("transfer", "propose_in")
"""Keys of ``campaign`` that are compared as if they were knobs of a policy."""


def rules_apart(words: str) -> tuple[str, dict[str, Any]]:
    """The words of a policy without ``:transfer=…`` and ``:propose_in=…``, and what these make of the rules.
    Raises ConfigError.
    """
    name, *knobs = words.split(":")
    pairs = [knob.partition("=")[::2] for knob in knobs]
    left = ":".join([name, *(f"{key}={value}" if value else key for key, value in pairs if key not in RULES)])
    changes: dict[str, Any] = {key: value for key, value in pairs if key in RULES}
    if "propose_in" in changes:
        changes["propose_in"] = changes["propose_in"].split("+")
    if changes.get("transfer", "true") not in ("true", "false"):
        raise ConfigError(f"{words}: transfer is true or false", "Write e.g. trunk:transfer=false.")
    if "transfer" in changes:
        changes["transfer"] = changes["transfer"] == "true"
    return left, changes


def named_policy(words: str, configured: AnyPolicy) -> AnyPolicy:
    """The policy of a kind, or of ``KIND:KNOB=VALUE:…``. configured: by the configuration; where it is of
    that kind, its knobs are the ones to begin with. Raises ConfigError.
    """
    name, *knobs = words.split(":")
    if name not in KINDS:
        raise ConfigError(f"there is no policy {name!r}", f"There are: {', '.join(KINDS)}.")
    kind = KINDS[name]
    values = msgspec.structs.asdict(configured) if isinstance(configured, kind) else {}
    for knob in knobs:
        key, _, value = knob.partition("=")
        if key not in kind.__struct_fields__:
            there = ", ".join(kind.__struct_fields__)
            raise ConfigError(f"policy {name} has no knob {key!r}", f"It has: {there}.")
        values[key] = re.sub(r"^(-?)\.", r"\g<1>0.", value)  # .5 as people write it
    try:
        return msgspec.convert({**values, "kind": name}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{words}: {error}", "Write a knob as NAME=VALUE, e.g. confirm:z=1.5.") from error
