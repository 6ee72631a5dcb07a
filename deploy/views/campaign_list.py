"""The campaigns of a folder as people see them."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from coordinator.views.record_line import RecordLine
from deploy.campaigns.summaries import CampaignSummary, DivisionBest
from deploy.views.sanitize import one_line
from deploy.views.tables import align_right, headed
from deploy.views.units import minute, number, usd

DROP = ("records", "started (UTC)", "metric", "task", "division", "spent", "last event (UTC)", "on base")
"""What a narrow terminal does without, the first one first."""


def campaign_list(campaigns: Sequence[CampaignSummary]) -> RenderableType:
    """A line for each campaign; one of several divisions has a line for each."""
    names = ["campaign", "state", "experiments", "best", "on base", "spent", "last event (UTC)"]
    tested = ["records"] * any(campaign.records for campaign in campaigns)
    table = headed(*names, "started (UTC)", "task", "metric", "division", *tested, drop=DROP, folded=())
    align_right(table, range(2, 6))
    for campaign in campaigns:
        bests: Sequence[DivisionBest | None] = campaign.bests or [None]
        first, *others = bests
        table.add_row(
            Text(one_line(campaign.campaign)),
            Text(campaign.state, style="red" if campaign.metric is None else ""),
            "–" if campaign.experiments is None else str(campaign.experiments),
            *_best(first),
            "–" if campaign.spend_usd is None else usd(campaign.spend_usd),
            minute(campaign.updated_at),
            minute(campaign.started_at),
            Text(one_line(campaign.task or "–")),
            campaign.metric or "–",
            first.division if first else "–",
            *[_records(campaign.records) for _ in tested],
        )
        for best in others:
            table.add_row(
                "", "", "", *_best(best), *[""] * 5, best.division if best else "", *[""] * len(tested)
            )
    return table


def _records(lines: Sequence[RecordLine]) -> str:
    """``1 certified of 3``."""
    certified = sum(line.certified for line in lines)
    return f"{certified} certified of {len(lines)}" if lines else "–"


def _best(best: DivisionBest | None) -> list[str]:
    """Value and gain."""
    if best is None or best.value is None:
        return ["–", "–"]
    return [number(best.value), "–" if best.gain_sigmas is None else f"{best.gain_sigmas:+.1f} σ"]
