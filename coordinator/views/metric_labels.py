"""Closed lists of label values, and edges of the histograms' buckets. A new label value is a series of every
campaign; an edge that moves makes two campaigns hard to compare.
"""

from typing import get_args

from coordinator.domain import Refusal
from coordinator.state.events import AnyEvent
from evaluator.result import CrashKind, Limit

PHASES = ("startup", "train", "evaluate")
EVENTS = tuple(kind.__struct_config__.tag for kind in get_args(AnyEvent))
PROPOSAL_RESULTS = ("accepted", *(refusal.value for refusal in Refusal))
FAILURES = (*(kind.value for kind in CrashKind), *(f"timed_out_{limit.value}" for limit in Limit), "cheated")

AUDIT_RESULTS = ("agreed", "probed", "disagreed", "none")
"""Of runs that gave a value or were caught: a twin agreed; probes of the live variant found nothing; the
audit found a cheat; nobody looked.
"""
CHEATS = ("leak", "below_floor", "other")
"""What variants are caught at; a word of the judge's that is not among these counts as ``other``."""

PHASE_BUCKETS = (
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 240.0, 290.0, 300.0,
    330.0, 360.0, 600.0, 1200.0,
)  # fmt: skip
"""Seconds. From a demo's training to twenty minutes, close together around the five minutes of the usual
budget.
"""
IMPROVEMENT_BUCKETS = (
    1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1,
    0.2, 0.5, 1.0,
)  # fmt: skip
"""In the metric's unit. From the last steps of a long search in bits per byte to the first ones of a demo."""
GAP_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0, 300.0,
)  # fmt: skip
"""Seconds. A slot should wait for milliseconds; minutes mean that nothing was proposed."""
DELAY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds. An fsync takes a millisecond on a good disk and a second on a network's."""

CALL_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
"""Seconds. From a small model at home to one that thinks for longer than a training takes."""
