"""Result on stdout, progress on stderr: the two ways a command may speak. JSON needs no rich."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_WIDTH = 160
"""Characters of a line when nobody says how wide it is: wide enough for a table's row."""


def emit(value: msgspec.Struct | dict[str, Any], *, compact: bool = False) -> None:
    """A result as JSON, in UTF-8 whatever the terminal has. compact: on one line, for streams."""
    body = msgspec.json.encode(value)
    click.echo(body if compact else msgspec.json.format(body, indent=2))


def console(beside: bool = False) -> "Console":
    """Where results for people go, or what is said ``beside`` them."""
    from rich.console import Console

    if not os.environ.get("COLUMNS", "1").strip("0").isdecimal():
        del os.environ["COLUMNS"]  # 0, as a terminal without a size has it, is no width
    piped = not os.isatty(2 if beside else 1) and "COLUMNS" not in os.environ
    width = PIPE_WIDTH if piped else None
    return Console(highlight=False, markup=False, emoji=False, width=width, stderr=beside)


def show(view: "RenderableType", beside: bool = False) -> None:
    """A result for people, or something to know ``beside`` it."""
    console(beside).print(view)


def write(text: str) -> None:
    """A result for another program, to the byte: a file that is made of it is the text. On a terminal without
    what the terminal would obey.
    """
    if sys.stdout.isatty():
        from deploy.views.sanitize import printable

        text = printable(text)
    click.echo(text.encode(), nl=False)


def tell(line: str) -> None:
    """Progress, or what to know beside the result."""
    click.echo(line, err=True)
