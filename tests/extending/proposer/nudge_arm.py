class Nudge(Arm):
    """Moves one constant of the surface."""

    proposer: Literal["nudge"] = "nudge"
    constant: str = "SOFTCAP"
    """The constant that moves."""
    most: Positive = 1.5
    """Largest factor by which it moves, either way."""
