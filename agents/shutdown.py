"""How an agent comes to its end: closing, then perhaps halting, then over."""

from threading import Event


class Shutdown:
    """closing: no new leases, no new thoughts. halting: the run in hand is cancelled too. over: the agent has
    left. reason: for the coordinator.
    """

    def __init__(self) -> None:
        self.closing = Event()
        self.halting = Event()
        self.over = Event()
        self.reason = "finished"
