"""What whoever keeps a campaign's agents has to do now. Pure: what was seen is an argument, and doing it
twice does no harm.
"""

from enum import StrEnum

from coordinator.views.status_page import PageState

ORPHANED_SECONDS = 90.0
"""Seconds without any coordinator after which nobody is expected to start one again: Ray restarts one within
ten. One that is there and does not answer is waited for without end.
"""


class Duty(StrEnum):
    """One step."""

    WAIT = "wait"
    START = "start"
    """Agents on slots that have none."""
    DRAIN = "drain"
    """The time of this start is over: no new work."""
    END = "end"
    """Every agent, then the coordinator: nobody needs them."""


def duty(state: PageState | None, absent: float, left: float) -> Duty:
    """The step to take. state: of the campaign, None while its coordinator does not answer. absent: seconds
    since there was a coordinator at all. left: seconds of this start.
    """
    match state:
        case None:
            return Duty.END if absent > ORPHANED_SECONDS else Duty.WAIT
        case PageState.RUNNING:
            return Duty.START if left > 0 else Duty.DRAIN
        case PageState.FINISHED:
            return Duty.END
        case _:
            return Duty.WAIT
