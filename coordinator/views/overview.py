"""The status page of a running campaign, and the experiments that finished since it was last asked for."""

from msgspec import Struct

from coordinator.views.leaderboard import LeaderboardRow
from coordinator.views.status_page import StatusPage


class Overview(Struct, frozen=True, kw_only=True):
    """What a command that follows a campaign gets at each request."""

    page: StatusPage
    rows: list[LeaderboardRow]
    """Of experiments that finished since the request before, in the order of their verdicts."""
    trouble: str = ""
    """Why nothing can be written down now, with what to do; empty when all is well."""
