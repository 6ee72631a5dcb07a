"""What configurations of the version before may still say. Each entry works for one version.

- ``program``, the key of a charter, is ``charter``: in ``campaign`` and in arms. It is taken with a warning.
- An arm as that version saved it beside a campaign holds every key of every kind. Those of other kinds never
  had an effect and are dropped, so that ``config.yaml`` of such a campaign still opens.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from configs.arms import DEFAULT_KIND, KINDS
from configs.errors import ConfigError
from configs.tree import Given

OLD, NEW = "program", "charter"
RENAMED = {f"campaign.{OLD}": f"campaign.{NEW}"}
"""Dotted keys, from old to new."""
SAVED_ARM = frozenset((
    *("name", "proposer", "files", "models", "program", "api_base", "temperature", "max_tokens", "timeout"),
    *("template", "command", "env", "weight", "strategy", "parent", "control"),
))  # fmt: skip
"""Keys of an arm as the version before saved it: all that there were."""
MIN_SAVED = 12
"""Keys by which a saved arm is told from one that somebody wrote: versions before that had 13, and people
delete lines.
"""


def with_new_names(layer: Mapping[str, Given]) -> tuple[dict[str, Given], list[str]]:
    """What one file, the environment or the overrides say, under today's keys, and where old ones stand.
    Raises ConfigError where one of them gives both.
    """
    for old, new in RENAMED.items():
        if old in layer and new in layer:
            raise _both(layer[old].place, old, new)
    places = [f"{given.place}: {key}" for key, given in layer.items() if key in RENAMED]
    renamed = {RENAMED.get(key, key): given for key, given in layer.items()}
    arms = renamed.get("arms")
    if arms is not None and isinstance(arms.value, list):
        places += [f"{arms.place}: {OLD} of arm {_name(arm)}" for arm in arms.value if _is_warned_of(arm)]
        renamed["arms"] = Given([_arm(arm, arms.place) for arm in arms.value], arms.origin)
    return renamed, places


def warning(places: Sequence[str]) -> str:
    """One line for people."""
    return (
        f"warning: the key `{OLD}` is called `{NEW}` now, and the next version takes the new name only"
        f" ({'; '.join(places)})"
    )


def _arm(arm: Any, origin: str) -> Any:
    """An arm under today's keys. What is no arm stays as it is: the schema refuses it."""
    if not isinstance(arm, dict):
        return arm
    own = _without_other_kinds(arm) if _is_saved(arm) else arm
    if OLD not in own:
        return own
    if NEW in own:
        raise _both(f"{origin}: arm {_name(arm)}", OLD, NEW)
    return {NEW if key == OLD else key: value for key, value in own.items()}


def _without_other_kinds(arm: dict[str, Any]) -> dict[str, Any]:
    if arm.get("proposer") not in list(KINDS):
        return arm
    kind = KINDS[str(arm["proposer"])]
    return {key: value for key, value in arm.items() if (NEW if key == OLD else key) in kind.model_fields}


def _is_warned_of(arm: Any) -> bool:
    """Whether a person wrote the old name into it: a saved arm has it whether it was given or not."""
    return isinstance(arm, dict) and OLD in arm and (not _is_saved(arm) or arm[OLD] is not None)


def _is_saved(arm: dict[str, Any]) -> bool:
    """Whether an earlier version wrote it down: it has nearly all keys that there were, and no other."""
    return arm.keys() <= SAVED_ARM and len(arm) >= MIN_SAVED


def _name(arm: Mapping[str, Any]) -> str:
    return repr(arm.get("name", arm.get("proposer", DEFAULT_KIND)))


def _both(origin: str, old: str, new: str) -> ConfigError:
    return ConfigError(
        f"{origin}: both {old} and {new} are given", f"Keep {new}: {old} is its name of the version before."
    )
