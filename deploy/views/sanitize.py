"""Texts of variants and models made safe to show: a terminal obeys control characters, a spreadsheet obeys
formulas, and what is shaped like a key is nobody's to read.
"""

import unicodedata

import msgspec

from agents.proposers.llm.redaction import without_keys

LINES = ("Zl", "Zp")
"""Categories of U+2028 and U+2029, which some programs take for the end of a line."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Shown(dict[int, int]):
    """What each character is shown as, looked up once."""

    def __missing__(self, code: int) -> int:
        category = unicodedata.category(chr(code))
        shown = chr(code) in "\n\t" or not (category.startswith("C") or category in LINES)
        return self.setdefault(code, code if shown else 0xFFFD)


_SHOWN = _Shown()


def printable(text: str) -> str:
    """The text with every control and direction character but line break and tab replaced: it can neither
    move the cursor nor hide or begin a line. For programs and their differences, which are shown as they are.
    """
    return text.translate(_SHOWN)


def sanitize(text: str) -> str:
    """The same, without anything shaped like a key."""
    return printable(without_keys(text))


def one_line(text: str) -> str:
    """The same in one line."""
    return sanitize(" ".join(text.split()))


def cell(value: object) -> object:
    """A cell of a table that a spreadsheet may open: a text that would begin a formula gets a quote in
    front.
    """
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
