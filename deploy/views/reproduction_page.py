"""Whether a value can be had again: a program's deciding runs, made once more."""

from typing import Literal

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.text import Text

from deploy.views.sanitize import one_line
from deploy.views.tables import headed, pairs
from deploy.views.units import number

DROP = ("sandbox", "seconds", "rows", "outcome", "seed")
"""What a narrow terminal does without, the first one first."""


class RunAgain(Struct, frozen=True, kw_only=True):
    """One deciding run and the same run again; values are in the metric's unit and comparable with those on
    the rows of screens.
    """

    run: str
    """Id of the campaign's run."""
    seed: int
    blocks: tuple[int, ...]
    """Of validation rows; the value is that of the first."""
    board_value: float
    value: float | None
    """None where it was not measured."""
    outcome: str
    reason: str
    """Why there is no value; empty when there is one."""
    seconds: float
    """Real ones."""
    sandbox: str


class ReproductionPage(Struct, frozen=True, kw_only=True):
    """What ``autoswarm reproduce --json`` prints."""

    schema: Literal[1]
    campaign: str
    experiment: str
    commit: str
    title: str
    division: str
    agrees: bool
    """Every run was measured, and their mean is no further from the board's than σ."""
    board_value: float
    """Mean of the deciding runs, in the metric's unit, like the next."""
    value: float | None
    """Mean of the same runs again; None where one was not measured."""
    sigma: float | None
    """Standard deviation between runs of unchanged code, in the metric's unit."""
    difference: float | None
    """``value`` less ``board_value``."""
    difference_sigmas: float | None
    """The same in σ; None where σ is not known or 0."""
    runs: list[RunAgain]


def reproduction(page: ReproductionPage) -> RenderableType:
    """The result as people see it."""
    table = headed(
        "run",
        "seed",
        "rows",
        "on board",
        "now",
        "outcome",
        "seconds",
        "sandbox",
        drop=DROP,
        folded=("outcome",),
    )
    for run in page.runs:
        rows = ", ".join(map(str, run.blocks))
        outcome = one_line(": ".join(filter(None, (run.outcome, run.reason))))
        values = number(run.board_value), number(run.value)
        took = f"{run.seconds:.1f} s"
        table.add_row(run.run, str(run.seed), f"block {rows}", *values, Text(outcome), took, run.sandbox)
    facts = {
        "experiment": f"{page.experiment}  {one_line(page.title)}",
        "campaign": f"{page.campaign}, division {page.division}",
        "on board": f"{number(page.board_value)} over {len(page.runs)} runs",
        "now": f"{number(page.value)}; σ of one run {number(page.sigma)}",
        "agrees": _agreement(page),
    }
    return Group(table, pairs(facts))


def _agreement(page: ReproductionPage) -> str:
    if page.difference is None:
        return "no: a run was not measured"
    sigmas = "" if page.difference_sigmas is None else f" = {page.difference_sigmas:+.2f} σ"
    if not page.sigma:
        word = "yes, it is the same" if page.agrees else "no, and σ is not known"
    else:
        word = "yes, within σ" if page.agrees else "no, by more than σ"
    return f"{word}: apart by {page.difference:+.4f}{sigmas}"
