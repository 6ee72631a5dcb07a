"""Commands that read a campaign's folder. They need no Ray, no git and no running coordinator, and write
nothing.

Imports inside bodies keep `--help` and `status --json` quick.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from deploy.campaigns.open import Follower

folder = click.option(
    "--campaigns",
    "folder",
    type=click.Path(path_type=Path),
    envvar="AUTOSWARM_CAMPAIGNS_DIR",
    show_envvar=True,
    default=Path("campaigns"),
    show_default=True,
    help="Folder that holds the campaigns.",
)
campaign = click.argument("name", metavar="[CAMPAIGN]", required=False)
campaign_option = click.option(
    "--campaign", "-c", "name", help="Which campaign; the most recently used one otherwise."
)
as_json = click.option("--json", "as_json", is_flag=True, help='Answer in JSON, {"schema": 1, …}.')
EVERY = 1.0
"""Seconds between two looks of a command that watches."""


@click.command()
@campaign
@click.option("--watch", is_flag=True, help="Keep it up to date until the campaign ends.")
@as_json
@folder
def status(name: str | None, watch: bool, as_json: bool, folder: Path) -> None:
    """How a campaign stands: best, experiments, agents, how busy the slots are."""
    from deploy.campaigns.open import Follower, find_campaign
    from deploy.cli.output import emit, show

    follower = Follower(find_campaign(name, folder))
    if watch:
        _watch(follower, as_json)
    elif as_json:
        emit(follower.status(time.time()))
    else:
        from deploy.views.pages import status_page

        show(status_page(follower.status(time.time())))


def _watch(follower: "Follower", as_json: bool) -> None:
    """Until the campaign ends: JSON as one line a second, else a page that is drawn anew."""
    if as_json:
        from deploy.cli.output import emit

        for page in _pages(follower):
            emit(page, compact=True)
        return
    from rich.live import Live

    from deploy.cli.output import console
    from deploy.views.pages import status_page

    with Live(console=console(), auto_refresh=False) as live:
        for page in _pages(follower):
            live.update(status_page(page), refresh=True)


def _pages(follower: "Follower") -> Iterator[dict[str, Any]]:
    """The status page now and every second, the last one when nobody works any more."""
    while True:
        page = follower.status(time.time())
        yield page
        if page["state"] not in ("running", "draining"):
            return
        time.sleep(EVERY)


@click.command()
@campaign
@click.option("--limit", type=click.IntRange(min=1), help="At most that many rows.")
@as_json
@folder
def leaderboard(name: str | None, limit: int | None, as_json: bool, folder: Path) -> None:
    """Every experiment, the bests first."""
    from coordinator.views.status import SCHEMA, rows
    from deploy.campaigns.open import Follower, find_campaign
    from deploy.cli.output import emit, show

    follower = Follower(find_campaign(name, folder))
    page = follower.status(time.time())
    shown = rows(follower.state)[:limit]
    if as_json:
        return emit({"schema": SCHEMA, "rows": shown})
    from deploy.views import pages

    return show(pages.leaderboard(page, shown))


@click.command()
@campaign
@as_json
@folder
def arms(name: str | None, as_json: bool, folder: Path) -> None:
    """What each arm did, gained and cost: gain per GPU-hour and per dollar, with intervals, against the
    controls.
    """
    from coordinator.views import arm_report as arm_report
    from deploy.campaigns.open import open_campaign
    from deploy.cli.output import emit, show

    _, state = open_campaign(name, folder)
    page = arm_report.arms(state)
    if as_json:
        return emit(page)
    from deploy.views.arms import arms_page

    return show(arms_page(page))


@click.command()
@click.argument("experiment", metavar="ID|best")
@campaign_option
@as_json
@folder
def show(experiment: str, name: str | None, as_json: bool, folder: Path) -> None:
    """One experiment: its idea, verdict, runs and story. ID is an id, its number, a commit, `best` or
    `baseline`.
    """
    from msgspec import to_builtins

    from coordinator.views.status import experiment_page
    from deploy.campaigns.open import find_experiment, open_campaign
    from deploy.cli import output

    layout, state = open_campaign(name, folder)
    found = find_experiment(state, experiment)
    page = to_builtins(
        experiment_page(found, (state.spend.calls[call] for call in found.calls if call in state.spend.calls))
    )
    if as_json:
        return output.emit(page)
    from deploy.views import pages

    return output.show(pages.experiment(page, layout))


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="[B]", required=False)
@campaign_option
@as_json
@folder
def diff(a: str, b: str | None, name: str | None, as_json: bool, folder: Path) -> None:
    """What A changed in its parent, or what is different in B from A."""
    from deploy.campaigns.diff import compare
    from deploy.campaigns.open import open_campaign
    from deploy.cli.output import emit
    from deploy.views.sanitize import sanitize

    layout, state = open_campaign(name, folder)
    found = compare(layout, state, a, b)
    if as_json:
        return emit(found)
    return click.echo(sanitize(found["diff"]), nl=False)


@click.command()
@click.argument("what", metavar="ID|AGENT")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends.")
@campaign_option
@as_json
@folder
def logs(what: str, follow: bool, name: str | None, as_json: bool, folder: Path) -> None:
    """What a run wrote. ID is a run, or an experiment for its newest run; AGENT means the run it makes
    now.
    """
    from deploy.campaigns.open import open_campaign
    from deploy.campaigns.run_logs import find_log, follow_log, read_log
    from deploy.cli.output import emit
    from deploy.views.sanitize import sanitize

    layout, state = open_campaign(name, folder)
    run, path = find_log(layout, state, what)
    if as_json:
        return emit({"schema": 1, "run": run, "path": str(path), "text": read_log(path)})
    for piece in follow_log(path, time.sleep) if follow else [read_log(path)]:
        click.echo(sanitize(piece), nl=False)
    return None


@click.command()
@click.argument("call", metavar="[ID]", required=False)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="At most that many calls, the newest ones.",
)
@campaign_option
@as_json
@folder
def calls(call: str | None, limit: int, name: str | None, as_json: bool, folder: Path) -> None:
    """Calls of language models: tokens, dollars, seconds and what came of each. With the ID of one, or its
    beginning: what was said in it.
    """
    from coordinator.views.status import SCHEMA, call_row
    from deploy.campaigns.open import open_campaign
    from deploy.cli import calls as kept
    from deploy.cli import output

    layout, state = open_campaign(name, folder)
    if call is None:
        rows = [call_row(event) for event in list(state.spend.calls.values())[-limit:]]
        return output.emit({"schema": SCHEMA, "calls": rows}) if as_json else output.show(kept.table(rows))
    event, transcript = kept.find(layout, state, call)
    if as_json:
        return output.emit({"schema": SCHEMA, **call_row(event), "exchange": transcript})
    return output.show(kept.page(call_row(event), transcript))


@click.command()
@campaign
@click.option(
    "--format",
    "form",
    type=click.Choice(["tsv", "csv", "jsonl"]),
    default="tsv",
    show_default=True,
    help="tsv is results.tsv.",
)
@folder
def export(name: str | None, form: str, folder: Path) -> None:
    """Experiments as a table for other programs, on stdout."""
    from deploy.campaigns.open import open_campaign
    from deploy.views.export import table
    from deploy.views.sanitize import sanitize

    _, state = open_campaign(name, folder)
    safe = sanitize if sys.stdout.isatty() else str
    for line in table(state, form):
        click.echo(safe(line), color=True)  # or click takes away what it believes to be colours


COMMANDS = (status, leaderboard, arms, show, diff, logs, calls, export)
