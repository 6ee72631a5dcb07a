"""The command line. Parses first; what a command needs is imported in its body, so that `--help` waits for
nothing.

Result on stdout, progress on stderr; exit codes and errors: ``deploy.exit_codes``. Commands that start or
stop a campaign are in ``deploy.cli.run_commands``, those that read one in ``deploy.cli.read``, those that
measure a program again in ``deploy.cli.remeasure``, those that put one to the test in
``deploy.cli.comparison_commands`` and ``deploy.cli.ablation_command``, those by which a person steers one in
``deploy.cli.steer``, those about a cluster's machines in ``deploy.cli.cluster_commands``, those that need
none in ``deploy.cli.machine``.
"""

if __name__ == "__main__":  # `python -m` puts the folder it is typed in before all others
    from autoswarm.import_path import settle

    settle()

import io
import sys
from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit, NoArgsIsHelpError

from deploy.cli import (
    ablation_command,
    cluster_commands,
    comparison_commands,
    machine,
    read,
    remeasure,
    run_commands,
    simulation,
    steer,
)
from deploy.cli.options import count_verbosity, verbosity

ORDER = (
    "demo",
    "init",
    "prepare",
    "doctor",
    "run",
    "list",
    "status",
    "leaderboard",
    "arms",
    "show",
    "diff",
    "logs",
    "calls",
    "try",
    "reproduce",
    "certify",
    "verify",
    "ablate",
    "records",
    "simulate",
    "hint",
    "propose",
    "stop",
    "export",
    "config",
    "leave",
    "cluster",
)
"""Of the commands in `autoswarm --help`: as a person meets them."""


class Program(click.RichGroup):
    """The outermost loop: whatever goes wrong in a command ends as an exit code and two lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order a person meets them."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def make_context(self, *words: Any, **extra: Any) -> click.Context:
        """From what stands before the command."""
        try:
            return super().make_context(*words, **extra)
        except NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise Exit(_wrong_usage(error)) from None

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Read the command line, where a terminal that has no σ is shown another sign."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (Exit, NoArgsIsHelpError, click.Abort):
            raise
        except click.UsageError as error:
            raise Exit(_wrong_usage(error)) from None
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost loop
            from deploy.exit_codes import report_error

            return ctx.exit(report_error(error, verbose=verbosity() > 1))


def _wrong_usage(error: click.UsageError) -> int:
    """What, and what to do: never a box. Returns the exit code."""
    near = getattr(error, "possibilities", None)
    what = " ".join((error.message if near else error.format_message()).split()).rstrip(".")
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    click.echo(f"error: {what[:1].lower()}{what[1:]}", err=True)
    if remedy := getattr(error, "remedy", ""):
        click.echo(f"  do: {remedy}", err=True)
        return error.exit_code
    context = error.ctx or click.get_current_context(silent=True)
    path = "autoswarm"
    if context:  # by its own name, however it was started
        path += context.command_path.removeprefix(context.find_root().command_path)
    pieces = context.command.collect_usage_pieces(context) if context else []
    click.echo(f"  do: {meant}{' '.join([path, *pieces])}; `{path} --help` says what each is.", err=True)
    return error.exit_code


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--verbose",
    "-v",
    count=True,
    expose_value=False,
    callback=count_verbosity,
    help="Log more to stderr; -vv also shows the traceback of an error. Taken before and behind a command.",
)
@click.version_option(package_name="autoswarm", message="%(prog)s %(version)s")
def main() -> None:
    """A swarm of research agents: propose variants of a training script, train each under a fixed budget,
    judge, merge what is better.

    `autoswarm demo` shows all of it in three minutes on two CPU cores. Commands that read take --json;
    results go to stdout, progress to stderr.
    """
    try:
        Path.cwd()  # paths of files and campaigns begin there
    except OSError as error:
        from configs.errors import ConfigError

        raise ConfigError(
            "the folder this is typed in is not there any more", "Go to another: `cd`."
        ) from error


def _also_verbose(command: click.Command) -> None:
    """Have a command, and those below it, take -v as the program itself does."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _also_verbose(below)
    taken = {name for option in command.params for name in option.opts}
    if not taken & {"-v", "--verbose"}:
        option = click.Option(
            ["--verbose", "-v"],
            count=True,
            expose_value=False,
            hidden=True,
            callback=count_verbosity,
            help="As before the command.",
        )
        command.params.append(option)


for command in (
    *run_commands.COMMANDS,
    *machine.COMMANDS,
    *read.COMMANDS,
    *remeasure.COMMANDS,
    *comparison_commands.COMMANDS,
    *ablation_command.COMMANDS,
    *steer.COMMANDS,
    *simulation.COMMANDS,
    *cluster_commands.COMMANDS,
):
    _also_verbose(command)
    main.add_command(command)

if __name__ == "__main__":
    main()
