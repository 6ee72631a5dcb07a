"""YAML as text and as values. The only module that imports yaml."""

from pathlib import Path
from typing import Any

import yaml

from configs.errors import ConfigError


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError when it cannot be read or is no mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", "Check the path and its permissions."
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date, bytes that are not UTF-8
        raise ConfigError(
            f"cannot read {path}: {_one_line(error)}", "Correct the file: it should be valid YAML in UTF-8."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} holds a {type(content).__name__}, not a mapping", "Write it as key: value lines."
        )
    return content


def value_of(text: str) -> Any:
    """One value given as text; text that is no YAML is itself."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text


def yaml_of(tree: dict[str, Any]) -> str:
    """A tree as YAML, in its own order."""
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
