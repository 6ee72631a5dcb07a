"""What arms cost in dollars."""

from coordinator.state import CampaignState


def spent_usd(state: CampaignState, arm: str) -> float:  # noqa: ARG001 - nothing in a state has a price yet
    """Dollars the arm's model calls and hours of slots came to; 0 while nothing is priced."""
    return 0.0
