"""The published schema of the status page explains itself: every field has a meaning, every number a unit."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import pytest

from coordinator.domain import State
from coordinator.views.page_schema import json_schema
from coordinator.views.status import status
from coordinator.views.status_page import ArmView, ExperimentCounts, RunCounts, StatusPage
from tests.unit.metered_swarm import MeteredSwarm, played
from tests.unit.swarm_of_rules import Swarm

SCHEMA = json_schema()
OF_THE_DOMAIN = {"Metric"}
"""Structs of the rules that the page shows as they are; the page's own field describes them."""
ABSENT_WITHOUT_MEANING = {
    "BestView": {"rows"},
    "ArmView": {"trouble"},
    "StatusPage": {"records"},
    "SpendView": {"records_usd"},
    "DivisionView": {"doubtful", "early", "false_merges", "pairing", "transfers"},
    "AgentView": {"slot"},
}
"""Keys that were added later and are left out where they would say nothing."""
UNITS = (
    "metric's unit",
    "standard errors",
    "from -1 to 1",
    "Degrees of freedom",
    "seconds since the epoch",
    "Seconds",
    "Hours",
    "US dollars",
    "Tokens",
    "0 to 1",
    "Agents",
    "Briefs",
    "Calls",
    "Experiments",
    "experiments",
    "Proposals",
    "Runs",
    "runs",
    "merges",
    "Version",
)
"""What a number is counted in."""


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, kind in SCHEMA["$defs"].items():
        if name not in OF_THE_DOMAIN:
            yield from ((f"{name}.{key}", field) for key, field in kind.get("properties", {}).items())


def is_number(field: dict[str, Any]) -> bool:
    kinds = [field, *field.get("anyOf", ())]
    return any(kind.get("type") in ("number", "integer") for kind in kinds)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_field_says_what_it_is() -> None:
    assert [name for name, field in fields() if not field.get("description", "").endswith(".")] == []


def test_every_number_says_its_unit() -> None:
    numbers = [(name, field["description"]) for name, field in fields() if is_number(field)]
    assert len(numbers) > 40
    assert [name for name, words in numbers if not any(unit in words for unit in UNITS)] == []


def test_every_field_is_promised() -> None:
    for name, kind in SCHEMA["$defs"].items():
        later = ABSENT_WITHOUT_MEANING.get(name, set())
        assert set(kind.get("required", ())) == set(kind.get("properties", ())) - later


def test_every_state_and_outcome_is_counted() -> None:
    states = {state.value for state in State}
    assert set(ExperimentCounts.__struct_fields__) == states
    assert {state.value for state in State if state.final} < set(ArmView.__struct_fields__)
    assert set(RunCounts.__struct_fields__) == {
        *("measured", "crashed", "timed_out", "cheated", "ended_early", "lost")
    }


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(lambda: status(Swarm().state, 1000.0, alive=True), id="fresh"),
        pytest.param(lambda: MeteredSwarm().page(), id="nobody joined"),
        pytest.param(lambda: played().page(), id="played, with calls and an agent that left"),
        pytest.param(lambda: status(played().state, 9e9, alive=False), id="nobody there"),
    ],
)
def test_a_page_is_what_the_schema_says_and_can_be_read_again(page: Any) -> None:
    made: StatusPage = page()
    text = msgspec.json.encode(made)
    jsonschema.Draft202012Validator(SCHEMA).validate(msgspec.json.decode(text))
    assert msgspec.json.decode(text, type=StatusPage) == made
