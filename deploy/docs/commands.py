"""``docs/cli.md``: every command and its help, from the commands themselves."""

from collections.abc import Iterator

import rich_click as click

from deploy.cli.main import main

WIDTH = 110
HEAD = """\
# Commands

Made by `make docs` from the commands themselves. Exit codes and configuration: \
[operations](operations.md).
"""


def page() -> str:
    """The whole file."""
    blocks = [
        f"## {name}\n\n```text\n{text}\n```\n"
        for name, text in pages(main, click.Context(main, info_name="autoswarm", **main.context_settings))
    ]
    return "\n".join([HEAD, *blocks])


def pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Name and help of a command and of those below it. Plain help, without colors or boxes: it is to be
    read in a file.
    """
    yield context.command_path, _plain_help(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from pages(below, click.Context(below, info_name=name, parent=context))


def _plain_help(command: click.Command, context: click.Context) -> str:
    formatter = click.HelpFormatter(width=WIDTH)
    command.format_usage(context, formatter)
    formatter.write_paragraph()
    formatter.write_text(" ".join((command.help or "").split()))
    _write_options(command, context, formatter)
    if isinstance(command, click.Group):
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.commands[name].get_short_help_str(WIDTH))
                    for name in command.list_commands(context)
                ]
            )
    return formatter.getvalue().strip()


def _write_options(command: click.Command, context: click.Context, formatter: click.HelpFormatter) -> None:
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context)) is not None]
    with formatter.section("Options"):
        formatter.write_dl(records)
