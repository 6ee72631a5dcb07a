"""What the parts of one agent share: who it is, its line to the coordinator, and how it waits and ends."""

from msgspec import Struct

from agents.backoff import Clock, Waits
from agents.link import Link
from agents.shutdown import Shutdown


class AgentContext(Struct, frozen=True, kw_only=True):
    """Made once, by the agent's loop."""

    agent: str
    link: Link
    shutdown: Shutdown
    clock: Clock
    waits: Waits
