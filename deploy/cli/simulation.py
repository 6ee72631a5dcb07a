"""Campaigns simulated without machines: simulate."""

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import rich_click as click

from deploy.cli.options import as_json, campaigns, items


def _numbers(kind: type[float]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Reads numbers above 0 with commas between them. kind: ``int`` or ``float``."""

    def read(
        _context: click.Context, _option: click.Parameter, words: str | None
    ) -> tuple[float, ...] | None:
        if words is None:
            return None
        try:
            numbers = tuple(kind(word) for word in words.split(","))
        except ValueError:
            numbers = ()
        if not numbers or not all(0 < number < inf for number in numbers):
            what = "whole numbers" if kind is int else "numbers"
            raise click.BadParameter(f"{words!r} is not {what} above 0 with commas between them")
        return numbers

    return read


ABOVE_ZERO = click.FloatRange(min=0, min_open=True)


@click.command()
@items
@click.option("--policy", "policy", metavar="NAME", help="A policy, also with knobs: confirm:z=1.5.")
@click.option("--compare", metavar="NAME,NAME,…", help="Policies to compare with the first of them.")
@click.option("--slots", type=click.IntRange(min=1), help="GPUs; slots.count of the configuration otherwise.")
@click.option(
    "--runs", callback=_numbers(int), metavar="N,N,…", help="Runs after which a campaign ends. [default: 125]"
)
@click.option("--hours", type=ABOVE_ZERO, help="Virtual hours after which it ends, instead of --runs.")
@click.option(
    "--repetitions", type=click.IntRange(min=1), default=20, show_default=True, help="Campaigns of each kind."
)
@click.option(
    "--sigma",
    callback=_numbers(float),
    metavar="σ,σ,…",
    help="σ of one run, in the metric's unit. [default: 0.001]",
)
@click.option(
    "--known-sigma", is_flag=True, help="Draw the baseline so that the campaign estimates exactly σ."
)
@click.option(
    "--thinking", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Minutes for a proposal."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the first campaign."
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes; as many as there are cores otherwise."
)
@as_json
@campaigns
def simulate(items: tuple[str, ...], as_json: bool, campaigns: Path | None, **options: Any) -> None:
    """Play campaigns on a virtual clock, by the rules of a real one, and compare policies over the same
    proposals and noise. Nothing is trained and no model is asked.

    FILES and KEY=VALUE as for `run`. --runs and --sigma take several values with commas between them.
    """
    from deploy.cli.campaign_run import configured
    from deploy.cli.output import emit, show, tell
    from deploy.simulate.comparison_page import comparison_page
    from deploy.simulate.progress_line import ProgressLine
    from deploy.simulate.request import compared
    from deploy.simulate.request_options import Options, request_of
    from deploy.simulate.workers import cores

    wanted = Options(**options)
    request = request_of(configured(items, campaigns).config, wanted)
    cells = compared(request, wanted.workers or cores(), ProgressLine(tell).tell)
    if as_json:
        emit({"schema": 1, "metric": request.rules.metric, "seed": request.seed, "cells": cells})
    else:
        show(comparison_page(request.rules.metric, cells))


COMMANDS = (simulate,)
