"""The command line. Parses first; what a command needs is imported in its body, so that `--help` waits for
nothing.

Result on stdout, progress on stderr; exit codes and errors: ``deploy.exit_codes``. Commands that read are in
``deploy.cli.read``, those by which a person steers in ``deploy.cli.steer``.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit

from deploy.cli import read as reading
from deploy.cli import steer as steering

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


WIDEST = 100
"""Columns of the staircase at most, however wide the terminal is."""
ORDER = (
    "demo",
    "init",
    "prepare",
    "doctor",
    "run",
    "status",
    "leaderboard",
    "arms",
    "show",
    "diff",
    "logs",
    "calls",
    "try",
    "hint",
    "propose",
    "stop",
    "export",
    "config",
)


class Program(click.RichGroup):
    """The outermost loop: whatever goes wrong in a command ends as an exit code and two lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order a person meets them."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (Exit, click.ClickException, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost loop
            from deploy.exit_codes import explained

            return ctx.exit(explained(error, verbose=ctx.find_root().params["verbose"] > 1))


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--verbose", "-v", count=True, help="Log more to stderr; -vv also shows the traceback of an error."
)
@click.version_option(package_name="autoswarm", message="%(prog)s %(version)s")
def main(verbose: int) -> None:
    """A swarm of research agents: propose variants of a training script, train each under a fixed budget,
    judge, merge what is better.

    `autoswarm demo` shows all of it in three minutes on two CPU cores. Commands that read take --json;
    results go to stdout, progress to stderr.
    """
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    logging.basicConfig(
        level=levels[min(verbose, 2)],
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )


@main.command()
@items
@new
@dry_run
@campaigns
def demo(items: tuple[str, ...], new: bool, dry_run: bool, campaigns: Path | None) -> None:
    """Run the shipped demo: a real campaign on two CPU cores, about three minutes. Overrides such as
    campaign.seed=2 are taken.
    """
    _start(("demo",), items, new, dry_run, campaigns)


@main.command()
@items
@new
@dry_run
@campaigns
def run(items: tuple[str, ...], new: bool, dry_run: bool, campaigns: Path | None) -> None:
    """Run a campaign, or go on with it. FILES are YAML, merged left to right: shipped names (demo, gpu_node)
    or paths; then KEY=VALUE.

    Exit code 5 says that money.cap_usd is spent; the other limits end it with 0.
    """
    _start((), items, new, dry_run, campaigns)


def _start(
    first: tuple[str, ...], items: tuple[str, ...], new: bool, dry_run: bool, campaigns: Path | None
) -> None:
    from deploy.cli import run as starting
    from deploy.cli.output import console, show, tell
    from deploy.sandboxes import warning
    from deploy.views.pages import closing, pairs
    from deploy.wiring import layout_of

    loaded = starting.configured(items, campaigns, new, first)
    if dry_run:
        return show(pairs(starting.plan(loaded.config)))
    layout = layout_of(loaded.config)
    tell(f"campaign {layout.name} in {layout.folder}; Ctrl-C drains")
    if word := warning(loaded.config):
        tell(word)
    code = starting.play(loaded)
    if layout.journal.is_file():  # on a cluster it may lie at the head
        page, rows, stairs = starting.last_page(layout, time.time())
        show(closing(page, rows, stairs, layout, min(console().width, WIDEST)))
    raise Exit(code)


@main.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Write a configuration and a research charter to edit. Overwrites nothing."""
    from deploy.cli.output import tell
    from deploy.cli.starter import write_starter

    for path in write_starter(folder):
        click.echo(path)
    tell("Edit them, then: autoswarm run autoswarm.yaml")


@main.command()
@click.option(
    "--task", default="demo", show_default=True, help="A task's name, or the path of a task folder."
)
@data
def prepare(task: str, data: Path) -> None:
    """Make a task's data, once. Prints the folder."""
    from deploy.cli.output import tell
    from trainer.task import load_task

    tell(f"preparing the data of task {task} in {data}")
    click.echo(load_task(task).prepare(data))


@main.command()
@items
@reading.as_json
@campaigns
def doctor(items: tuple[str, ...], as_json: bool, campaigns: Path | None) -> None:
    """Is this machine ready? Says what is missing and what to do; exit code 3 when something is."""
    from deploy.packages import require_own_packages

    require_own_packages()
    from deploy.checks.doctor import Grade, examine
    from deploy.cli.output import emit, show, tell
    from deploy.cli.run import configured
    from deploy.exit_codes import CONFIG, OK
    from deploy.views.pages import checklist

    tell("looking; torch and ray take some seconds")
    checks = list(examine(configured(items, campaigns).config))
    failed = any(check.grade is Grade.FAIL for check in checks)
    if as_json:
        emit({"schema": 1, "ok": not failed, "checks": checks})
    else:
        show(checklist(checks))
    raise Exit(CONFIG if failed else OK)


@main.command(name="try")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--task", default="demo", show_default=True, help="A task's name, or the path of a task folder."
)
@click.option("--size", help="One of the task's budgets; its default otherwise.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Of every generator, and of the order of the data.",
)
@click.option(
    "--cores", type=click.IntRange(min=1), default=1, show_default=True, help="CPU cores of the training."
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps the log and the result.",
)
@data
@reading.as_json
def try_(as_json: bool, file: Path, **options: Any) -> None:
    """Train FILE once and judge it, outside any campaign. Exit code 0 when it was measured."""
    from deploy.cli import trial
    from deploy.cli.output import emit, show, tell
    from deploy.exit_codes import FAILURE, OK
    from deploy.views import pages

    result = trial.carry_out(trial.Trial(source=file, **options), tell)
    found = trial.as_json(result)
    if as_json:
        emit(found)
    else:
        show(pages.trial(found, result.tail))
    raise Exit(OK if found["outcome"] == "measured" else FAILURE)


@main.command()
@reading.campaign
@click.option("--now", is_flag=True, help="End the open runs too; they are queued again.")
@reading.folder
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


@main.group()
def config() -> None:
    """The configuration."""


@config.command(name="show")
@items
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--explain", is_flag=True, help="Say what each key means.")
@reading.as_json
@campaigns
def config_show(
    items: tuple[str, ...], origin: bool, explain: bool, as_json: bool, campaigns: Path | None
) -> None:
    """Every key with its value, as `run` would see it. Without options it is YAML that `run` takes."""
    from configs.load import resolved_yaml
    from deploy.cli import settings
    from deploy.cli.output import emit, show
    from deploy.cli.run import configured
    from deploy.views.pages import pairs

    loaded = configured(items, campaigns)
    if as_json:
        emit({"schema": 1, "config": loaded.config.model_dump(), "origins": loaded.origins})
    elif origin or explain:
        show(pairs(settings.listed(loaded, origin, explain)))
    else:
        click.echo(resolved_yaml(loaded), nl=False)


for command in (*reading.COMMANDS, *steering.COMMANDS):
    main.add_command(command)

if __name__ == "__main__":
    main()
