"""Options of a test: how many runs, by which test, how sure, and where its package goes."""

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any, Literal

import rich_click as click


def declared_sigma(
    context: click.Context, option: click.Parameter, value: str | None
) -> float | Literal["campaign"] | None:
    """A number above 0, or ``campaign``. Raises UsageError."""
    if value is None or value == "campaign":
        return "campaign" if value else None
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < inf:
        raise click.BadParameter(
            f"{value!r} is neither a number above 0 nor the word campaign", context, option
        )
    return number


OPTIONS = (
    click.option(
        "--runs", "-n", type=click.IntRange(min=1), default=8, show_default=True, help="Of each side."
    ),
    click.option(
        "--sigma",
        callback=declared_sigma,
        metavar="NUMBER|campaign",
        help="Declared σ of one run, for a z test; `campaign` is the division's. Otherwise Welch's t, by"
        " the spread of the runs.",
    ),
    click.option(
        "--margin",
        type=click.FloatRange(min=0),
        default=0.0,
        show_default=True,
        help="Better by more than that, in the metric's unit.",
    ),
    click.option(
        "--level",
        type=click.FloatRange(min=0, max=0.5, min_open=True),
        default=0.01,
        show_default=True,
        help="p that is asked for.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        help="Folder for a package: programs, page, logs, results, record.json with digests.",
    ),
    click.option("--no-cap", is_flag=True, help="Also where the runs may not fit under money.cap_usd."),
    click.option("--again", is_flag=True, help="Ask once more what was answered before."),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        help="Draw the runs' seeds from it. Otherwise nobody can know them before.",
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        help="Folder of prepared data. A campaign's own otherwise, or data outside one.",
    ),
)


def tested(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a test."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
