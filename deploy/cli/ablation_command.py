"""What the pieces of a best are worth: ablate."""

from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit

from deploy.cli.comparisons.comparison_options import declared_sigma
from deploy.cli.options import as_json, campaign, folder, no_cap


@click.command()
@click.argument("which", metavar="[last|all|ID]", default="last")
@campaign
@click.option("--division", default="", help="Whose best; that of the first division otherwise.")
@click.option(
    "--runs", "-n", type=click.IntRange(min=2), default=8, show_default=True, help="Of each program."
)
@click.option(
    "--sigma",
    callback=declared_sigma,
    metavar="NUMBER|campaign",
    help="Declared σ of one run, for z tests; `campaign` is the division's. Otherwise Welch's t.",
)
@click.option(
    "--margin",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="σ that the best may be worse by without a piece that is not needed.",
)
@click.option(
    "--level",
    type=click.FloatRange(min=0, max=0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="p that is asked for.",
)
@click.option(
    "--merge",
    is_flag=True,
    help="Leave what is not needed for the coordinator, which merges it where it finds the same.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Draw the runs' seeds from it.")
@click.option("--again", is_flag=True, help="Measure once more what was measured before.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the campaign's prepared data.")
@no_cap
@as_json
@folder
def ablate(which: str, name: str | None, as_json: bool, folder: Path, **options: Any) -> None:
    """Take every piece of a best back alone and measure what is left against it: the experiments of its last
    certificate, `all` since the baseline, or those that merged with ID. Fresh runs in turns, on the rows that
    merges rest on, judged strictly.

    Says of each piece what the value loses without it ± s.e., in σ, and whether it is needed, in the way, not
    needed (a loss of the margin is excluded), or none of these was shown. Ctrl-C keeps what was measured; the
    same command goes on. Exit code 0 when all is measured, 1 when the best itself came to no value, 5 where
    the campaign's cap has no room. With --merge, or acceptance.accept_simpler, the best without what is
    not needed or in the way is left in the campaign's inbox as a simplification, where it is no longer then.
    """
    from msgspec import to_builtins

    from deploy.campaigns.open import is_campaign, open_campaign
    from deploy.cli.ablation import ablating, ablation_case, simplifications
    from deploy.cli.ablation.ablation_view import ablation_view
    from deploy.cli.ablation.piece_verdicts import best_has_values
    from deploy.cli.output import emit, show, tell
    from deploy.exit_codes import FAILURE, OK
    from deploy.views.sanitize import one_line

    def say(line: str) -> None:
        tell(one_line(line))

    if name is None and is_campaign(folder / which):
        which, name = "last", which
    layout, state = open_campaign(name, folder)
    wanted = ablation_case.wanted(which, options, state)
    case = ablation_case.to_ablate(layout, state, wanted, say)
    record = ablating.answer(case, options["again"], say)
    place = case.records / record.plan.record
    merges = options["merge"] or case.accepts
    lines = simplifications.left(layout, case, record) if merges else []
    if as_json:
        emit({"folder": str(place), "left": lines, **to_builtins(record)})
    else:
        show(ablation_view(record, place, lines))
    sound = best_has_values(record.plan, {run.run: run.outcome for run in record.runs})
    raise Exit(OK if sound else FAILURE)


COMMANDS = (ablate,)
