"""Commands that read a campaign's folder. They need no Ray, no git and no running coordinator, and write
nothing.

Imports inside bodies keep `--help` and `status --json` quick.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from deploy.cli.options import as_json, campaign, folder

if TYPE_CHECKING:
    from coordinator.views.status_page import StatusPage
    from deploy.campaigns.open import Follower

EVERY = 1.0
"""Seconds between two looks of a command that watches."""


@click.command(name="list")
@as_json
@folder
def list_(as_json: bool, folder: Path) -> None:
    """The campaigns of a folder, the most recently used first: state, experiments, best, gain, dollars, when
    it last did something.
    """
    from coordinator.views.status_page import SCHEMA
    from deploy.campaigns.summaries import summaries
    from deploy.cli.output import emit, show, tell

    campaigns = summaries(folder, time.time())
    if as_json:
        return emit({"schema": SCHEMA, "campaigns": campaigns})
    if not campaigns:
        return tell(f"there is no campaign in {folder}; `autoswarm demo` starts one")
    from deploy.views.campaign_list import campaign_list

    return show(campaign_list(campaigns))


@click.command()
@campaign
@click.option("--watch", is_flag=True, help="Keep it up to date until the campaign ends.")
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of what --json prints, and do nothing else."
)
@as_json
@folder
def status(name: str | None, watch: bool, schema: bool, as_json: bool, folder: Path) -> None:
    """How a campaign stands: best, experiments, agents, how busy the slots are."""
    from deploy.campaigns.open import Follower, find_campaign
    from deploy.cli.output import emit, show

    if schema:
        from coordinator.views.page_schema import json_schema

        return emit(json_schema())
    follower = Follower(find_campaign(name, folder))
    if watch:
        return _watch(follower, as_json)
    if as_json:
        return emit(follower.status(time.time()))
    from deploy.views.status_page import status_page

    return show(status_page(follower.status(time.time())))


def _watch(follower: "Follower", as_json: bool) -> None:
    """Until the campaign ends: JSON as one line a second, else a page that is drawn anew."""
    if as_json:
        from deploy.cli.output import emit

        for page in _pages(follower):
            emit(page, compact=True)
        return
    from rich.live import Live

    from deploy.cli.output import console
    from deploy.views.status_page import status_page

    with Live(console=console(), auto_refresh=False) as live:
        for page in _pages(follower):
            live.update(status_page(page), refresh=True)


def _pages(follower: "Follower") -> Iterator["StatusPage"]:
    """The status page now and every second, the last one when nobody works any more."""
    while True:
        page = follower.status(time.time())
        yield page
        if page.state not in ("running", "draining"):
            return
        time.sleep(EVERY)


@click.command()
@campaign
@click.option("--limit", type=click.IntRange(min=1), help="At most that many rows.")
@as_json
@folder
def leaderboard(name: str | None, limit: int | None, as_json: bool, folder: Path) -> None:
    """Every experiment, the bests first."""
    from coordinator.views.leaderboard import doubts_of, rows
    from coordinator.views.status_page import SCHEMA
    from deploy.campaigns.open import Follower, find_campaign
    from deploy.cli.output import emit, show

    follower = Follower(find_campaign(name, folder))
    page = follower.status(time.time())
    shown = rows(follower.state, doubts_of(follower.state, follower.false_merges))[:limit]
    if as_json:
        return emit({"schema": SCHEMA, "rows": shown, "records": page.records or []})
    from deploy.views import leaderboard as board

    return show(board.leaderboard(page, shown))


@click.command()
@campaign
@as_json
@folder
def arms(name: str | None, as_json: bool, folder: Path) -> None:
    """What each arm did, gained and cost: gain per GPU-hour and per dollar, with intervals, against the
    controls.
    """
    from coordinator.views import arm_report
    from deploy.campaigns.open import open_campaign
    from deploy.cli.output import emit, show

    _, state = open_campaign(name, folder)
    report = arm_report.arms(state)
    if as_json:
        return emit(report)
    from deploy.views.arms import arms_page

    return show(arms_page(report))


@click.command()
@click.argument("experiment", metavar="ID|best")
@campaign
@click.option("--source", is_flag=True, help="Print its whole surface, such as train.py, and nothing else.")
@as_json
@folder
def show(experiment: str, source: bool, name: str | None, as_json: bool, folder: Path) -> None:
    """One experiment: its idea, verdict, runs and story. ID is an id, its number, a commit, `best` or
    `baseline`.
    """
    from msgspec import to_builtins

    from coordinator.views.experiment_page import experiment_page
    from coordinator.views.leaderboard import doubts_of
    from coordinator.views.status_page import SCHEMA
    from deploy.campaigns.find import find_experiment
    from deploy.campaigns.open import open_campaign, read_source
    from deploy.campaigns.record_lines import with_records
    from deploy.cli import output

    layout, state = open_campaign(name, folder)
    chosen = find_experiment(state, experiment)
    if source:
        text = read_source(layout, chosen.experiment, chosen.commit)
        return output.emit({"schema": SCHEMA, **to_builtins(text)}) if as_json else output.write(text.source)
    calls = (state.spend.calls[call] for call in chosen.calls if call in state.spend.calls)
    page = with_records(experiment_page(chosen, state.rules.budget, calls, doubts_of(state)), layout)
    if as_json:
        return output.emit({"schema": SCHEMA, **to_builtins(page)})
    from coordinator.views.status import division_view
    from deploy.views.experiment import experiment as view

    division = division_view(state, state.divisions[chosen.division])
    return output.show(view(page, layout, state.metric, division))


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="[B]", required=False)
@campaign
@as_json
@folder
def diff(a: str, b: str | None, name: str | None, as_json: bool, folder: Path) -> None:
    """What A changed in its parent, or what is different in B from A."""
    from deploy.campaigns.diff import compare
    from deploy.campaigns.open import open_campaign
    from deploy.cli.output import emit
    from deploy.views.sanitize import printable

    b, name = _as_campaign(b, name, folder)
    layout, state = open_campaign(name, folder)
    difference = compare(layout, state, a, b)
    if as_json:
        return emit(difference)
    return click.echo(printable(difference.diff), nl=False)


def _as_campaign(what: str | None, name: str | None, folder: Path) -> tuple[str | None, str | None]:
    """An argument that may be left out, and the campaign: where one of that name is there, the argument was
    left out.
    """
    from deploy.campaigns.find import DIVISION_WORDS
    from deploy.campaigns.open import is_campaign

    if what is None or what in DIVISION_WORDS or name not in (None, what) or not is_campaign(folder / what):
        return what, name
    return None, what


@click.command()
@click.argument("what", metavar="ID|AGENT")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends.")
@campaign
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
@campaign
@as_json
@folder
def calls(call: str | None, limit: int, name: str | None, as_json: bool, folder: Path) -> None:
    """Calls of language models: tokens, dollars, seconds and what came of each. With the ID of one, or its
    beginning: what was said in it.
    """
    from msgspec import to_builtins

    from coordinator.views.experiment_page import call_row
    from coordinator.views.status_page import SCHEMA
    from deploy.campaigns.open import open_campaign
    from deploy.cli import output
    from deploy.views import calls_page

    call, name = _as_campaign(call, name, folder)
    layout, state = open_campaign(name, folder)
    if call is None:
        rows = [call_row(event) for event in list(state.spend.calls.values())[-limit:]]
        return (
            output.emit({"schema": SCHEMA, "calls": rows}) if as_json else output.show(calls_page.table(rows))
        )
    event, transcript = calls_page.find(layout, state, call)
    if as_json:
        return output.emit({"schema": SCHEMA, **to_builtins(call_row(event)), "exchange": transcript})
    return output.show(calls_page.page(call_row(event), transcript))


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
        click.echo(safe(line).encode(errors="replace"))


COMMANDS = (list_, status, leaderboard, arms, show, diff, logs, calls, export)
