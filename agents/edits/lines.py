"""A text as lines that can be put together again byte for byte.

Lines end with a line feed and with nothing else: a form feed, which Python allows in a program, ends none. A
carriage return before it stays part of its line and is looked past wherever lines are compared.
"""

from collections.abc import Iterable, Sequence
from math import gcd

from msgspec import Struct


class Page(Struct, frozen=True):
    """Lines of a surface."""

    lines: list[str]
    ended: bool
    """Whether the last one ends with a line feed."""
    crlf: bool
    """Whether new lines get a carriage return, too."""

    @property
    def text(self) -> str:
        """The text again."""
        return "\n".join(self.lines) + ("\n" if self.ended and self.lines else "")

    def with_ends(self, lines: Iterable[str]) -> list[str]:
        """New ``lines`` with the ends that this text has."""
        return [f"{line}\r" if self.crlf and not line.endswith("\r") else line for line in lines]

    def with_lines(self, start: int, end: int, lines: list[str]) -> "Page":
        """The page with the lines from ``start`` to ``end`` (exclusive) replaced."""
        return Page([*self.lines[:start], *lines, *self.lines[end:]], self.ended, self.crlf)


def page_of(text: str) -> Page:
    """``text`` as lines."""
    lines = text.split("\n")
    ended = not lines[-1]
    if ended:
        lines.pop()
    return Page(lines, ended, crlf=2 * sum(line.endswith("\r") for line in lines) > len(lines))


def without(lines: Sequence[str], spans: Iterable[tuple[int, int]]) -> list[str]:
    """``lines`` with those of ``spans`` (from, to exclusive) empty, so that numbers stay as they are."""
    rest = list(lines)
    for start, end in spans:
        rest[start:end] = [""] * (end - start)
    return rest


def blank(line: str) -> bool:
    """Whether nothing can be seen of it."""
    return not line.strip()


def indent(line: str) -> str:
    """The blanks and tabs it starts with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at either end."""
    filled = [number for number, line in enumerate(lines) if not blank(line)]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def restyled(lines: list[str], page: Page, also: list[str]) -> list[str]:
    """``lines`` indented by tabs or by blanks as the page is. also: lines that show, with these, how wide a
    step is where tabs are wanted.
    """
    if any("\t" in indent(line) for line in page.lines):
        return [_with_tabs(line, _step([*lines, *also])) for line in lines]
    step = _step(page.lines)
    return [indent(line).replace("\t", " " * step) + line[len(indent(line)) :] for line in lines]


def _with_tabs(line: str, step: int) -> str:
    rest = line[len(indent(line)) :]
    return indent(line).replace(" " * step, "\t") + rest


def _step(lines: list[str]) -> int:
    """Blanks of one level of indentation; the customary four where nothing shows it."""
    widths = [len(indent(line)) for line in lines if not blank(line) and "\t" not in indent(line)]
    return gcd(*widths) or 4 if widths else 4


def common_indent(lines: list[str]) -> str:
    """What all lines that are not blank start with."""
    indents = [indent(line) for line in lines if not blank(line)]
    if not indents:
        return ""
    first, last = min(indents), max(indents)
    return first[: next((at for at, letter in enumerate(first) if letter != last[at]), len(first))]
