"""Options and arguments that several commands share."""

from pathlib import Path

import rich_click as click

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
dry_run = click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")
items = click.argument("items", nargs=-1, metavar="[FILES]... [KEY=VALUE]...")

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
