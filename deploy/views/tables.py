"""Tables without lines, in the terminal's own colors."""

from rich.table import Table
from rich.text import Text

LABEL = 11
"""Characters of a name: those of blocks below each other stand in one column."""
COLOURS = {
    "merged": "green",
    "rejected": "",
    "crashed": "red",
    "cheated": "magenta",
    "running": "cyan",
    "confirming": "cyan",
}


def pairs(facts: dict[str, str]) -> Table:
    """Names and values, a line each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, min_width=LABEL)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(value))
    return table


def headed(*columns: str) -> Table:
    """A table with the names of its columns above, none of them broken."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=name != "title", overflow="fold")
    return table


def align_right(table: Table, columns: range) -> None:
    """Numbers are compared by their last digits."""
    for column in columns:
        table.columns[column].justify = "right"
