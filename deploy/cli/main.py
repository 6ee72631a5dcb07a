"""The command line. Parses first; what a command needs is imported in its body, so that `--help` waits for
nothing.

Result on stdout, progress on stderr; exit codes and errors: ``deploy.exit_codes``. Commands that start or
stop a campaign are in ``deploy.cli.run_commands``, those that read one in ``deploy.cli.read``, those by which
a person steers one in ``deploy.cli.steer``, those that need none in ``deploy.cli.machine``.
"""

import logging
import sys
from typing import Any

import rich_click as click
from click.exceptions import Exit

from deploy.cli import machine, read, run_commands, steer

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
"""Of the commands in `autoswarm --help`: as a person meets them."""


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
            from deploy.exit_codes import report_error

            return ctx.exit(report_error(error, verbose=ctx.find_root().params["verbose"] > 1))


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


for command in (*run_commands.COMMANDS, *machine.COMMANDS, *read.COMMANDS, *steer.COMMANDS):
    main.add_command(command)

if __name__ == "__main__":
    main()
