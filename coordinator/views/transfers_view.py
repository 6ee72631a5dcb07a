"""What of other divisions' merges was tried in a division, as a value of the status page."""

from typing import Annotated

from msgspec import Struct

from coordinator.views.described import says


class TransfersView(Struct, frozen=True, kw_only=True):
    """Transfers to a division."""

    tried: Annotated[int, says("How many merges of other divisions were tried here.")]
    merged: Annotated[int, says("How many of these are merges here, too.")]
    proposes: Annotated[
        bool,
        says("Whether its agents propose; they do not where campaign.propose_in names others."),
    ]
