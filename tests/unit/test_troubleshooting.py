"""What the page on troubleshooting quotes is what is said."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for room in ("configs", "coordinator", "agents", "trainer", "deploy")
    for path in sorted((ROOT / room).rglob("*.py"))
)
BEFORE = PAGE.partition("## Before it starts")[2].partition("\n## ")[0]
QUOTED = re.findall(r"^\| [^|]*?\*([^*|]+)\*[^|]* \|", BEFORE, re.MULTILINE)


def test_the_page_quotes_something() -> None:
    assert len(QUOTED) >= 9


@pytest.mark.parametrize("words", QUOTED)
def test_a_message_that_the_page_quotes_is_said_somewhere(words: str) -> None:
    assert words in SOURCES
