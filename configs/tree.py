"""Every key of the configuration, and one value given for it."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from msgspec import Struct
from pydantic.fields import FieldInfo

from configs.arms import KINDS, Arm
from configs.schema import Config
from configs.section import Section


class Given(Struct, frozen=True):
    """One value somebody wrote down."""

    value: Any
    origin: str
    """Where: a file's name, an environment variable's name, or the ``key=value`` as given."""

    @property
    def place(self) -> str:
        """The origin without a value: it may hold a secret in the wrong place."""
        key, equals, _ = self.origin.partition("=")
        return f"{key}=…" if equals and key.replace("_", "").replace(".", "").isalpha() else self.origin


def _fields(section: type[Section], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _items(fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, FieldInfo]]:
    """Keys inside the items of lists of sections: ``arms.weight``."""
    kinds: list[type[Section]] = [*KINDS.values(), Arm]
    for kind in kinds:
        yield from _fields(kind, "arms.")
    for key, field in fields.items():
        for item in get_args(field.annotation):
            if isinstance(item, type) and issubclass(item, Section):
                yield from _fields(item, f"{key}.")


FIELDS: dict[str, FieldInfo] = dict(_fields(Config))
"""Every key that can be set, dotted, in the schema's order."""
ITEMS: dict[str, FieldInfo] = dict(_items(FIELDS))
"""Keys inside the items of a list or a mapping, of every kind of arm together."""
SECTIONS = frozenset(key.partition(".")[0] for key in FIELDS if "." in key)


def meaning(key: str, kind: str = "") -> str:
    """What the schema says of a dotted key, on one line; empty where there is no such key. kind: of the arm
    whose key it is: ``timeout`` of one is not that of another.
    """
    own = KINDS[kind].model_fields.get(key.removeprefix("arms.")) if kind else None
    field = own if own and own.description else FIELDS.get(key) or ITEMS.get(key)
    return " ".join((field.description or "").split()) if field else ""
