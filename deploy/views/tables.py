"""Tables without lines, in the terminal's own colors. What a terminal has no room for is left out by
priority, never cut.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

LABEL = 11
"""Characters of a name: those of blocks below each other stand in one column."""
GAP = 2
"""Characters between two columns."""
FOLDED = 0.25
"""Least share of a line for a column whose text may be broken into several."""
COLOURS = {
    "merged": "green",
    "rejected": "",
    "stepped": "cyan",
    "rolled_back": "yellow",
    "crashed": "red",
    "cheated": "magenta",
    "running": "cyan",
    "confirming": "cyan",
}


class FittedTable(Table):
    """A table that leaves out columns where it would be wider than the terminal."""

    drop: Sequence[str] = ()
    """Names of columns that may be left out, the first one first."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What fits; where even that is too wide, every text may be broken."""
        columns, width = list(self.columns), options.max_width
        for name in self.drop:
            if _width(columns, width) <= width:
                break
            columns = [column for column in columns if column.header != name]
        narrow = _width(columns, width) > width
        fitted = copy(self)
        fitted.columns = [
            replace(column, _index=number, no_wrap=column.no_wrap and not narrow)
            for number, column in enumerate(columns)
        ]
        yield from super(FittedTable, fitted).__rich_console__(console, options)


def _width(columns: Sequence[Column], whole: int) -> int:
    """Characters of a line in which no cell is broken but those that may be. whole: what has room."""
    return sum(_column_width(column, whole) for column in columns) + GAP * (len(columns) - 1)


def _column_width(column: Column, whole: int) -> int:
    cells = (column.header, *column.cells)
    widest = max(cell.cell_len if isinstance(cell, Text) else cell_len(str(cell)) for cell in cells)
    least = widest if column.no_wrap else min(widest, round(whole * FOLDED))
    return max(column.min_width or 0, least)


def pairs(facts: dict[str, str]) -> Table:
    """Names and values, a line each."""
    table = Table.grid(padding=(0, GAP))
    table.add_column(style="dim", no_wrap=True, min_width=LABEL)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(value))
    return table


def headed(*columns: str, drop: Sequence[str] = (), folded: Sequence[str] = ("title",)) -> Table:
    """A table with the names of its columns above. drop: columns that are left out where there is no room,
    the first one first. folded: columns whose texts may be broken into lines.
    """
    table = FittedTable(box=None, pad_edge=False, header_style="dim", padding=(0, GAP, 0, 0))
    table.drop = drop
    for name in columns:
        table.add_column(name, no_wrap=name not in folded, overflow="fold")
    return table


def align_right(table: Table, columns: range) -> None:
    """Numbers are compared by their last digits."""
    for column in columns:
        table.columns[column].justify = "right"
