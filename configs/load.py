"""Reading configuration. The only module that imports yaml."""

from pathlib import Path
from typing import Any

import yaml


class ConfigError(Exception):
    """The configuration cannot be used. ``str`` says what; ``remedy`` says what to do. Exit code 3."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError when it cannot be read or is no mapping."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", "Check that the file exists and is valid YAML.") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds a {type(loaded).__name__}, not a mapping", "Write it as key: value lines.")
    return loaded
