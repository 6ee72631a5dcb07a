"""The status page of a running campaign, and the experiments that finished since it was last asked for."""

from msgspec import Struct, field

from coordinator.state.campaign_state import CampaignState
from coordinator.views.leaderboard import LeaderboardRow
from coordinator.views.status_page import StatusPage


def tried(state: CampaignState) -> int:
    """Runs of experiments that ended, and last verdicts, in the campaign's whole life; not those of
    baselines.
    """
    asked = ("proposals", "refused")
    return sum(count for arm in state.arms.values() for what, count in arm.items() if what not in asked)


class Overview(Struct, frozen=True, kw_only=True):
    """What a command that follows a campaign gets at each request."""

    page: StatusPage
    rows: list[LeaderboardRow]
    """Of experiments that finished since the request before, in the order of their verdicts."""
    trunk: list[LeaderboardRow] = field(default_factory=list)
    """Of the steps on the trunks now, without a certificate yet."""
    tried: int = 0
    """Runs of experiments that ended, and last verdicts, since this coordinator began; not those of
    baselines.
    """
    trouble: str = ""
    """Why nothing, or no commit, can be written down now, with what to do; empty when all is well."""
