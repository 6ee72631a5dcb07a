"""Commands that start a campaign, go on with it, or stop it: demo, run, stop."""

import os
import time
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from deploy.cli.options import campaign, campaigns, dry_run, folder, items, new, no_cap

WIDEST = 100
"""Columns of the best-so-far chart at most, however wide the terminal is."""


class WhatToRunError(click.UsageError):
    """`run` without a word: it would search the default task for as long as it is let."""

    remedy = (
        "`autoswarm demo` shows all of it; else name a configuration: `autoswarm run gpu_node`, `autoswarm"
        " run llm`, or a file of your own, which `autoswarm init` writes."
    )

    def __init__(self, name: str) -> None:
        """name: of a campaign that is not there, empty where none is named."""
        there = f"there is no campaign {name} here yet, and " if name else ""
        super().__init__(f"{there}nothing says what to search: the default is the demo task without an end")


@click.command()
@items
@new
@no_cap
@dry_run
@campaigns
def demo(items: tuple[str, ...], new: bool, no_cap: bool, dry_run: bool, campaigns: Path | None) -> None:
    """Run the shipped demo: a real campaign on two CPU cores, about three minutes. Overrides such as
    campaign.seed=2 are taken.
    """
    _start(("demo",), _with_cap(items, no_cap), new, dry_run, campaigns)


@click.command()
@items
@new
@no_cap
@dry_run
@campaigns
def run(items: tuple[str, ...], new: bool, no_cap: bool, dry_run: bool, campaigns: Path | None) -> None:
    """Run a campaign, or go on with it. FILES are YAML, merged left to right: shipped names (demo, gpu_node)
    or paths; then KEY=VALUE.

    Exit code 5 says that money.cap_usd is spent; the other limits end it with 0.
    """
    words = [item for item in items if not item.startswith("campaign.name=")]
    if not words and not any(name.startswith("AUTOSWARM_") and "__" in name for name in os.environ):
        raise WhatToRunError("".join(items[-1:]).removeprefix("campaign.name="))
    _start((), _with_cap(items, no_cap), new, dry_run, campaigns)


def _with_cap(items: tuple[str, ...], no_cap: bool) -> tuple[str, ...]:
    """A command line's items; with ``no_cap`` without a cap, by overrides that come last and win."""
    return (*items, "money.cap_usd=0", "money.uncapped=true") if no_cap else items


def _start(
    first: tuple[str, ...], items: tuple[str, ...], new: bool, dry_run: bool, campaigns: Path | None
) -> None:
    from deploy.checks.preflight import require_startable
    from deploy.cli import campaign_run
    from deploy.cli.output import console, show, tell
    from deploy.sandboxes import warning
    from deploy.views.leaderboard import closing
    from deploy.views.tables import pairs
    from deploy.wiring import layout_of

    loaded = campaign_run.configured(items, campaigns, new, first)
    require_startable(loaded.config)
    if dry_run:
        return show(pairs(campaign_run.plan(loaded.config)))
    layout = layout_of(loaded.config)
    tell(f"campaign {layout.name} in {layout.folder}; Ctrl-C drains")
    if word := warning(loaded.config):
        tell(word)
    code = campaign_run.run_to_end(loaded)
    if layout.journal.is_file():  # on a cluster it may lie at the head
        page, rows, bests = campaign_run.last_page(layout, time.time())
        show(closing(page, rows, bests, layout, min(console().width, WIDEST)))
    raise Exit(code)


@click.command()
@campaign
@click.option("--now", is_flag=True, help="End the open runs too; they are queued again.")
@folder
def stop(name: str | None, now: bool, folder: Path) -> None:
    """Ask a running campaign to end: it takes no new work and its open runs finish."""
    from deploy.campaigns.open import find_campaign, request_stop
    from deploy.cli.output import tell

    layout = find_campaign(name, folder)
    request_stop(layout, now)
    tell(
        f"campaign {layout.name} {'ends its runs' if now else 'takes no new work'}; `autoswarm status"
        " --watch` shows when it has ended"
    )


COMMANDS = (demo, run, stop)
