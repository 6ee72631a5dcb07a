"""What a program reads of a campaign stays what it was, keys, their order and values, and a status page is
what the published schema says.
"""

import csv
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from deploy.cli.main import main
from tests.integration.campaign_pages import pages
from tests.integration.page_keys import without_new_keys

BEFORE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "pages_as_before.json").read_text(encoding="utf-8")
)


SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "status.schema.json").read_text(encoding="utf-8")
)
STATUS_PAGES = (
    "fresh",
    "no baseline yet",
    "running",
    "status",
    "two divisions with spend",
    "finished",
    "finished, nobody there",
)


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return pages(tmp_path_factory.mktemp("campaigns"))


@pytest.mark.parametrize("name", BEFORE)
def test_a_page_is_what_it_was_before_pages_had_types(now: dict[str, Any], name: str) -> None:
    """Keys may only ever be added."""
    today, before = in_keys(name, now[name]), in_keys(name, BEFORE[name])
    assert json.dumps(without_new_keys(today, before), indent=1) == json.dumps(before, indent=1)


def in_keys(name: str, page: Any) -> Any:
    """A page with its keys; exports are lines of text."""
    if name == "csv":
        return list(csv.DictReader(page))
    return [json.loads(line) for line in page] if name == "jsonl" else page


def test_columns_are_only_ever_added_at_the_end(now: dict[str, Any]) -> None:
    assert now["csv"][0].startswith(f"{BEFORE['csv'][0]},")


@pytest.mark.parametrize("name", STATUS_PAGES)
def test_a_status_page_is_what_the_published_schema_says(now: dict[str, Any], name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(now[name])


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("schema",), 2),
        (("state",), "asleep"),
        (("spend", "llm_usd"), "a dollar"),
        (("agents", 0, "progress"), "half"),
        (("experiments", "merged"), 1.5),
        (("divisions", 0, "best", "commit"), None),
    ],
)
def test_the_schema_refuses_what_is_no_status_page(
    now: dict[str, Any], where: tuple[str | int, ...], wrong: object
) -> None:
    page = deepcopy(now["running"])
    inside: Any = page
    for key in where[:-1]:
        inside = inside[key]
    inside[where[-1]] = wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(page)


def test_the_schema_allows_keys_that_later_versions_add(now: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(now["running"] | {"weather": "fine"})


def test_the_command_prints_the_published_schema() -> None:
    result = CliRunner().invoke(main, ["status", "--schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == SCHEMA
