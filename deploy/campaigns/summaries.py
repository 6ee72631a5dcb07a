"""The campaigns of a folder, a line of facts each."""

from contextlib import closing
from pathlib import Path

from msgspec import Struct

from configs.errors import ConfigError
from coordinator.store.paths import Layout
from coordinator.views.record_line import RecordLine
from coordinator.views.status_page import DivisionView, StatusPage
from deploy.campaigns.open import Follower, campaigns
from deploy.exit_codes import NothingFoundError

NOT_BEGUN, UNREADABLE = "not begun", "unreadable"


class DivisionBest(Struct, frozen=True, kw_only=True):
    """The best of a division; values are in the metric's unit."""

    division: str
    value: float | None
    """None until its baseline is measured."""
    gain: float | None
    """Over its baseline."""
    gain_sigmas: float | None
    """The same in standard deviations of unchanged code; None where σ is not known or 0."""


class CampaignSummary(Struct, frozen=True, kw_only=True):
    """One campaign. What is not known of one that cannot be read is None."""

    campaign: str
    """Name of its folder."""
    state: str
    """As on the status page, ``not begun`` or ``unreadable``."""
    reason: str
    """Why it has ended or cannot be read; empty otherwise."""
    task: str | None = None
    metric: str | None = None
    experiments: int | None = None
    """How many ended, without baselines."""
    bests: list[DivisionBest] = []
    records: list[RecordLine] = []
    """What certify and verify measured, the oldest first."""
    spend_usd: float | None = None
    """US dollars of models and slots together."""
    started_at: float | None = None
    """Seconds since the epoch, like the next."""
    updated_at: float | None = None


def summaries(folder: Path, now: float) -> list[CampaignSummary]:
    """Every campaign below ``folder``, the most recently used first. now: seconds since the epoch."""
    return [_summary(layout, now) for layout in campaigns(folder)]


def ended(page: StatusPage) -> int:
    """Experiments that had their last verdict. A baseline that is measured counts as merged, and is no
    experiment to a person.
    """
    counts = page.experiments
    measured = sum(division.best is not None for division in page.divisions)
    ends = counts.merged + counts.rejected + counts.crashed + counts.cheated + counts.rolled_back
    return ends - measured


def _summary(layout: Layout, now: float) -> CampaignSummary:
    try:
        with closing(Follower(layout)) as follower:
            page = follower.status(now)
    except NothingFoundError:
        return CampaignSummary(campaign=layout.name, state=NOT_BEGUN, reason="")
    except (ConfigError, OSError) as error:
        return CampaignSummary(campaign=layout.name, state=UNREADABLE, reason=str(error))
    return CampaignSummary(
        campaign=layout.name,
        state=page.state,
        reason=page.reason,
        task=page.task,
        metric=page.metric.name,
        experiments=ended(page),
        bests=[_best(page, division) for division in page.divisions],
        records=page.records or [],
        spend_usd=page.spend_usd,
        started_at=page.started_at,
        updated_at=page.updated_at,
    )


def _best(page: StatusPage, division: DivisionView) -> DivisionBest:
    baseline, sigma = division.baseline.value, division.baseline.sigma
    value = division.best.value if division.best else None
    gain = None if value is None or baseline is None else page.metric.gain(baseline, value)
    return DivisionBest(
        division=division.name,
        value=value,
        gain=gain,
        gain_sigmas=gain / sigma if gain is not None and sigma else None,
    )
