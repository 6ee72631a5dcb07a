"""One look at a running campaign: its status page, and what has ended since the look before."""

from msgspec import Struct

from coordinator.views.leaderboard import LeaderboardRow
from coordinator.views.status_page import StatusPage


class Overview(Struct, frozen=True, kw_only=True):
    """What somebody who watches is told."""

    page: StatusPage
    rows: list[LeaderboardRow]
    """Of experiments that finished since the look before, in the order of their verdicts."""
    trouble: str = ""
    """Why nothing can be written down now, with what to do; empty when all is well."""
