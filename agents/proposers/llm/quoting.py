"""Text of programs and of other agents inside a prompt: quoted as data, bounded, unable to end its quotes."""

import json
import unicodedata

TITLE_CHARS = 120
REASON_CHARS = 240
LINES = ("Zl", "Zp")
"""Categories of the characters besides controls that end a line: U+2028 and U+2029."""


def one_line(text: str, limit: int) -> str:
    """``text`` without control characters or line breaks, at most ``limit`` characters."""
    line = " ".join("".join(letter if _harmless(letter) else " " for letter in text[: 8 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quoted(text: str, limit: int) -> str:
    """``text`` as one JSON string."""
    return json.dumps(one_line(text, limit), ensure_ascii=False)


def quoted_code(text: str, chars: int) -> str:
    """The beginning of a text in which blanks count, behind bars like ``quoted_tail``; says so where there is
    more.
    """
    shown = [_printable(line) for line in text[:chars].split("\n")]
    return "\n".join(
        f"| {line}" for line in [*shown, *(["(the rest is left out)"] if len(text) > chars else [])]
    )


def _printable(line: str) -> str:
    return "".join(letter if letter == "\t" or _harmless(letter) else " " for letter in line)


def _harmless(letter: str) -> bool:
    """Whether it neither ends a line nor does something else than being seen."""
    category = unicodedata.category(letter)
    return not category.startswith("C") and category not in LINES


def quoted_tail(text: str, lines: int, chars: int) -> str:
    """The last lines of ``text``, where a traceback says what was wrong, each behind a bar that no text of
    its own can take away.
    """
    shown = text[-chars:].split("\n")[-lines:]
    return "\n".join(f"| {one_line(line, 300)}" for line in shown)
