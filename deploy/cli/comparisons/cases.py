"""What was typed as a question with all that is needed to answer it: ``certify`` and ``verify``."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from configs.errors import ConfigError
from coordinator.state.campaign_state import CampaignState
from coordinator.store.journal import locked
from coordinator.store.paths import Layout
from coordinator.variants.source import SurfaceError, digest
from deploy.campaigns.find import find_division
from deploy.campaigns.terms import Terms, terms_of
from deploy.cli.comparisons import conditions as how
from deploy.cli.comparisons.answering import Inquiry
from deploy.cli.comparisons.conditions import RunConditions
from deploy.cli.comparisons.question import RecordKind, Which
from deploy.cli.comparisons.record_folders import OUTSIDE
from deploy.cli.comparisons.targets import Target, of_commit, of_experiment, of_path, of_text
from deploy.cli.comparisons.under_cap import funds_of
from deploy.exit_codes import NothingFoundError
from trainer.task import Task

CLAIM, BASELINE, BEST = "claim", "baseline", "best"


class Requested(Struct, frozen=True, kw_only=True):
    """What both commands take."""

    what: str
    against: str
    runs: int
    sigma: float | Literal["campaign"] | None
    margin: float
    level: float
    seed: int | None
    data: Path | None
    repository: Path | None = None
    """Where a commit is looked for; None: in the campaign's own."""
    seen_rows: bool = False
    no_cap: bool = False
    """Whether the campaign's cap does not hold for it."""


class Outside(Struct, frozen=True, kw_only=True):
    """What ``verify`` takes outside a campaign."""

    task: str | None
    size: str | None
    cores: int
    allow_untrusted: bool


def to_certify(
    layout: Layout, state: CampaignState, asked: Requested, tell: Callable[[str], None]
) -> Inquiry:
    """A campaign's program, or a file, against its baseline. Raises ConfigError, NothingFoundError."""
    target = _in_campaign(layout, state, asked)
    case = _inside(layout, state, asked, target, RecordKind.CERTIFY, tell)
    if _same(case.sources[Which.A], case.sources[Which.B]):
        raise NothingFoundError(
            f"{target.program.name} does what {asked.against} does: there is nothing to certify",
            "Name another program: `autoswarm leaderboard` lists what was tried.",
        )
    return case


def to_verify(layout: Layout, state: CampaignState, asked: Requested, tell: Callable[[str], None]) -> Inquiry:
    """Somebody's program by a campaign's terms. Raises ConfigError, NothingFoundError."""
    target = _in_campaign(layout, state, asked)
    return _inside(layout, state, asked, target, RecordKind.VERIFY, tell)


def to_verify_outside(asked: Requested, wanted: Outside, tell: Callable[[str], None]) -> Inquiry:
    """Somebody's program outside any campaign, by a task of ours. Raises ConfigError, NothingFoundError."""
    target = _elsewhere(asked, "train.py")
    claim = target.claim
    name = wanted.task or (how.shipped(claim.task) if claim else "demo")
    task, budget = how.budget_like(name, wanted.size, claim.budget if claim else None)
    if task.surface != "train.py":
        target = _elsewhere(asked, task.surface)
    conditions = how.outside(
        task, budget, asked.data or Path("data"), wanted.cores, wanted.allow_untrusted, tell
    )
    against = _against_outside(asked, task)
    unmodified = against is not None and against.source == task.source
    if asked.sigma == "campaign":
        raise ConfigError("--sigma campaign needs a campaign", "Name one with -c, or give σ as a number.")
    return _case(
        RecordKind.VERIFY, asked, asked.sigma, target, against, conditions, unmodified, OUTSIDE, tell
    )


def _inside(
    layout: Layout,
    state: CampaignState,
    asked: Requested,
    target: Target,
    kind: RecordKind,
    tell: Callable[[str], None],
) -> Inquiry:
    division = find_division(state, target.division)
    against = _against(layout, state, asked, division.name)
    if against is not None and against.division not in ("", division.name):
        raise ConfigError(
            f"{against.program.name} is of division {against.division}, not of {division.name}",
            "Values compare only inside a division.",
        )
    terms = terms_of(layout, state, division, asked.data)
    if locked(layout.folder):
        tell(f"campaign {layout.name} is running: its runs share this machine")
    conditions = how.inside(terms, asked.seen_rows or kind is RecordKind.VERIFY, tell)
    unmodified = against is not None and against.program.experiment == division.baseline
    sigma = _sigma(terms, asked)
    case = _case(kind, asked, sigma, target, against, conditions, unmodified, layout.records, tell)
    return case if asked.no_cap else replace(case, funds=funds_of(state))


def _case(
    kind: RecordKind,
    asked: Requested,
    sigma: float | None,
    target: Target,
    against: Target | None,
    conditions: RunConditions,
    unmodified: bool,
    records: Path,
    tell: Callable[[str], None],
) -> Inquiry:
    _look_at_package(target, against, tell)
    question = conditions.question(
        kind,
        target.program,
        against.program if against else None,
        claim=target.claim,
        runs=asked.runs,
        sigma=sigma,
        margin=asked.margin,
        level=asked.level,
    )
    return Inquiry(
        question=question,
        conditions=conditions,
        sources=_sources(target, against, conditions),
        unmodified=unmodified,
        records=records,
        seed=asked.seed,
    )


def _sources(target: Target, against: Target | None, conditions: RunConditions) -> dict[Which, str]:
    sources = {Which.A: target.source, Which.REFERENCE: conditions.task.source}
    return sources if against is None else sources | {Which.B: against.source}


def _look_at_package(target: Target, against: Target | None, tell: Callable[[str], None]) -> None:
    """Say what is wrong with it. Raises ConfigError where it lacks what is asked of it."""
    if target.trouble:
        tell(f"the package claims nothing that can be read: {target.trouble}")
    for line in target.claim.differs if target.claim else ():
        tell(f"the package is not what its record says, and its claim is not believed: {line}")
    if against is None and (target.claim is None or target.claim.value is None):
        raise ConfigError(
            f"{target.program.name} comes with no value that is claimed",
            "Name the folder of a package, or compare it with something else: --against baseline.",
        )


def _sigma(terms: Terms, asked: Requested) -> float | None:
    if asked.sigma != "campaign":
        return asked.sigma
    if not terms.division.sigma:
        raise ConfigError(
            f"σ of division {terms.division.name} is not known, or 0", "Leave --sigma out: the runs show it."
        )
    return terms.division.sigma


def _in_campaign(layout: Layout, state: CampaignState, asked: Requested) -> Target:
    """A path, an experiment, or a commit that the journal does not know."""
    surface = state.start.surface
    if asked.repository is not None or _is_path(asked.what):
        return _elsewhere(asked, surface)
    try:
        return of_experiment(layout, state, asked.what)
    except NothingFoundError:
        if asked.what.partition("/")[0] in (BEST, BASELINE):
            raise
    try:
        return of_commit(layout.repository, asked.what, surface)
    except NothingFoundError:
        raise NothingFoundError(
            f"there is no experiment and no commit {asked.what!r} in campaign {layout.name}",
            f"`autoswarm leaderboard` lists experiments; fetch a commit into {layout.repository}, or name its"
            " repository with --repository.",
        ) from None


def _elsewhere(asked: Requested, surface: str) -> Target:
    if asked.repository is not None:
        return of_commit(asked.repository, asked.what, surface)
    return of_path(Path(asked.what), surface)


def _against(layout: Layout, state: CampaignState, asked: Requested, division: str) -> Target | None:
    if asked.against == CLAIM:
        return None
    if _is_path(asked.against):
        return of_path(Path(asked.against), state.start.surface)
    own = asked.against in (BASELINE, BEST)
    return of_experiment(layout, state, f"{asked.against}/{division}" if own else asked.against)


def _against_outside(asked: Requested, task: Task) -> Target | None:
    if asked.against == CLAIM:
        return None
    if asked.against == BASELINE:
        return of_text(task.source, f"the unmodified {task.surface} of task {task.name}")
    if _is_path(asked.against):
        return of_path(Path(asked.against), task.surface)
    raise ConfigError(
        f"--against {asked.against} needs a campaign", "Name one with -c, or say baseline, claim or a FILE."
    )


def _is_path(text: str) -> bool:
    return text not in (BEST, BASELINE) and Path(text).exists()


def _same(a: str, b: str) -> bool:
    """Whether two programs do the same, whatever their comments say."""
    try:
        return digest(a) == digest(b)
    except SurfaceError:
        return False
