"""What a program reads of a campaign stays what it was: keys, their order, and values."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.campaign_pages import pages

BEFORE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "pages_as_before.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return pages(tmp_path_factory.mktemp("campaigns"))


@pytest.mark.parametrize("name", BEFORE)
def test_a_page_is_what_it_was_before_pages_had_types(now: dict[str, Any], name: str) -> None:
    assert json.dumps(now[name], indent=1) == json.dumps(BEFORE[name], indent=1)
