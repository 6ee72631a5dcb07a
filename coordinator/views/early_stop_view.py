"""What a status page says of early stops in a division."""

from typing import Annotated

from msgspec import Meta, Struct


def _says(description: str) -> Meta:
    return Meta(description=description)


class EarlyStopView(Struct, frozen=True, kw_only=True):
    """Screens that are looked at before their end, and ended where their losses say it is no use."""

    at: Annotated[
        float, _says("Share of the budget, 0 to 1, at which a screen is looked at; 0 when switched off.")
    ]
    ended: Annotated[int, _says("Experiments whose screens were ended there.")]
    saved_hours: Annotated[float, _says("Hours of slots that these saved, about.")]
    audited: Annotated[int, _says("Runs that were over their bars and went on to a value.")]
    better: Annotated[int, _says("Of these runs, those that came out better than what they were made from.")]
    bar: Annotated[
        float | None, _says("Mean loss, as runs print it, above which one is ended now; null without a bar.")
    ]
    runs: Annotated[int, _says("Runs with a loss and a value that the bar rests on.")]
    together: Annotated[
        float | None, _says("Rank correlation of losses and values of these runs; null when too few.")
    ]
    off: Annotated[str, _says("Why nobody is ended now; empty where some may be.")]
