"""What was typed as a plan with all that is needed to carry it out: pieces, rows, runs.

Rows are those that a merge rests on, which no screen saw. The last block stays for ``certify``: whoever takes
pieces out by the rows that are to show the result afterwards has chosen by them.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from configs.errors import ConfigError
from coordinator.domain import Purpose
from coordinator.rules.fresh_rows import block_of
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Best
from coordinator.store.journal import locked
from coordinator.store.paths import Layout
from coordinator.variants.gate import Gate
from deploy.campaigns.find import find_division
from deploy.campaigns.open import read_source
from deploy.campaigns.terms import Terms, terms_of
from deploy.cli.ablation.ablation_record import AblationPlan, PlannedPiece
from deploy.cli.ablation.pieces import Piece, stack_of, taken_back
from deploy.cli.comparisons import conditions as how
from deploy.cli.comparisons.conditions import RunConditions
from deploy.cli.comparisons.question import (
    SEEDS,
    NamedProgram,
    Plan,
    Question,
    RecordKind,
    Rows,
    Which,
    planned_runs,
)
from deploy.cli.comparisons.under_cap import Funds, funds_of
from deploy.cli.comparisons.untrusted_files import sha256_of
from deploy.views.units import span


class Wanted(Struct, frozen=True, kw_only=True):
    """What the command takes."""

    which: str
    """Whose pieces: ``last``, ``all`` or an experiment."""
    division: str
    runs: int
    sigma: float | None
    """Of one run, as declared, in the metric's unit."""
    margin: float
    """In σ."""
    level: float
    seed: int | None
    data: Path | None
    no_cap: bool
    """Whether the campaign's cap does not hold for it."""


class AblationCase(Struct, frozen=True, kw_only=True):
    """A plan without its record, and what its runs need."""

    plan: AblationPlan
    conditions: RunConditions
    sources: dict[str, str]
    """The best's text without each piece, by the piece."""
    best: str
    """The best's own text."""
    accepts: bool
    """Whether the campaign's configuration accepts simplifications: what is not needed is left for it."""
    records: Path
    """Folder of the campaign's."""
    funds: Funds
    """What its runs are paid from; with no cap where none is to hold."""


def wanted(which: str, options: Mapping[str, Any], state: CampaignState) -> Wanted:
    """What was typed. Raises ConfigError, NothingFoundError."""
    sigma = options["sigma"]
    if sigma == "campaign":
        sigma = find_division(state, options["division"]).sigma
        if not sigma:
            raise ConfigError("σ of the division is not known, or 0", "Leave --sigma out: the runs show it.")
    names = ("division", "runs", "margin", "level", "seed", "data", "no_cap")
    return Wanted(which=which, sigma=sigma, **{name: options[name] for name in names})


def to_ablate(
    layout: Layout, state: CampaignState, asked: Wanted, tell: Callable[[str], None]
) -> AblationCase:
    """The pieces of a division's best. Raises ConfigError, NothingFoundError."""
    division = find_division(state, asked.division)
    stack = stack_of(state, division, asked.which)
    terms = terms_of(layout, state, division, asked.data)
    if locked(layout.folder):
        tell(f"campaign {layout.name} is running: its runs share this machine")
    conditions = _on_fresh_rows(terms, how.inside(terms, True, tell))

    def source(commit: str) -> str:
        return read_source(layout, "", commit).source

    best = division.history[-1]
    text, gate = source(best.commit), Gate(terms.task.frozen, terms.task.imports, terms.task.patterns)
    pieces = [taken_back(piece, text, source, gate) for piece in stack]
    named = _named(best, text, state.experiments[best.experiment].title)
    plan = AblationPlan(
        record="",
        campaign=layout.name,
        division=division.name,
        best=named,
        which=asked.which,
        pieces=_planned(pieces, named, asked, conditions),
        runs=asked.runs,
        sigma=division.sigma,
        margin=asked.margin,
        level=asked.level,
        made_at=time.time(),
    )
    sources = {piece.experiment: piece.without for piece in pieces if piece.without}
    return AblationCase(
        plan=plan,
        conditions=conditions,
        sources=sources,
        best=text,
        accepts=terms.config.acceptance.accept_simpler,
        records=layout.records,
        funds=_funds(state, asked.no_cap),
    )


def _funds(state: CampaignState, no_cap: bool) -> Funds:
    funds = funds_of(state)
    return replace(funds, rules=replace(funds.rules, cap_usd=0.0)) if no_cap else funds


def _named(best: Best, text: str, title: str) -> NamedProgram:
    return NamedProgram(
        name="best",
        sha256=sha256_of(text),
        experiment=best.experiment,
        commit=best.commit,
        title=title,
    )


def _on_fresh_rows(terms: Terms, conditions: RunConditions) -> RunConditions:
    """On rows that a merge rests on."""
    if conditions.rows is Rows.NONE:
        return conditions
    block = block_of(Purpose.CONFIRM, terms.task.val_blocks)
    return replace(conditions, block=block, rows=Rows.FRESH if block else Rows.SEEN)


def _planned(
    pieces: list[Piece], best: NamedProgram, asked: Wanted, conditions: RunConditions
) -> tuple[PlannedPiece, ...]:
    """Each piece with its runs: those of the best are the same for all."""
    source = secrets.SystemRandom() if asked.seed is None else Random(asked.seed)
    used = set(conditions.used)
    shared: dict[str, int] = {}
    planned = []
    for piece in pieces:
        plan = None
        if piece.without:
            question = _question(piece, best, asked, conditions)
            runs = planned_runs(question, used, lambda: source.randrange(1, SEEDS), False)
            used |= {run.seed for run in runs}
            named = [
                replace(run, run=f"{piece.experiment}-{run.run.removeprefix(Which.A)}")
                if run.which is Which.A
                else replace(run, seed=shared.setdefault(run.run, run.seed))
                for run in runs
            ]
            plan = Plan(record="", question=question, runs=tuple(named), attempt=1, made_at=0.0)
        planned.append(
            PlannedPiece(
                experiment=piece.experiment,
                title=piece.title,
                added=piece.added,
                removed=piece.removed,
                shorter=piece.shorter,
                trouble=piece.trouble,
                plan=plan,
            )
        )
    return tuple(planned)


def _question(piece: Piece, best: NamedProgram, asked: Wanted, conditions: RunConditions) -> Question:
    program = NamedProgram(
        name=f"best without {piece.experiment}",
        sha256=sha256_of(piece.without),
        title=f"without: {piece.title}",
    )
    return conditions.question(
        RecordKind.ABLATE,
        program,
        best,
        runs=asked.runs,
        sigma=asked.sigma,
        margin=0.0,
        level=asked.level,
    )


def require_room(case: AblationCase, runs: int) -> None:
    """Raises MoneySpentError where so many runs may not fit under the campaign's cap."""
    case.funds.require_room(case.records, runs, case.conditions.budget.wall_cap)


def cost_in_words(case: AblationCase, runs: int) -> str:
    """What so many runs take, by how long those of the baseline took."""
    seconds = runs * fmean([result.seconds.total for result in case.conditions.baseline] or [0.0])
    usd = case.funds.rules.slot_usd(seconds)
    return f"{runs} runs, about {span(seconds)}{f' and {usd:.2f} USD' if usd else ''}"
