"""Commands by which a person has a say in a campaign: hints, and variants of their own.

Both are items in the campaign's inbox (``coordinator.store.inbox``). While nothing runs they wait there for
the next start. Without something to leave, each command lists what was left and what became of it.
"""

from collections.abc import Sequence
from pathlib import Path

import rich_click as click
from click.exceptions import Exit

from deploy.cli.options import as_json, campaign, folder


@click.command()
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--clear", is_flag=True, help="Withdraw all hints given so far.")
@campaign
@as_json
@folder
def hint(text: str | None, clear: bool, name: str | None, as_json: bool, folder: Path) -> None:
    """Tell every proposer something, from the next brief on. Without TEXT: the hints in force, and those that
    wait.
    """
    from coordinator.views.status_page import SCHEMA
    from deploy.campaigns import inbox_items as inbox
    from deploy.campaigns.open import find_campaign
    from deploy.cli.output import emit, tell

    if clear and text is not None:
        raise click.UsageError("give TEXT, or --clear, not both")
    layout = find_campaign(name, folder)
    if clear:
        tell(inbox.withdraw_hints(layout))
    elif text is not None:
        tell(inbox.leave_hint(layout, text))
    if as_json:
        emit({"schema": SCHEMA, "hints": inbox.hints(layout)})
    elif text is None and not clear:
        _list([f"{hint.state}: {hint.text}" for hint in inbox.hints(layout)], "no hint is in force")


def _list(lines: Sequence[str], nothing: str) -> None:
    """A line each on stdout; when there is none, say so on stderr."""
    from deploy.cli.output import tell
    from deploy.views.sanitize import one_line

    for line in lines:
        click.echo(one_line(line))
    if not lines:
        tell(nothing)


@click.command()
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--message", "-m", "title", help="What is new in it, in a line: the experiment's title.")
@click.option("--division", default="", help="Where it is tried; the first division there is otherwise.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Seconds to wait for the coordinator's answer.",
)
@campaign
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
    """Put FILE, a whole surface, into the queue as an experiment of arm `person`: a program, or the folder of
    a surface of several files. Without FILE: what people proposed so far.

    Exit code 0 when it is accepted or waits, 1 when it is refused.
    """
    from msgspec.structs import asdict

    from coordinator.views.status_page import SCHEMA
    from deploy.campaigns import inbox_items as inbox
    from deploy.campaigns.open import find_campaign
    from deploy.cli.output import emit
    from deploy.exit_codes import FAILURE, OK

    if file is not None and not (title or "").strip():
        raise click.UsageError("say with -m what is new in it")
    layout = find_campaign(name, folder)
    if file is None:
        ideas = inbox.ideas(layout)
        if as_json:
            return emit({"schema": SCHEMA, "proposals": ideas})
        return _list([inbox.line(idea) for idea in ideas], "nobody proposed anything")
    answer = inbox.leave_idea(layout, file, title or "", division, wait)
    if as_json:
        emit({"schema": SCHEMA, **asdict(answer)})
    else:
        from deploy.views.sanitize import one_line

        click.echo(one_line(inbox.in_words(answer)))
    raise Exit(FAILURE if answer.state == "refused" else OK)


COMMANDS = (hint, propose)
