"""How much of a run's claims a twin is to check. Pure: made by the coordinator, carried in the lease, obeyed
by the judge.
"""

from msgspec import Struct


class AuditPlan(Struct, frozen=True):
    """What the judge is to audit."""

    positions: int = 2048
    """Compared of a run that would be merged, one whose value is on the better side of ``merge_below``."""

    share: float = 0.05
    """Probability that another run is audited, at ``share_positions``. The coordinator draws from the
    campaign's seed which other runs are, and sends 0 or 1; the judge draws for a share in between.
    """

    share_positions: int = 256

    merge_below: float | None = None
    """Where the better side ends (minimize: below it); None: no run would be merged."""

    mode: str = "normal"
    """``strict``, ``normal`` or ``off``."""
