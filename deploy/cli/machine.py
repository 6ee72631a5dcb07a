"""Commands about this machine and its files, without a campaign: init, prepare, doctor, config."""

from pathlib import Path

import rich_click as click

from deploy.cli.options import as_json, campaigns, data, details, items, verbosity


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--from",
    "other",
    metavar="OTHER",
    type=click.Path(path_type=Path),
    help="Make it of a folder for another program, such as OpenEvolve's; none of it runs: docs/imports.md.",
)
@click.option(
    "--task", metavar="NAME", help="With a copy of a shipped task to edit: docs/tasks.md lists them."
)
@click.option("--as", "form", metavar="FORM", help="The form of OTHER, where it could be of several.")
def init(folder: Path, other: Path | None, task: str | None, form: str | None) -> None:
    """Write a configuration and a research charter to edit. Overwrites nothing."""
    from deploy.cli.init_files import next_command, starter_of_task, write_files, write_starter
    from deploy.cli.output import tell

    if other is not None and task is not None:
        raise click.UsageError("--from and --task are two ways to begin: take one of them.")
    if task is not None:
        paths = write_files(folder, starter_of_task(task))
    elif other is None:
        paths = write_starter(folder)
    else:
        from deploy.imports.importing import import_from, report, starter_of

        recognised, imported = import_from(other, form)
        paths = write_files(folder, starter_of(recognised, imported))
        tell(report(recognised, imported))
    for path in paths:
        click.echo(path)
    tell(f"Edit them, then: {next_command(folder)}")


@click.command()
@click.option(
    "--task", default="demo", show_default=True, help="A task's name, or the path of a task folder."
)
@data
def prepare(task: str, data: Path) -> None:
    """Make a task's data, once. Prints the folder."""
    from deploy.cli.output import tell
    from trainer.task_loading import load_task

    click.echo(load_task(task).prepare(data, tell))


@click.command()
@items
@as_json
@details
@campaigns
def doctor(items: tuple[str, ...], as_json: bool, campaigns: Path | None) -> None:
    """Is this machine ready for `run` with the same words? Says what is missing and what to do, and ends as
    `run` would: exit code 3 when something is. -v shows every check.
    """
    from deploy.packages import require_own_packages

    require_own_packages()
    from deploy.checks.doctor import examine, first_problem
    from deploy.cli.campaign_run import configured
    from deploy.cli.output import emit, show, tell
    from deploy.views.checklist import checklist

    config = configured(items, campaigns).config
    tell("looking; torch and ray take some seconds")
    checks = list(examine(config))
    problem = first_problem(checks)
    if as_json:
        emit({"schema": 1, "ok": problem is None, "checks": [check.page() for check in checks]})
    else:
        show(checklist(checks, details=verbosity() > 0))
    if problem is not None:
        raise problem


@click.group()
def config() -> None:
    """The configuration."""


@config.command(name="show")
@items
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--explain", is_flag=True, help="Say what each key means.")
@as_json
@campaigns
def config_show(
    items: tuple[str, ...], origin: bool, explain: bool, as_json: bool, campaigns: Path | None
) -> None:
    """Every key with its value, as `run` would see it. Without options it is YAML that `run` takes."""
    from configs.load import resolved_yaml
    from deploy.cli import settings
    from deploy.cli.campaign_run import configured
    from deploy.cli.output import emit, show
    from deploy.views.tables import pairs

    loaded = configured(items, campaigns)
    if as_json:
        emit({"schema": 1, "config": loaded.config.model_dump(), "origins": loaded.origins})
    elif origin or explain:
        show(pairs(settings.listed(loaded, origin, explain)))
    else:
        click.echo(resolved_yaml(loaded), nl=False)


COMMANDS = (init, prepare, doctor, config)
