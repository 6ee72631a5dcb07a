"""A slot of a simulated swarm: how fast it is, and how its machine distorts what it measures. Pure."""

from msgspec import Struct


class Slot(Struct, frozen=True, kw_only=True):
    """One GPU with its agent."""

    division: str = "gpu"
    """Hardware class."""
    speed: float = 1.0
    """Runs take ``1 / speed`` times as long as usual."""
    noise: float = 1.0
    """σ of its runs is so many times the usual."""
    offset: float = 0.0
    """Its values are worse by this, in the metric's unit, as those of a slot that does less work in a run."""
    drift: float = 0.0
    """Its values grow worse by this every hour, in the metric's unit."""
    odd: bool = False
    """Whether it is one that a campaign should set aside."""


def agent_name(number: int) -> str:
    """Of the agent on the slot of that number, from 0."""
    return f"slot-{number + 1}"
