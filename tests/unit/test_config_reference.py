"""The shipped default.yaml is the reference: it names every key of every section and of every kind of arm,
and no other.
"""

import re
from typing import Any

import pytest

from configs.arms import KINDS, Arm
from configs.schema import Config, ModelConfig
from configs.section import Section
from configs.sources import SHIPPED
from configs.tree import FIELDS, ITEMS, meaning
from configs.yaml_files import value_of

TEXT = (SHIPPED / "default.yaml").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^  # (?=- |  |\S+:$)", re.MULTILINE)
"""Before a line of an item that is commented out; a sentence is no such line."""


def with_examples() -> dict[str, Any]:
    """The reference with its commented items as items."""
    tree = value_of(EXAMPLE.sub("  ", TEXT))
    assert isinstance(tree, dict)
    return tree


ARMS: dict[str, dict[str, Any]] = {arm["proposer"]: arm for arm in with_examples()["arms"]}
SECTIONS = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


def defaults_of(section: type[Section]) -> dict[str, Any]:
    return {key: field.default for key, field in section.model_fields.items()}


def test_the_tree_has_every_section_and_no_other() -> None:
    assert list(with_examples()) == list(Config.model_fields)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_every_key_at_its_default_and_no_other(name: str) -> None:
    assert with_examples()[name] == defaults_of(SECTIONS[name])


def test_every_kind_of_arm_has_its_example() -> None:
    assert list(ARMS) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_arm_has_every_key_at_its_default_and_no_other(kind: str) -> None:
    own = {key: value for key, value in defaults_of(KINDS[kind]).items() if key != "name"}
    common = own.keys() & Arm.model_fields.keys() - {"proposer"}
    example = {key: value for key, value in ARMS[kind].items() if key != "name"}
    assert example == (own if kind == "search" else {key: own[key] for key in own.keys() - common})


def test_a_model_has_every_key_at_its_default_and_no_other() -> None:
    assert list(with_examples()["models"].values()) == [defaults_of(ModelConfig)]


def test_the_examples_can_be_used_as_they_stand() -> None:
    assert [arm.proposer for arm in Config.model_validate(with_examples()).arms] == list(KINDS)


def test_every_key_says_what_it_means() -> None:
    assert [key for key in (*FIELDS, *ITEMS) if not meaning(key)] == []
    assert meaning("arms.timeout", "llm") != meaning("arms.timeout", "command")
    assert meaning("arms.proposer", "llm") == meaning("arms.proposer")
