"""What a status page says of early stops in a division."""

from typing import Annotated

from msgspec import Struct

from coordinator.views.described import says


class EarlyStopView(Struct, frozen=True, kw_only=True):
    """Screens that are looked at before their end, and ended where their losses say it is no use."""

    at: Annotated[
        float, says("Share of the budget, 0 to 1, at which a screen is looked at; 0 when switched off.")
    ]
    ended: Annotated[int, says("Experiments whose screens were ended there.")]
    saved_hours: Annotated[float, says("Hours of slots that these saved, about.")]
    audited: Annotated[int, says("Runs that were over their bars and went on to a value.")]
    better: Annotated[int, says("Of these runs, those that came out better than what they were made from.")]
    bar: Annotated[
        float | None, says("Mean loss, as runs print it, above which one is ended now; null without a bar.")
    ]
    runs: Annotated[int, says("Runs with a loss and a value that the bar rests on.")]
    together: Annotated[
        float | None, says("Rank correlation of losses and values of these runs; null when too few.")
    ]
    off: Annotated[str, says("Why nobody is ended now; empty where some may be.")]
