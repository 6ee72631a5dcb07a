"""Commands that put a program to the test: certify, verify, records.

Exit codes: 0 where a program is certified, or shown to be better; 7 where it was measured and is not, or a
package is not what it says; 1 where it cheated or came to no value.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.exceptions import Exit

from deploy.cli.comparisons.comparison_options import tested
from deploy.cli.options import as_json, campaign, folder

if TYPE_CHECKING:
    from deploy.cli.comparisons.answering import Inquiry
    from deploy.cli.comparisons.cases import Requested
    from deploy.cli.comparisons.question import Plan
    from deploy.cli.comparisons.record import Record

OUTSIDE = ("task", "size", "cores", "allow_untrusted")
"""Options that say what a campaign says itself."""


@click.command()
@click.argument("what", metavar="[ID|best|FILE]", default="best")
@campaign
@click.option("--against", default="baseline", show_default=True, help="baseline, an ID, or a FILE.")
@click.option(
    "--seen-rows",
    is_flag=True,
    help="Measure on rows that the search saw where there are no others; never certified.",
)
@tested
@as_json
@folder
def certify(what: str, name: str | None, as_json: bool, folder: Path, **options: Any) -> None:
    """Certify a program of a campaign, the best otherwise: fresh runs of it and of the baseline, in
    alternation, on new seeds and on validation rows that no run of the search saw, judged strictly. Says
    better or not, with p.

    Ctrl-C keeps what was measured; the same command goes on. Exit code 0 when certified, 7 when not, 1 when
    it cheated or gave no value.
    """
    from deploy.campaigns.open import is_campaign, open_campaign
    from deploy.cli.comparisons import cases
    from deploy.exit_codes import OK

    if not _is_path(what) and name is None and is_campaign(folder / what):
        what, name = "best", what
    asked = _asked(what, options)
    layout, state = open_campaign(name, folder)
    case = cases.to_certify(layout, state, asked, _say)
    record = _answered(case, options, as_json)
    raise Exit(OK if record.conclusion.certified else _code(record))


@click.command()
@click.argument("what", metavar="COMMIT|FOLDER|FILE")
@campaign
@click.option(
    "--against",
    default="baseline",
    show_default=True,
    help="baseline, claim (the value a package gives); in a campaign also best or an ID; or a FILE.",
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Git repository of COMMIT; the campaign's own otherwise. COMMIT:PATH names the file.",
)
@click.option("--task", help="Outside a campaign: a task's name or folder. What a package says, or demo.")
@click.option(
    "--size", help="Outside a campaign: one of the task's budgets. That of the package, or default."
)
@click.option(
    "--cores", type=click.IntRange(min=1), help="Outside a campaign: CPU cores of a run; 1 otherwise."
)
@click.option(
    "--allow-untrusted", is_flag=True, default=None, help="Outside a campaign: believe sandboxes D to F too."
)
@tested
@as_json
@folder
def verify(what: str, name: str | None, as_json: bool, folder: Path, **options: Any) -> None:
    """Verify somebody else's program: judged and audited like any variant, with runs of its own beside those
    of the baseline. What a package claims is data and not believed. Better, not better or worse, with p: any
    of them is kept as a record.

    With -c by a campaign's terms, and its record lies beside it; else by the task of that name here, and
    the record in ./records. Exit code 0 when better, 7 when not or when the package is not what it says, 1
    when it cheated or gave no value.
    """
    from deploy.campaigns.open import open_campaign
    from deploy.cli.comparisons import cases

    asked = _asked(what, options)
    if name is None and (asked.repository is not None or _is_path(what)):
        wanted = cases.Outside(
            task=options["task"],
            size=options["size"],
            cores=options["cores"] or 1,
            allow_untrusted=bool(options["allow_untrusted"]),
        )
        case = cases.to_verify_outside(asked, wanted, _say)
    else:
        if given := [option for option in OUTSIDE if options[option] is not None]:
            option = given[0].replace("_", "-")
            raise click.UsageError(f"--{option} is what the campaign says itself: leave it out")
        layout, state = open_campaign(name, folder)
        case = cases.to_verify(layout, state, asked, _say)
    raise Exit(_code(_answered(case, options, as_json)))


def _say(line: str) -> None:
    """Progress. It may quote what somebody else wrote: it stays one line, and a terminal obeys nothing."""
    from deploy.cli.output import tell
    from deploy.views.sanitize import sanitize

    tell(sanitize(" ".join(line.splitlines())))


def _is_path(what: str) -> bool:
    """Whether a path is meant. Raises UsageError for one that is not there."""
    path = Path(what)
    if path.exists():
        return True
    if path.suffix == ".py" or what.startswith((".", "/")):
        raise click.UsageError(f"file {what!r} does not exist")
    return False


def _asked(what: str, options: dict[str, Any]) -> "Requested":
    """Raises UsageError."""
    from deploy.cli.comparisons.cases import Requested

    if options["runs"] < 2 and options["sigma"] is None:
        raise click.UsageError("one run a side shows no spread: --runs 2 or more, or a declared --sigma")
    names = ("against", "runs", "sigma", "margin", "level", "seed", "data", "no_cap")
    return Requested(
        what=what,
        repository=options.get("repository"),
        seen_rows=options.get("seen_rows", False),
        **{name: options[name] for name in names},
    )


def _answered(case: "Inquiry", options: dict[str, Any], as_json: bool) -> "Record":
    """The record, shown, and its package written."""
    from msgspec import to_builtins

    from deploy.cli.comparisons import package_folder, record_view
    from deploy.cli.comparisons.answering import answer
    from deploy.cli.output import emit, show

    out = options["out"] and Path(os.path.normpath(options["out"].absolute()))  # a link stays one
    if out is not None:
        package_folder.require_free(out, _expected(case, options["again"]))
    record = answer(case, options["again"], _say)
    place = case.records / record.plan.record
    if out is not None:
        package_folder.write_package(out, record, place, case.sources, case.conditions.settings)
    if as_json:
        emit({"folder": str(place), "package": out and str(out), **to_builtins(record)})
    else:
        show(record_view.record_view(record, place, out))
    return record


def _expected(case: "Inquiry", again: bool) -> "Plan | None":
    """The plan whose package will be written, None for a new one."""
    from deploy.cli.comparisons import record_folders

    return None if again else record_folders.same(case.records, case.question)


def _code(record: "Record") -> int:
    """What a program reads off the end."""
    from deploy.cli.comparisons.record import Shown
    from deploy.exit_codes import FAILURE, NOT_SHOWN, OK

    question, conclusion = record.plan.question, record.conclusion
    if not conclusion.shown.measured:
        return FAILURE
    claim = question.claim
    false = claim is not None and (claim.differs or (conclusion.claim and conclusion.claim.holds is False))
    agrees = question.against is None and conclusion.shown is Shown.NOT_BETTER
    certifying = question.kind.value == "certify"
    return OK if not false and not certifying and (conclusion.shown is Shown.BETTER or agrees) else NOT_SHOWN


@click.command()
@click.argument("record", metavar="[RECORD]", required=False)
@campaign
@click.option(
    "--in",
    "place",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of records, such as ./records of `verify` outside a campaign.",
)
@as_json
@folder
def records(record: str | None, place: Path | None, name: str | None, as_json: bool, folder: Path) -> None:
    """What `certify` and `verify` measured: every record of a campaign, good or bad, or one of them. Outside
    a campaign those in ./records.
    """
    from msgspec import to_builtins

    from deploy.cli.comparisons import record_folders, record_view
    from deploy.cli.output import emit, show, tell
    from deploy.exit_codes import NothingFoundError

    if record is not None and not record_folders.NAME.fullmatch(record):
        if name not in (None, record):
            raise click.UsageError(f"{record!r} is no record: they are named c0001 or v0001")
        record, name = None, record
    where = _records_folder(name, place, folder)
    if record is not None:
        finished = record_folders.record_of(where, record)
        if finished is None:
            raise NothingFoundError(
                f"there is no finished record {record} in {where}", "See `autoswarm records`."
            )
        if as_json:
            return emit({"folder": str(where / record), **to_builtins(finished)})
        return show(record_view.record_view(finished, where / record))
    plans = record_folders.plans(where)
    if as_json:
        done = [(plan, record_folders.record_of(where, plan.record)) for plan in plans]
        rows = [
            {
                "record": plan.record,
                "plan": to_builtins(plan),
                "conclusion": made and to_builtins(made.conclusion),
            }
            for plan, made in done
        ]
        return emit({"schema": 1, "folder": str(where), "records": rows})
    _tell_ablations(where)
    if not plans:
        return tell(f"there is no record in {where}; `autoswarm certify` and `autoswarm verify` make them")
    return show(record_view.record_list(where, plans))


def _tell_ablations(where: Path) -> None:
    """Which there are, on stderr."""
    from deploy.cli.ablation.ablation_record import ablation_of, ablations
    from deploy.cli.output import tell

    for plan in ablations(where):
        done = "" if ablation_of(where, plan.record) else ", unfinished"
        said = f"{len(plan.pieces)} pieces of {plan.best.experiment} ({plan.which}), {plan.runs} runs each"
        tell(f"{plan.record}: {said}{done}; `autoswarm ablate {plan.which} -n {plan.runs}` shows it")


def _records_folder(name: str | None, place: Path | None, folder: Path) -> Path:
    """Of a campaign that is named, else ./records where there are some, else of the newest campaign. Raises
    NothingFoundError.
    """
    from deploy.campaigns.open import find_campaign
    from deploy.cli.comparisons.record_folders import OUTSIDE as ELSEWHERE

    if place is not None:
        return place
    if name is None and ELSEWHERE.is_dir():
        return ELSEWHERE
    return find_campaign(name, folder).records


COMMANDS = (certify, verify, records)
