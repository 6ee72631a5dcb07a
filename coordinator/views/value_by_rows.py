"""A value by the validation rows it was measured on. Pure.

Screens choose by one block of rows; what decides a merge is measured on another, and compared by what the
baseline differs there. How much better a value is on the rows it was chosen by is luck, a search that fits
them, or something that carried them over.
"""

from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from coordinator.state.records import Experiment
from coordinator.views.described import says


class RowsView(Struct, frozen=True, kw_only=True):
    """A value by the validation rows it was measured on: those that screens choose by, and others."""

    screen: Annotated[
        float | None,
        says("Mean on the rows of screens, in the metric's unit; null without such a run."),
    ]
    fresh: Annotated[float, says("Mean on rows that no screen saw, in the metric's unit.")]
    gap: Annotated[float | None, says("screen less fresh, in the metric's unit; null when one is missing.")]


def rows_of(experiment: Experiment) -> RowsView | UnsetType:
    """Its value by validation rows; unset without one on rows that no screen saw."""
    screen, fresh = experiment.on_screen_rows, experiment.on_fresh_rows
    if fresh is None:
        return UNSET
    return RowsView(screen=screen, fresh=fresh, gap=None if screen is None else screen - fresh)
