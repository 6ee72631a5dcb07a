"""Options and arguments that several commands share."""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import rich_click as click

LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
"""Of the log on stderr, by how often -v was given."""
VERBOSITY = "autoswarm.verbosity"


def verbosity() -> int:
    """How often -v was given, before the command and behind it."""
    context = click.get_current_context(silent=True)
    return int(context.meta.get(VERBOSITY, 0)) if context else 0


def count_verbosity(context: click.Context, _option: click.Parameter, times: int) -> None:
    """Add to it, and log accordingly."""
    total = context.meta.get(VERBOSITY, 0) + times
    context.meta[VERBOSITY] = total
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger().setLevel(LEVELS[min(total, len(LEVELS) - 1)])


campaigns = click.option(
    "--campaigns",
    type=click.Path(path_type=Path),
    envvar="AUTOSWARM_CAMPAIGNS_DIR",
    show_envvar=True,
    help="Folder that holds the campaigns: campaigns_dir of the configuration.",
)
data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder of prepared data.",
)
new = click.option(
    "--new", is_flag=True, help="Start another campaign beside the one of that name: NAME-2, NAME-3, …"
)
no_cap = click.option(
    "--no-cap",
    is_flag=True,
    help="Let arms that cost money spend without end; takes the place of money.cap_usd.",
)
dry_run = click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")
SAVED = "config.yaml"
"""In a campaign's folder: the configuration of its last start."""


def items(command: Callable[..., Any]) -> Callable[..., Any]:
    """A configuration, as ``items``: FILES and KEY=VALUE, and ``-c NAME`` for campaign.name. With a name and
    no file a campaign that is there goes on as it was.
    """

    @click.argument("items", nargs=-1, metavar="[FILES]... [KEY=VALUE]...")
    @click.option(
        "--campaign",
        "-c",
        "name",
        metavar="NAME",
        help="Which campaign: campaign.name. Without FILES one that is there goes on with its own.",
    )
    @wraps(command)
    def with_items(*, items: tuple[str, ...], name: str | None, **rest: Any) -> Any:
        if name is not None:
            saved = (rest.get("campaigns") or Path("campaigns")) / name / SAVED
            own = saved.is_file() and all("=" in item for item in items)
            items = (*([f"{saved}"] if own else []), *items, f"campaign.name={name}")
        return command(items=items, **rest)

    return with_items


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
details = click.option(
    "--verbose",
    "-v",
    count=True,
    expose_value=False,
    callback=count_verbosity,
    help="Every check, and what each would allow.",
)
as_json = click.option("--json", "as_json", is_flag=True, help='Answer in JSON, {"schema": 1, …}.')


def campaign(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which campaign, as ``name``: everywhere ``-c NAME``, and the last argument as well. None is the most
    recently used one.
    """

    @click.argument("last", metavar="[CAMPAIGN]", required=False)
    @click.option(
        "--campaign",
        "-c",
        "option",
        metavar="NAME",
        help="Which campaign, also as the last argument; the most recently used one otherwise.",
    )
    @wraps(command)
    def with_campaign(*, last: str | None, option: str | None, **rest: Any) -> Any:
        if last is not None and option is not None and last != option:
            raise click.UsageError(f"two campaigns are named: {option} and {last}")
        return command(name=last if option is None else option, **rest)

    return with_campaign
