"""Commands by which a person has a say in a campaign: hints, and variants of their own.

Both are letters in the campaign's folder (``coordinator.store.inbox``). While nothing runs they wait there
for the next start. Without something to leave, each command lists what was left and what became of it.
"""

from collections.abc import Sequence
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from deploy.cli.read import as_json, campaign_option, folder


@click.command()
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--clear", is_flag=True, help="Withdraw all hints given so far.")
@campaign_option
@as_json
@folder
def hint(text: str | None, clear: bool, name: str | None, as_json: bool, folder: Path) -> None:
    """Tell every proposer something, from the next brief on. Without TEXT: the hints in force, and those that
    wait.
    """
    from deploy.campaigns.open import find_campaign
    from deploy.cli import inbox_commands as letters
    from deploy.cli.output import emit, tell

    if clear and text is not None:
        raise click.UsageError("give TEXT, or --clear, not both")
    layout = find_campaign(name, folder)
    if clear:
        tell(letters.withdraw_hints(layout))
    elif text is not None:
        tell(letters.leave_hint(layout, text))
    if as_json:
        emit(letters.hints(layout))
    elif text is None and not clear:
        _list(
            [f"{each['state']}: {each['text']}" for each in letters.hints(layout)["hints"]],
            "no hint is in force",
        )


def _list(lines: Sequence[str], nothing: str) -> None:
    """A line each on stdout; where there is none, say so on stderr."""
    from deploy.cli.output import tell
    from deploy.views.sanitize import one_line

    for line in lines:
        click.echo(one_line(line))
    if not lines:
        tell(nothing)


@click.command()
@click.argument(
    "file", metavar="[FILE]", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False
)
@click.option("--message", "-m", "title", help="What is new in it, in a line: the experiment's title.")
@click.option("--division", default="", help="Where it is tried; the first division there is otherwise.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Seconds to wait for the coordinator's answer.",
)
@campaign_option
@as_json
@folder
def propose(
    file: Path | None,
    title: str | None,
    division: str,
    wait: float,
    name: str | None,
    as_json: bool,
    folder: Path,
) -> None:
    """Put FILE, a whole surface, into the queue as an experiment of arm `person`. Without FILE: what people
    proposed so far.

    Exit code 0 when it is accepted or waits, 1 when it is refused.
    """
    from deploy.campaigns.open import find_campaign
    from deploy.cli import inbox_commands as letters
    from deploy.cli.output import emit
    from deploy.exit_codes import FAILURE, OK

    if file is not None and not (title or "").strip():
        raise click.UsageError("say with -m what is new in it")
    layout = find_campaign(name, folder)
    if file is None:
        found = letters.ideas(layout)
        return (
            emit(found)
            if as_json
            else _list([letters.line(each) for each in found["proposals"]], "nobody proposed anything")
        )
    answer = letters.leave_idea(layout, file, title or "", division, wait)
    if as_json:
        emit({"schema": 1, **answer})
    else:
        from deploy.views.sanitize import one_line

        click.echo(one_line(letters.in_words(answer)))
    raise Exit(FAILURE if answer["state"] == "refused" else OK)


COMMANDS = (hint, propose)
