"""What a run may spend, and how spending is priced.

A budget has a unit. ``seconds`` is the real mode on GPUs: the judge's own monotonic clock. The two other
units are deterministic, so that the same code costs the same on a quiet and on a busy machine: ``flops``
counts floating-point operations, ``virtual_seconds`` prices floating-point operations, dispatched operations
and bytes written with constants fitted on one CPU core. Values measured under different units are never
compared.
"""

from enum import StrEnum

from msgspec import Struct


class Unit(StrEnum):
    """Unit of a budget."""

    SECONDS = "seconds"
    FLOPS = "flops"
    VIRTUAL_SECONDS = "virtual_seconds"

    @property
    def deterministic(self) -> bool:
        """Whether the same code always spends the same, whatever else the machine does."""
        return self is not Unit.SECONDS


class Budget(Struct, frozen=True):
    """What one run may spend on training."""

    unit: Unit

    amount: float
    """In the unit."""

    wall_cap: float
    """Seconds of real time after which the run is killed whatever it has spent, start and evaluation
    included.
    """


class Work(Struct, frozen=True):
    """Work done by a piece of a training, counted as operations are dispatched."""

    flops: float = 0.0
    """Floating-point operations."""

    ops: float = 0.0
    """Dispatched tensor operations."""

    bytes_written: float = 0.0
    """Bytes of their outputs."""


def virtual_seconds(work: Work) -> float:
    """Price of ``work`` on one reference CPU core, in seconds.

    t[ms] = 7.12 per GFLOP + 1.60 per thousand operations + 171 per GB written: a least-squares fit over
    single-edit variants of the demo task, within 6-7 % of the measured time of each (Spearman .99).
    """
    return (7.12e-9 * work.flops + 1.60e-3 * work.ops + 171e-9 * work.bytes_written) / 1e3


def price(unit: Unit, work: Work) -> float:
    """Price of ``work`` in ``unit``. Raises ValueError for ``seconds``, which only a clock shows."""
    match unit:
        case Unit.FLOPS:
            return work.flops
        case Unit.VIRTUAL_SECONDS:
            return virtual_seconds(work)
        case Unit.SECONDS:
            raise ValueError("seconds are read from a clock, not counted")


def nominal_seconds(unit: Unit, amount: float) -> float:
    """``amount`` of a budget as seconds on the clock a variant sees: of the reference core for the
    deterministic units.
    """
    return price(Unit.VIRTUAL_SECONDS, Work(flops=amount)) if unit is Unit.FLOPS else amount
