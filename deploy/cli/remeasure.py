"""Commands that measure a program again: try, reproduce."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

from deploy.cli.options import as_json, campaign, folder

if TYPE_CHECKING:
    from coordinator.state.records import Experiment
    from deploy.campaigns.terms import Terms
    from deploy.views.trial_page import BoardView

data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of prepared data. A campaign's own otherwise, or data outside one.",
)
PROGRAM = "FILE|ID|best"
OUTSIDE = ("task", "size", "cores", "reference")
"""Options that say what a campaign says itself."""


@click.command(name="try")
@click.argument("what", metavar=PROGRAM)
@campaign
@click.option("--task", help="A task's name, or the path of a task folder; demo otherwise.")
@click.option("--size", help="One of the task's budgets; its default otherwise.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Of every generator, and of the order of the data.",
)
@click.option("--cores", type=click.IntRange(min=1), help="CPU cores of the training; 1 otherwise.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps the log and the result.",
)
@click.option(
    "--reference/--no-reference",
    default=None,
    help="Measure the unmodified surface once before, and hold FILE to its CPU and time as a campaign does;"
    " kept with the data for the next time. Without a word: where the budget is counted.",
)
@data
@as_json
@folder
def try_(what: str, name: str | None, as_json: bool, **options: Any) -> None:
    """Train a program once and judge it: value, audit, what it spent of its budget, CPU and memory. Exit code
    0 when it was measured.

    FILE is measured outside any campaign, by --task and --size. An experiment (an id, its number, a commit,
    `best` or `baseline`), or FILE with -c NAME, is measured as that campaign would: its task, budget,
    trainer, sandbox and division, on the rows of screens, with the board's value and σ beside it. Other seeds
    give other values: `autoswarm reproduce` takes those of the campaign.
    """
    from deploy.cli import trial
    from deploy.cli.output import emit, show
    from deploy.exit_codes import FAILURE, OK
    from deploy.views import trial_page

    inside = name is not None or not _is_file(what)
    tried = _tried_inside(what, name, options) if inside else _tried_outside(Path(what), options)
    page = trial.page_of(tried)
    if as_json:
        emit(page)
    else:
        show(trial_page.trial(page, tried.result.tail))
    raise Exit(OK if page.outcome == "measured" else FAILURE)


def _is_file(what: str) -> bool:
    """Whether a path is meant. Raises UsageError for one that is not there."""
    path = Path(what)
    if path.is_file() or path.is_dir():
        return True
    if path.suffix or "/" in what.removeprefix("best/").removeprefix("baseline/"):
        raise click.BadParameter(f"File {what!r} does not exist", param_hint=f"'{PROGRAM}'")
    return False


def _tried_outside(path: Path, options: dict[str, Any]) -> Any:
    from deploy.cli import trial
    from deploy.cli.output import tell

    wanted = trial.Trial(
        source=path,
        task=options["task"] or "demo",
        size=options["size"],
        seed=options["seed"],
        cores=options["cores"] or 1,
        data=options["data"] or Path("data"),
        keep=options["keep"],
        reference=options["reference"],
    )
    return trial.try_variant(wanted, tell)


def _tried_inside(what: str, name: str | None, options: dict[str, Any]) -> Any:
    from deploy.campaigns.find import find_division, find_experiment
    from deploy.campaigns.open import open_campaign, read_source
    from deploy.campaigns.terms import terms_of
    from deploy.cli import trial
    from deploy.cli.output import tell

    if given := [option for option in OUTSIDE if options[option] is not None]:
        raise click.UsageError(f"--{given[0]} is what the campaign says itself: leave it out")
    layout, state = open_campaign(name, options["folder"])
    if _is_file(what):
        division = find_division(state, "")
        best = division.best.experiment if division.best else division.baseline
        source, chosen = "", state.experiments[best]
    else:
        chosen = find_experiment(state, what)
        division = state.divisions[chosen.division]
        source, what = read_source(layout, chosen.experiment, chosen.commit).source, chosen.experiment
    terms = terms_of(layout, state, division, options["data"])
    if not source:
        source = trial.read_program(Path(what), terms.task.patterns)
    _tell_hardware(terms)
    board = _board(terms, chosen, what)
    return trial.try_in_campaign(terms, source, board, options["seed"], options["keep"], tell)


def _tell_hardware(terms: "Terms") -> None:
    """Where a division is a kind of accelerator: which is here."""
    from deploy.cli.output import tell
    from deploy.cli.reference import machine

    if terms.config.slots.per_gpu:
        here = machine() or "unknown"
        tell(f"values of division {terms.division.name} compare on the same hardware only; here: {here}")


def _board(terms: "Terms", chosen: "Experiment", program: str) -> "BoardView":
    from coordinator.views.leaderboard import row
    from deploy.views.trial_page import BoardView

    line = row(chosen)
    return BoardView(
        campaign=terms.layout.name,
        program=program,
        experiment=chosen.experiment,
        division=chosen.division,
        value=line.value,
        runs=line.runs,
        sigma=terms.division.sigma,
        baseline=terms.state.experiments[terms.division.baseline].value,
    )


@click.command()
@click.argument("experiment", metavar="ID|best")
@campaign
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps the log and the result of each run.",
)
@data
@as_json
@folder
def reproduce(
    experiment: str, name: str | None, keep: Path | None, data: Path | None, as_json: bool, folder: Path
) -> None:
    """Make the deciding runs of an experiment again, on their own seeds and rows, with the campaign's task,
    budget, trainer and sandbox, and say whether the value agrees with the board's within σ.

    Exit code 0 when it agrees, 1 when it does not or a run gave no value.
    """
    from deploy.campaigns.find import find_experiment
    from deploy.campaigns.open import open_campaign
    from deploy.campaigns.terms import terms_of
    from deploy.cli import reproduction
    from deploy.cli.output import emit, show, tell
    from deploy.exit_codes import FAILURE, OK
    from deploy.views import reproduction_page

    layout, state = open_campaign(name, folder)
    chosen = find_experiment(state, experiment)
    terms = terms_of(layout, state, state.divisions[chosen.division], data)
    _tell_hardware(terms)
    page = reproduction.reproduce(terms, chosen, keep, tell)
    if as_json:
        emit(page)
    else:
        show(reproduction_page.reproduction(page))
    raise Exit(OK if page.agrees else FAILURE)


COMMANDS = (try_, reproduce)
