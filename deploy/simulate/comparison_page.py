"""A comparison of policies as people read it: a block for each cell, at 80 columns."""

from collections.abc import Sequence
from statistics import median_high

from rich.console import Group, RenderableType
from rich.text import Text

from coordinator.domain import Metric
from deploy.simulate.comparison import Cell, DivisionEnd, Estimate, PolicyRow
from deploy.simulate.odd_slots import SlotsFound
from deploy.views.tables import align_right, headed

DROP = ("GPU-h", "merges", "rep.−true", "true")
"""What a comparison of several divisions does without on a narrow terminal, the first one first."""
SOON = 10
"""Runs of a slot within which it should be noticed that it is off."""
DIGITS = 5
"""Decimals of values: what policies differ by is a few ten-thousandths."""


def comparison_page(metric: Metric, cells: Sequence[Cell]) -> RenderableType:
    """Every cell, and what the columns mean."""
    blocks: list[RenderableType] = []
    for cell in cells:
        blocks += [_title(cell), _table(cell), *_slots(cell), Text()]
    return Group(*blocks, Text(_legend(metric, cells), style="dim"))


def _title(cell: Cell) -> Text:
    length = f"{cell.runs} runs" if cell.runs else f"{cell.hours:g} h"
    repetitions = f"{cell.repetitions} repetition{'s' if cell.repetitions > 1 else ''}"
    slots = f"{cell.slots} slot{'s' if cell.slots > 1 else ''}"
    return Text(f"σ {cell.sigma:g} · {length} · {slots} · {repetitions}", style="bold")


def _table(cell: Cell) -> RenderableType:
    reference = cell.rows[0].policy.partition(":")[0]
    others = [f"less {reference}'s"] if len(cell.rows) > 1 else []
    where = [f"in {name}" for name in cell.rows[0].divisions]
    names = ("policy", "true", *others, *where, "false %", "said %", "rep.−true", "merges", "GPU-h")
    table = headed(*names, drop=DROP if where else ())
    table.padding = (0, 1, 0, 0)
    align_right(table, range(1, 7 + len(others) + len(where)))
    for row in cell.rows:
        table.add_row(*_cells(row, compared=len(cell.rows) > 1))
    return table


def _slots(cell: Cell) -> list[Text]:
    """A line for each policy whose campaigns set slots aside, or should have."""
    lines = []
    for row in cell.rows:
        slots = row.slots
        words = [f"slots that were off: {_in_words(slots)}"] if slots.after or slots.missed else []
        if words or slots.wrongly:
            words.append(f"sound slots set aside: {slots.wrongly} of {slots.sound}")
            lines.append(Text(f"{row.policy}: {'; '.join(words)}"))
    return lines


def _in_words(slots: SlotsFound) -> str:
    whole = len(slots.after) + slots.missed
    words = f"{len(slots.after)} of {whole} set aside"
    if not slots.after:
        return words
    soon = sum(runs <= SOON for runs in slots.after)
    return f"{words}, half of them after {median_high(slots.after)} runs, {soon} of {whole} within {SOON}"


def _cells(row: PolicyRow, compared: bool) -> list[str]:
    return [
        row.policy.replace(":", "\n"),
        f"{row.true.mean:.{DIGITS}f}",
        *(["–" if row.less is None else _with_error(row.less)] if compared else []),
        *(_in_division(end) for end in row.divisions.values()),
        "–" if row.false is None else _share(row.false),
        "–" if row.said is None else f"{100 * row.said.mean:.1f}",
        f"{row.gap.mean:+.{DIGITS}f}",
        f"{row.merges.mean:.1f}",
        f"{row.gpu_hours.mean:.4g}",
    ]


def _in_division(end: DivisionEnd) -> str:
    """Its true value, or what that is less than the reference's."""
    return f"{end.true.mean:.{DIGITS}f}" if end.less is None else _with_error(end.less)


def _with_error(value: Estimate) -> str:
    error = "" if value.error is None else f"±{value.error:.{DIGITS}f}"
    return f"{value.mean:+.{DIGITS}f}{error}"


def _share(value: Estimate) -> str:
    error = "" if value.error is None else f"±{100 * value.error:.1f}"
    return f"{100 * value.mean:.1f}{error}"


def _legend(metric: Metric, cells: Sequence[Cell]) -> str:
    better = "lower" if metric.gain(1.0, 0.0) > 0 else "higher"
    reference = cells[0].rows[0].policy.partition(":")[0]
    others = (
        f" less {reference}'s: minus that of {reference}, over the same\nproposals and noise."
        if len(cells[0].rows) > 1
        else ""
    )
    return (
        f"{metric.name}, {better} is better; ± one standard error. true: of the best,\n"
        f"without noise.{others} false: merges that are in truth no\n"
        "better; said: the same as the campaign expects it. rep.: what it reports of its\nbest."
    )
