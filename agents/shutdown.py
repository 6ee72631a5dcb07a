"""How an agent comes to its end: closing, then perhaps halting, then over."""

from threading import Event


class Shutdown:
    """Three events that are set in this order, never cleared."""

    def __init__(self) -> None:
        self.closing = Event()
        """No new leases, no new thoughts."""
        self.halting = Event()
        """The run in hand is cancelled too."""
        self.over = Event()
        """The agent has left."""
        self.reason = "finished"
        """For the coordinator."""
