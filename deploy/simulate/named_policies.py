"""Policies that can be compared, by their names. Pure."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from configs.errors import ConfigError
from evaluator.policies.any_policy import KINDS, AnyPolicy


class ApartFromPolicies(Struct, frozen=True):
    """What can be compared as if it were a knob of a policy; see configs/schema.py for each."""

    transfer: bool | UnsetType = UNSET
    propose_in: list[str] | UnsetType = UNSET
    combine: bool | UnsetType = UNSET
    early_stop_at: Annotated[float, Meta(ge=0, lt=1)] | UnsetType = UNSET
    early_stop_audit: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    check_every: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


RULES = ApartFromPolicies.__struct_fields__


def rules_apart(words: str) -> tuple[str, dict[str, Any]]:
    """The words of a policy without ``:transfer=…`` and the like, and what these make of the rules. Raises
    ConfigError.
    """
    name, *knobs = words.split(":")
    pairs = [knob.partition("=")[::2] for knob in knobs]
    left = ":".join([name, *(f"{key}={value}" if value else key for key, value in pairs if key not in RULES)])
    given: dict[str, Any] = {key: _number(value) for key, value in pairs if key in RULES}
    if "propose_in" in given:
        given["propose_in"] = given["propose_in"].split("+")
    for key in ("transfer", "combine"):
        if given.get(key, "true") not in ("true", "false"):
            raise ConfigError(f"{words}: {key} is true or false", f"Write e.g. trunk:{key}=false.")
    try:
        return left, msgspec.to_builtins(msgspec.convert(given, ApartFromPolicies, strict=False))
    except msgspec.ValidationError as error:
        raise ConfigError(f"{words}: {error}", "Write e.g. trunk:early_stop_at=.4.") from error


def _number(words: str) -> str:
    """``0.5`` of .5 as people write it."""
    return re.sub(r"^(-?)\.", r"\g<1>0.", words)


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
        values[key] = _number(value)
    try:
        return msgspec.convert({**values, "kind": name}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{words}: {error}", "Write a knob as NAME=VALUE, e.g. confirm:z=1.5.") from error
