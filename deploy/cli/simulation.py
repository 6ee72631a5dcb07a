"""Campaigns simulated without machines: simulate."""

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from deploy.cli.options import as_json, campaigns, items

if TYPE_CHECKING:
    from deploy.simulate.request import Request
    from deploy.simulate.request_options import Options


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


def _divisions(
    _context: click.Context, _option: click.Parameter, words: tuple[str, ...]
) -> tuple[tuple[str, int], ...]:
    """Reads NAME=SLOTS, each with one slot or more."""
    pairs = [word.partition("=") for word in words]
    for word, (name, _, slots) in zip(words, pairs, strict=True):
        if not name or not slots.isdecimal() or not int(slots):
            raise click.BadParameter(f"{word!r} is not NAME=SLOTS with one slot or more, as in cheap=8")
    return tuple((name, int(slots)) for name, _, slots in pairs)


ABOVE_ZERO = click.FloatRange(min=0, min_open=True)
SHARE = click.FloatRange(0, 1)


@click.command()
@items
@click.option("--policy", metavar="NAME", help="A policy, also with knobs: confirm:z=1.5.")
@click.option("--compare", metavar="NAME,NAME,…", help="Policies to compare with the first of them.")
@click.option("--like", metavar="CAMPAIGN", help="Rules, σ, slots and effects of a campaign, by its journal.")
@click.option("--slots", type=click.IntRange(min=1), help="GPUs; slots.count of the configuration otherwise.")
@click.option(
    "--division", multiple=True, callback=_divisions, metavar="NAME=SLOTS", help="Slots of one kind."
)
@click.option("--carries", type=click.FloatRange(0, 1), help="Share of changes alike in all. [default: 0.8]")
@click.option("--runs", callback=_numbers(int), metavar="N,N,…", help="Of a campaign. [default: 125]")
@click.option("--hours", type=ABOVE_ZERO, help="Virtual hours after which it ends, instead of --runs.")
@click.option("--repetitions", type=click.IntRange(min=1), default=20, show_default=True, help="Campaigns.")
@click.option("--sigma", callback=_numbers(float), metavar="σ,σ,…", help="Of one run. [default: 0.001]")
@click.option("--known-sigma", is_flag=True, help="Have campaigns estimate exactly σ from their baselines.")
@click.option("--correlation", type=SHARE, default=0.0, help="Of the noise of runs with one seed, 0 to 1.")
@click.option("--early-noise", type=ABOVE_ZERO, default=0.001, help="Of losses at a look about the values.")
@click.option("--real", type=SHARE, help="Share of proposals that try a real idea. [default: 0.3]")
@click.option("--null", type=SHARE, help="Share of proposals that change nothing. [default: 0.25]")
@click.option(
    "--odd-slot", metavar="KEY=N,…", help="The last is off: speed=0.95, noise=3, offset=0.003, drift."
)
@click.option("--thinking", type=click.FloatRange(min=0), help="Minutes for a proposal. [default: 1]")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the first one.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; one a core otherwise.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Draw the comparison, too.")
@as_json
@campaigns
def simulate(
    items: tuple[str, ...],
    as_json: bool,
    campaigns: Path | None,
    like: str | None,
    png: Path | None,
    **options: Any,
) -> None:
    """Play campaigns on a virtual clock, by the rules of a real one, and compare policies over the same
    proposals and noise. Nothing is trained and no model is asked.

    FILES and KEY=VALUE as for `run`. --runs and --sigma take several values with commas between them.
    """
    from deploy.cli.output import emit, show, tell
    from deploy.simulate.comparison_chart import draw, require_plotting
    from deploy.simulate.comparison_page import comparison_page
    from deploy.simulate.progress_line import ProgressLine
    from deploy.simulate.request import compared
    from deploy.simulate.request_options import Options
    from deploy.simulate.workers import cores

    if png:
        require_plotting()
    wanted = Options(**options)
    request = _request(items, campaigns, like, wanted)
    metric = request.rules.metric
    cells = compared(request, wanted.workers or cores(), ProgressLine(tell).tell)
    if as_json:
        emit({"schema": 1, "metric": metric, "seed": request.seed, "cells": cells})
    else:
        show(comparison_page(metric, cells))
    if png:
        draw(metric, cells, png)
        tell(f"drawn in {png}")


def _request(
    items: tuple[str, ...], campaigns: Path | None, like: str | None, wanted: "Options"
) -> "Request":
    from deploy.cli.campaign_run import configured
    from deploy.cli.output import tell
    from deploy.simulate import request_options

    if like is None:
        return request_options.request_of(configured(items, campaigns).config, wanted)
    if items:
        raise click.UsageError(f"--like takes everything from the campaign: leave out {items[0]}")
    from deploy.campaigns.open import open_campaign
    from deploy.simulate.likeness import likeness

    layout, state = open_campaign(like, campaigns or Path("campaigns"))
    alike = likeness(state)
    tell(request_options.likeness_in_words(layout.name, alike))
    return request_options.request_like(state.rules, alike, wanted)


COMMANDS = (simulate,)
