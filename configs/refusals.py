"""What a person is told whose configuration cannot be used: what and where, and what to do.

The value given to an unknown key is never shown: it may be a secret in the wrong place.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from configs.arms import KINDS
from configs.deprecated import NEW, OLD, RENAMED
from configs.errors import ConfigError
from configs.suggest import did_you_mean, suggestion
from configs.tree import FIELDS, ITEMS, SECTIONS, Given, meaning

SECRET = re.compile(r"key$|token|secret|passw|credential")
"""Names under which people keep secrets."""
OWN_SECRET = "campaign.secret"  # noqa: S105 - its name
"""The one secret that is a key: it opens nothing, and is not shown either."""
SHOWN_CHARS = 60
"""Of a value that is refused."""


def refused(error: ErrorDetails, given: Mapping[str, Given]) -> ConfigError:
    """The first thing the schema has against what was given."""
    arms = given.get("arms")
    match error["loc"]:
        case ("arms", int(number)) if arms and error["type"] == "union_tag_invalid":
            return _unknown_kind(error["input"], number, arms.place)
        case ("arms", int(number), str(kind), str(key)) if arms and error["type"] == "extra_forbidden":
            return _foreign_key(_arm_name(arms.value[number], number), kind, key, arms.place)
        case ("arms", int(number), str(kind), *rest) if kind in KINDS:
            return _refused_value(("arms", number, *rest), error, given, kind)
        case where:
            return _refused_value(where, error, given)


def _refused_value(
    where: tuple[int | str, ...], error: ErrorDetails, given: Mapping[str, Given], kind: str = ""
) -> ConfigError:
    key = ".".join(str(part) for part in where)
    words = [part for part in where if isinstance(part, str)]
    field = ".".join(words if words[0] != "models" or len(words) < 3 else ("models", words[-1]))
    origin = next(value.place for name, value in given.items() if key == name or key.startswith(f"{name}."))
    if error["type"] == "extra_forbidden":
        return unknown_key(field, origin)
    if error["type"] == "missing":
        return ConfigError(f"{origin}: {key} is missing", f"Add it: {meaning(field, kind)}")
    wanted = error["msg"].partition(" should ")[2] or error["msg"]
    near = ""
    if error["type"] == "literal_error":
        near = suggestion(str(error["input"]), re.findall(r"'([^']*)'", wanted))
    value = "not shown" if key == OWN_SECRET else shown(error["input"])
    return ConfigError(
        f"{origin}: {key} is {value} and should {wanted}",
        f"{near}Correct it: {meaning(field, kind) or meaning(words[0])}",
    )


def unknown_key(key: str, origin: str) -> ConfigError:
    """Of a dotted key that there is not."""
    what = f"{origin}: unknown key {key if key.isprintable() else repr(key)}"
    if key in ITEMS:
        section, _, name = key.partition(".")
        return ConfigError(what, f"{name} is a key of an entry of {section}: give it there.")
    near = did_you_mean(key, [*FIELDS, *SECTIONS, *RENAMED]) or did_you_mean(key, ITEMS)
    if _is_secret(key, near):
        return _secret(what)
    meant = f"Did you mean {RENAMED.get(near, near)}? " if near else ""
    return ConfigError(what, meant + "`autoswarm config show` lists every key.")


def refused_section(section: str, value: Any, origin: str) -> ConfigError:
    """Of a section to which a value is given; None where it is not to be shown."""
    keys = ", ".join(key for key in FIELDS if key.startswith(f"{section}."))
    what = "is a section" if value is None else f"is {shown(value)} and should be a section"
    return ConfigError(f"{origin}: {section} {what}", f"Name its keys: {keys}.")


def shown(value: Any) -> str:
    """A value, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 3]}..."


def _unknown_kind(arm: Mapping[str, Any], number: int, origin: str) -> ConfigError:
    kind = arm.get("proposer")
    return ConfigError(
        f"{origin}: arm {_arm_name(arm, number)}: there is no proposer {shown(kind)}",
        f"{suggestion(str(kind), KINDS)}There are {', '.join(KINDS)}.",
    )


def _foreign_key(arm: str, kind: str, key: str, origin: str) -> ConfigError:
    """Of a key that is no key of this kind of arm: another kind's, mistyped, or nobody's."""
    name = key if key.isprintable() else repr(key)
    what = f"{origin}: arm {arm}: `{name}` is no key of {_a(kind)} arm"
    others = [name for name, other in KINDS.items() if key in other.model_fields]
    if others:
        return ConfigError(
            what, f"It is a key of {' and '.join(others)}: say `proposer: {others[0]}`, or take it out."
        )
    own = list(KINDS[kind].model_fields)
    near = _meant(key, own)
    if _is_secret(key, did_you_mean(key, [name for other in KINDS.values() for name in other.model_fields])):
        return _secret(what)
    keys = f"Its keys are {', '.join(own)}."
    if near is None:
        return ConfigError(what, keys)
    others = [] if near in own else [name for name, other in KINDS.items() if near in other.model_fields]
    of = f", a key of {' and '.join(others)}" if others else ""
    return ConfigError(what, f"Did you mean `{near}`{of}? {keys}")


def _meant(key: str, own: list[str]) -> str | None:
    """The key of some kind of arm that a mistyped one is nearest to, one of its own kind first."""
    foreign = [name for kind in KINDS.values() for name in kind.model_fields]
    near = did_you_mean(key, own) or did_you_mean(key, [*foreign, OLD])
    if near is None:  # with what all keys have in common, shorter ones may be further off
        near = (did_you_mean(f"arms.{key}", [f"arms.{name}" for name in own]) or "").removeprefix(
            "arms."
        ) or None
    return NEW if near == OLD else near


def _is_secret(key: str, near: str | None) -> bool:
    """Whether people keep secrets under such a name; ``max_token`` is only mistyped. near: the key it is
    nearest to.
    """
    mistyped = near is not None and SECRET.search(near) is not None
    if near == OWN_SECRET:  # many keys of providers are near to it
        mistyped = key.startswith("campaign.")
    return SECRET.search(key.lower()) is not None and not mistyped


def _secret(what: str) -> ConfigError:
    return ConfigError(
        what, "A secret belongs in the environment or in .env under the name its provider uses."
    )


def _arm_name(arm: Any, number: int) -> str:
    name = arm.get("name") if isinstance(arm, Mapping) else None
    return shown(name) if isinstance(name, str) else f"number {number + 1}"


def _a(kind: str) -> str:
    """A kind with its article. One without a vowel is spelled out when it is said: an llm."""
    spelled = not re.search("[aeiou]", kind)
    return f"{'an' if kind[0] in ('aefhilmnorsx' if spelled else 'aeiou') else 'a'} {kind}"
