"""Reading configuration.

- A value comes from the schema's defaults, then YAML files from left to right, then ``AUTOSWARM_A__B`` in the
  environment, then ``a.b=value`` on the command line; the last one wins. Sections are merged key by key,
  lists are replaced whole.
- Where each value came from is kept (``Loaded.origins``) and named in every error.
- A key of the version before is taken for one version, with a warning.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from configs.contradictions import refuse_contradictions
from configs.deprecated import warning, with_new_names
from configs.errors import ConfigError as ConfigError
from configs.policy_knobs import before, with_policy
from configs.refusals import refused
from configs.schema import Config
from configs.sources import layers
from configs.tree import FIELDS, Given
from configs.yaml_files import yaml_of

DEFAULT = "default"


class Loaded(Struct, frozen=True):
    """A configuration and where it came from."""

    config: Config
    origins: dict[str, str]
    """For every dotted key of the tree ``default``, the file's name, the environment variable's name, or the
    ``key=value`` as given.
    """
    warnings: tuple[str, ...] = ()
    """Lines for people about what will not work for much longer."""


def load(files: Sequence[str | Path], overrides: Sequence[str], environ: Mapping[str, str]) -> Loaded:
    """The configuration of these files, this environment and these ``key=value`` overrides.

    A file name without a folder, with or without ``.yaml``, is looked for among the shipped files first
    (``./demo.yaml`` is always your own). Raises ConfigError for what cannot be read, an unknown key, a value
    of the wrong type and for values that contradict each other.
    """
    given: dict[str, Given] = {}
    places: list[str] = []
    for layer in layers(files, overrides, environ):
        renamed, old = with_new_names(layer)
        given = {**before(given, renamed), **renamed}
        places += old
    given = with_policy(given)
    config = _validated(given)
    origins = {key: given[key].origin if key in given else DEFAULT for key in FIELDS}
    refuse_contradictions(config, {key: given[key].place if key in given else DEFAULT for key in FIELDS})
    return Loaded(config, origins, (warning(places),) if places else ())


def resolved_yaml(loaded: Loaded) -> str:
    """The whole tree as YAML that ``load`` reads back to an equal configuration."""
    return yaml_of(loaded.config.model_dump())


def kept_yaml(loaded: Loaded) -> str:
    """The same as it is written beside the campaign, where everybody may read it: without a word for the
    campaign's secret, which has a file of its own.
    """
    tree = loaded.config.model_dump()
    tree["campaign"]["secret"] = tree["campaign"]["secret"] and None
    return yaml_of(tree)


def _validated(given: Mapping[str, Given]) -> Config:
    tree: dict[str, Any] = {}
    for key, value in given.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value.value
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        errors = error.errors()  # a mistyped key is said before the key that is missing for it
        first = min(errors, key=lambda error: error["type"] != "extra_forbidden")
        raise refused(first, given) from None  # pydantic's own text shows whole inputs
