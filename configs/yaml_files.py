"""YAML as text and as values. The only module that imports yaml.

Read strictly, and as people mean it:

- A key written twice in one mapping is refused with its line: YAML's own reading drops the first.
- ``yes``, ``no``, ``on`` and ``off`` are words, ``10:00`` is text and ``010`` is ten: the older readings of
  them (booleans, base 60, base 8) are never meant. A key that takes true or false takes the words too.
- A date is text. Anchors, aliases and merges are as everywhere.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from configs.errors import ConfigError

INTEGER = re.compile(r"[-+]?[0-9][0-9_]*|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+")
NUMBER = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
LONGEST_KEY = 60
"""Characters of a key that are shown."""


WRONG = (yaml.YAMLError, ValueError, RecursionError, KeyError, AttributeError, TypeError)
"""What yaml raises for text: its own errors, and others where a tag such as ``!!bool`` is not obeyed."""


class _TwiceError(yaml.MarkedYAMLError):
    """A key that stands twice in one mapping."""


class _Loader(yaml.SafeLoader):
    """Reads as the module says."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping without a key that stands in it twice. Raises _TwiceError."""
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                where = f"first on line {first}" if first != line else "on the same line"
                problem = f"the key {key.value[:LONGEST_KEY]!r} is given twice, {where}"
                raise _TwiceError(problem=problem, problem_mark=key.start_mark)
            lines[key.value] = line
        return node


class _Dumper(yaml.SafeDumper):
    """Writes what ``_Loader`` and every older reader take for the same."""


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "").lower()
    digits = text.lstrip("+-")
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
    return int(text, base)


_RESOLVED: list[tuple[str, str, str]] = [
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("float", NUMBER.pattern, "-+0123456789."),
    ("int", INTEGER.pattern, "-+0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
]
for _kind, _pattern, _first in _RESOLVED:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"{TAG}{_kind}", re.compile(f"^(?:{_pattern})$"), ["" if one == "\0" else one for one in _first]
        )
_Loader.add_constructor(f"{TAG}int", _whole)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError when it cannot be read or is no mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", "Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {path}: it is not UTF-8", "Save it as UTF-8 text.") from error
    return mapping_of(text, str(path))


def mapping_of(text: str, origin: str) -> dict[str, Any]:
    """The mapping that a text is. origin: who is to be named where it is none: ConfigError."""
    try:
        content = yaml.load(text, _Loader)
    except WRONG as error:
        raise _refused(origin, error) from None  # its own text quotes lines, which may hold a secret
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{origin} holds a {type(content).__name__}, not a mapping", "Write it as key: value lines."
        )
    return content


def value_of(text: str, origin: str = "a value") -> Any:
    """One value given as text; text that is no YAML is itself, unless it begins as a list or a mapping.
    Raises ConfigError for such a one. origin: who is to be named then.
    """
    try:
        return yaml.load(text, _Loader)
    except WRONG as error:
        if text.lstrip().startswith(("[", "{")):
            raise _refused(origin, error) from None
        return text


def yaml_of(tree: dict[str, Any]) -> str:
    """A tree as YAML, in its own order."""
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def _refused(origin: str, error: Exception) -> ConfigError:
    """What is wrong and where, without a word of the text itself but a key that stands twice."""
    mark = getattr(error, "problem_mark", None)
    where = f"{origin}, line {mark.line + 1}" if mark is not None else origin
    problem = " ".join(str(getattr(error, "problem", None) or getattr(error, "context", None) or "").split())
    if isinstance(error, _TwiceError):
        return ConfigError(
            f"{where}: {problem}",
            "Keep one, or put what is below both together: the second would replace the first.",
        )
    if "'\\t'" in problem:
        return ConfigError(f"cannot read {where}: a tab where YAML wants spaces", "Indent with spaces.")
    problem = "it is nested too deeply" if isinstance(error, RecursionError) else problem or "no such value"
    return ConfigError(f"cannot read {where}: {problem}", "Correct it: it should be valid YAML.")
