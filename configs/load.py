"""Reading configuration. The only module that imports yaml.

- A value comes from the schema's defaults, then YAML files from left to right, then ``AUTOSWARM_A__B`` in the
  environment, then ``a.b=value`` on the command line; the last one wins. Sections are merged key by key,
  lists are replaced whole.
- Where each value came from is kept (``Loaded.origins``) and named in every error.
- An unknown key is an error, and the value given to it is never shown: it may be a secret in the wrong place.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from msgspec import Struct
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from configs.errors import ConfigError as ConfigError
from configs.reserved import PERSON
from configs.schema import Config, ModelConfig, Section

SHIPPED = Path(__file__).parent
"""Folder of the YAML files that come with autoswarm."""

PREFIX = "AUTOSWARM_"
DEFAULT = "default"


class Loaded(Struct, frozen=True):
    """A configuration and where it came from.

    origins: for every dotted key of the tree ``default``, the file's name, the environment variable's name,
    or the ``key=value`` as given.
    """

    config: Config
    origins: dict[str, str]


class _Given(Struct, frozen=True):
    """One value somebody wrote down, and where."""

    value: Any
    origin: str


def load(files: Sequence[str | Path], overrides: Sequence[str], environ: Mapping[str, str]) -> Loaded:
    """The configuration of these files, this environment and these ``key=value`` overrides.

    A file name without a folder, with or without ``.yaml``, is looked for among the shipped files first
    (``./demo.yaml`` is always your own). Raises ConfigError for what cannot be read, an unknown key, a value
    of the wrong type and for values that contradict each other.
    """
    given: dict[str, _Given] = {}
    for file in files:
        path = _find(file)
        origin = f"configs/{path.name}" if path.parent == SHIPPED else str(path)
        given.update(_flatten(read_yaml(path), "", origin))
    given.update(_from_environment(environ))
    given.update(_from_overrides(overrides))
    loaded = Loaded(
        _validated(given), {key: given[key].origin if key in given else DEFAULT for key in FIELDS}
    )
    _refuse_contradictions(loaded)
    return loaded


def resolved_yaml(loaded: Loaded) -> str:
    """The whole tree as YAML that ``load`` reads back to an equal configuration; written beside the
    campaign.
    """
    return yaml.safe_dump(loaded.config.model_dump(), sort_keys=False, allow_unicode=True)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The nearest of ``known`` to a mistyped ``word``, or None. Of dotted keys the last part alone will do:
    ``seed`` finds ``campaign.seed``.
    """
    names: dict[str, str] = {key: key for key in known}
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.7)
    if not close:
        for key in list(names):
            names.setdefault(_tail(key), key)
        close = difflib.get_close_matches(_tail(word), names, n=1, cutoff=0.7)
    return names[close[0]] if close else None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError when it cannot be read or is no mapping."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", "Check the path and its permissions."
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date, bytes that are not UTF-8
        raise ConfigError(
            f"cannot read {path}: {_one_line(error)}", "Correct the file: it should be valid YAML in UTF-8."
        ) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"{path} holds a {type(loaded).__name__}, not a mapping", "Write it as key: value lines."
        )
    return loaded


def _fields(section: type[Section], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _items(fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, FieldInfo]]:
    """Keys inside the items of lists of sections: ``arms.weight``."""
    for key, field in fields.items():
        for item in get_args(field.annotation):
            if isinstance(item, type) and issubclass(item, Section):
                yield from _fields(item, f"{key}.")


FIELDS: dict[str, FieldInfo] = dict(_fields(Config))
"""Every key that can be set, dotted, in the schema's order."""
ITEMS: dict[str, FieldInfo] = dict(_items(FIELDS))
SECTIONS = frozenset(key.partition(".")[0] for key in FIELDS if "." in key)


def _find(file: str | Path) -> Path:
    path = Path(file)
    if path.parent == Path():
        for name in (path.name, f"{path.name}.yaml"):
            if name.endswith(".yaml") and (SHIPPED / name).is_file() and not str(file).startswith("."):
                return SHIPPED / name
    if not path.exists():
        shipped = sorted(each.stem for each in SHIPPED.glob("*.yaml"))
        near = did_you_mean(path.stem, shipped)
        raise ConfigError(
            f"there is no configuration file {str(file)!r}",
            _suggest(near) + f"Shipped with autoswarm: {', '.join(shipped)}.",
        )
    return path


def _flatten(mapping: Mapping[Any, Any], prefix: str, origin: str) -> Iterator[tuple[str, _Given]]:
    """Dotted keys of a nested mapping. A section left empty, as when all its lines are commented out, says
    nothing.
    """
    for name, value in mapping.items():
        key = f"{prefix}{name}"
        if key in FIELDS:
            yield key, _Given(value, origin)
        elif key not in SECTIONS:
            raise _unknown(key, origin)
        elif isinstance(value, Mapping):
            yield from _flatten(value, f"{key}.", origin)
        elif value is not None:
            raise ConfigError(f"{origin}: {key} is {_shown(value)} and should be a section", _name_a_key(key))


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if name != variable and "__" in name:
            key = name.lower().replace("__", ".")
            yield key, _Given(_parsed(key, environ[variable], variable), variable)


def _from_overrides(overrides: Sequence[str]) -> Iterator[tuple[str, _Given]]:
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"{override!r} is not key=value", "Write for example campaign.seed=3.")
        yield key, _Given(_parsed(key, text, f"{key}=…"), override)


def _parsed(key: str, text: str, origin: str) -> Any:
    """A value given as text: read as YAML, but kept as text where the schema wants text and YAML would see a
    number, a date or a boolean.
    """
    if key in SECTIONS:
        raise ConfigError(f"{origin}: {key} is a section", _name_a_key(key))
    if key not in FIELDS:
        raise _unknown(key, origin)
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        value = text
    kind = FIELDS[key].annotation
    stays_text = kind is str or (kind == str | None and value is not None)
    return text if stays_text and not isinstance(value, str) else value


def _validated(given: Mapping[str, _Given]) -> Config:
    tree: dict[str, Any] = {}
    for key, each in given.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = each.value
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise _refused(error.errors()[0], given) from None  # pydantic's own text shows whole inputs


def _refused(error: ErrorDetails, given: Mapping[str, _Given]) -> ConfigError:
    key = ".".join(str(part) for part in error["loc"])
    field = ".".join(part for part in error["loc"] if isinstance(part, str))
    origin = next(each.origin for name, each in given.items() if key == name or key.startswith(f"{name}."))
    if error["type"] == "extra_forbidden":
        return _unknown(field, origin)
    if error["type"] == "missing":
        return ConfigError(f"{origin}: {key} is missing", f"Add it: {_meaning(field)}")
    wanted = error["msg"].partition(" should ")[2] or error["msg"]
    near = (
        did_you_mean(str(error["input"]), re.findall(r"'([^']*)'", wanted))
        if error["type"] == "literal_error"
        else None
    )
    return ConfigError(
        f"{origin}: {key} is {_shown(error['input'])} and should {wanted}",
        f"{_suggest(near)}Correct it: {_meaning(field)}",
    )


def _refuse_contradictions(loaded: Loaded) -> None:
    names = [arm.name for arm in loaded.config.arms]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"{loaded.origins['arms']}: two arms are named {twice!r}",
            "Give every arm a name of its own: results are compared by it.",
        )
    if PERSON in names:
        raise ConfigError(
            f"{loaded.origins['arms']}: an arm is named {PERSON!r}",
            "Give it another name: that is the arm of `autoswarm propose`.",
        )
    _refuse_arm_choice(loaded.config)
    _refuse_handed_on(loaded)
    half = next((name for name, model in loaded.config.models.items() if _half_priced(model)), None)
    if half is not None:
        what = f"{loaded.origins['models']}: model {half} has one of its two prices"
        raise ConfigError(
            what, "Give input_usd_per_million and output_usd_per_million, or neither. 0 is free."
        )
    coordinator = loaded.config.coordinator
    if coordinator.heartbeat >= coordinator.lease_ttl:
        what = (
            f"coordinator.heartbeat ({coordinator.heartbeat:g} s) is not shorter than coordinator.lease_ttl"
            f" ({coordinator.lease_ttl:g} s)"
        )
        raise ConfigError(what, "Every lease would be lost. Let the lease live for several heartbeats.")


def _refuse_arm_choice(config: Config) -> None:
    campaign = config.campaign
    if campaign.arm_choice != "bandit":
        return
    if campaign.lookahead:
        what = (
            f"campaign.arm_choice=bandit with campaign.lookahead={campaign.lookahead}: what arms cost hangs"
            " on how fast slots are"
        )
        raise ConfigError(
            what,
            "In step the same seed must give the same verdicts: take arm_choice=weights, or lookahead=0.",
        )
    floors = sum(
        max(campaign.arm_floor, campaign.control_floor) if arm.control else campaign.arm_floor
        for arm in config.arms
    )
    if floors > 1:
        what = f"the least shares of {len(config.arms)} arms come to {floors:.0%} of the briefs"
        raise ConfigError(what, "Lower campaign.arm_floor or campaign.control_floor, or take arms out.")


def _refuse_handed_on(loaded: Loaded) -> None:
    """Of what commands are given from the environment: values in place of names, which are not shown, and
    Ray's own.
    """
    for arm in loaded.config.arms:
        where = f"{loaded.origins['arms']}: env of arm {arm.name!r}"
        if not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in arm.env):
            raise ConfigError(
                f"{where} holds something that is no variable's name",
                "Write names alone; their values come from the environment.",
            )
        if any(name.upper().startswith("RAY_") for name in arm.env):
            raise ConfigError(
                f"{where} hands on a variable of Ray's",
                "Leave it out: with it a command could join the cluster.",
            )


def _half_priced(model: ModelConfig) -> bool:
    return (model.input_usd_per_million is None) != (model.output_usd_per_million is None)


def _unknown(key: str, origin: str) -> ConfigError:
    if re.search(r"key$|token|secret|passw|credential", key.lower()):
        return ConfigError(
            f"{origin}: unknown key {key}",
            "A secret belongs in the environment or in .env under the name its provider uses.",
        )
    near = did_you_mean(key, [*FIELDS, *ITEMS, *SECTIONS])
    return ConfigError(
        f"{origin}: unknown key {key}", _suggest(near) + "`autoswarm config show` lists every key."
    )


def _suggest(near: str | None) -> str:
    return f"Did you mean {near}? " if near else ""


def _name_a_key(section: str) -> str:
    return f"Name its keys: {', '.join(key for key in FIELDS if key.startswith(f'{section}.'))}."


def _meaning(key: str) -> str:
    field = FIELDS.get(key) or ITEMS.get(key)
    return " ".join((field.description or "").split()) if field else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _tail(key: str) -> str:
    return key.rpartition(".")[2]
