"""Result on stdout, progress on stderr: the two ways a command may speak. JSON needs no rich."""

import os
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_WIDTH = 160
"""Characters of a line when nobody says how wide it is: wide enough for a table's row."""


def emit(value: msgspec.Struct | dict[str, Any], *, compact: bool = False) -> None:
    """A result as JSON. compact: on one line, for streams."""
    body = msgspec.json.encode(value)
    click.echo((body if compact else msgspec.json.format(body, indent=2)).decode())


def console() -> "Console":
    """Where results for people go."""
    from rich.console import Console

    piped = not os.isatty(1) and "COLUMNS" not in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=PIPE_WIDTH if piped else None)


def show(view: "RenderableType") -> None:
    """A result for people."""
    console().print(view)


def tell(line: str) -> None:
    """Progress, or what to know beside the result."""
    click.echo(line, err=True)
