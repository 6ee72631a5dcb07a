"""Where values come from: files, the environment, ``key=value`` overrides. Each becomes a layer, a mapping of
dotted keys; the last layer wins.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.deprecated import RENAMED
from configs.errors import ConfigError
from configs.refusals import refused_section, unknown_key
from configs.suggest import suggestion
from configs.tree import FIELDS, SECTIONS, Given
from configs.yaml_files import read_yaml, value_of

SHIPPED = Path(__file__).parent
"""Folder of the YAML files that come with autoswarm."""
PREFIX = "AUTOSWARM_"
RENAMED_FILES = {"two_programs": "two_charters"}
"""Shipped files that had another name in the version before."""


def layers(
    files: Sequence[str | Path], overrides: Sequence[str], environ: Mapping[str, str]
) -> Iterator[dict[str, Given]]:
    """The files from left to right, the environment, the overrides. Raises ConfigError for what cannot be
    read and for a key that there is not.
    """
    for file in files:
        path = _find(file)
        origin = f"configs/{path.name}" if path.parent == SHIPPED else str(path)
        yield _once(_flatten(read_yaml(path), "", origin))
    yield _once(_from_environment(environ))
    yield dict(_from_overrides(overrides))


def _once(values: Iterable[tuple[str, Given]]) -> dict[str, Given]:
    """Values by their keys. Raises ConfigError where one file, or the environment, gives a key twice: as
    `campaign.seed` and below `campaign`.
    """
    given: dict[str, Given] = {}
    for key, value in values:
        if key in given:
            places = dict.fromkeys((given[key].place, value.place))
            raise ConfigError(f"{' and '.join(places)}: {key} is given twice", "Keep one of the two.")
        given[key] = value
    return given


def _find(file: str | Path) -> Path:
    path = Path(file)
    if path.parent == Path():
        for name in (path.name, f"{path.name}.yaml"):
            if name.endswith(".yaml") and (SHIPPED / name).is_file() and not str(file).startswith("."):
                return SHIPPED / name
    if path.name.removesuffix(".yaml") in RENAMED_FILES and not path.exists():
        old = path.name.removesuffix(".yaml")
        raise ConfigError(
            f"the shipped configuration {old!r} is called {RENAMED_FILES[old]!r} now",
            "Name that one; to go on with a campaign begun under the old name add"
            f" campaign.name={old.replace('_', '-')}.",
        )
    if not path.exists():
        shipped = sorted(shipped.stem for shipped in SHIPPED.glob("*.yaml"))
        raise ConfigError(
            f"there is no configuration file {str(file)!r}",
            suggestion(path.stem, shipped) + f"Shipped with autoswarm: {', '.join(shipped)}.",
        )
    return path


def _flatten(mapping: Mapping[Any, Any], prefix: str, origin: str) -> Iterator[tuple[str, Given]]:
    """Dotted keys of a nested mapping. A section left empty, as when all its lines are commented out, says
    nothing.
    """
    for name, value in mapping.items():
        key = f"{prefix}{name}"
        if key == "models" and value is None:  # every line of it commented out
            yield key, Given({}, origin)
        elif key in FIELDS or key in RENAMED:
            yield key, Given(value, origin)
        elif key not in SECTIONS:
            raise unknown_key(key, origin)
        elif isinstance(value, Mapping):
            yield from _flatten(value, f"{key}.", origin)
        elif value is not None:
            raise refused_section(key, value, origin)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if name != variable and "__" in name:
            key = name.lower().replace("__", ".")
            yield key, Given(_parsed(key, environ[variable], variable), variable)


def _from_overrides(overrides: Sequence[str]) -> Iterator[tuple[str, Given]]:
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"{override!r} is not key=value", "Write for example campaign.seed=3.")
        yield key, Given(_parsed(key, text, f"{key}=…"), override)


def _parsed(key: str, text: str, origin: str) -> Any:
    """A value given as text: read as YAML, but kept as text where the schema wants text and YAML would see a
    number, a date or a boolean.
    """
    field = FIELDS.get(RENAMED.get(key, key))
    if field is None:
        raise refused_section(key, None, origin) if key in SECTIONS else unknown_key(key, origin)
    kind = field.annotation
    if kind is str and text.startswith(("[", "{")):
        return text
    value = value_of(text, origin)
    stays_text = kind is str or (kind == str | None and value is not None)
    return text if stays_text and not isinstance(value, str) else value
