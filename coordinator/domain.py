"""The swarm's words as values: metric, states, purposes, verdicts.

- A state is a small enum with a successor table; a step outside the table raises ``InvalidTransition`` with
  that experiment's own story.
- Nothing here or above a task folder knows which metric is meant or whether lower is better: ask
  ``Metric.gain``.
"""

from enum import StrEnum

from msgspec import Struct


class Direction(StrEnum):
    """Which way a metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Metric(Struct, frozen=True):
    """The one number a campaign improves."""

    name: str
    direction: Direction

    def gain(self, old: float, new: float) -> float:
        """How much better ``new`` is than ``old``, in the metric's unit; negative when worse."""
        return old - new if self.direction is Direction.MINIMIZE else new - old

    def improved(self, old: float, gain: float) -> float:
        """The value that is better than ``old`` by ``gain``; worse, where that is negative."""
        return old - gain if self.direction is Direction.MINIMIZE else old + gain


class State(StrEnum):
    """State of an experiment."""

    QUEUED = "queued"
    RUNNING = "running"
    MEASURED = "measured"
    CONFIRMING = "confirming"
    STALE = "stale"
    STEPPED = "stepped"
    """The trunk goes on from it; no certificate has passed on it yet."""
    MERGED = "merged"
    REJECTED = "rejected"
    CRASHED = "crashed"
    CHEATED = "cheated"
    ROLLED_BACK = "rolled_back"
    """It was a step of a trunk whose certificate failed."""

    @property
    def final(self) -> bool:
        """Whether the experiment has its last verdict."""
        return not SUCCESSORS[self]


SUCCESSORS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.STALE, State.STEPPED}),
    State.RUNNING: frozenset({State.QUEUED, State.MEASURED, State.CRASHED, State.CHEATED, State.REJECTED}),
    State.MEASURED: frozenset(
        {
            *(State.CONFIRMING, State.STALE, State.STEPPED, State.MERGED, State.REJECTED),
            *(State.ROLLED_BACK, State.CRASHED, State.CHEATED),
        }
    ),
    State.CONFIRMING: frozenset({State.MEASURED, State.ROLLED_BACK, State.CRASHED, State.CHEATED}),
    State.STALE: frozenset({State.QUEUED, State.REJECTED}),
    State.STEPPED: frozenset({State.CONFIRMING, State.MERGED, State.ROLLED_BACK}),
    State.MERGED: frozenset(),
    State.REJECTED: frozenset(),
    State.CRASHED: frozenset(),
    State.CHEATED: frozenset(),
    State.ROLLED_BACK: frozenset(),
}
"""Where each state may go. RUNNING → QUEUED is a lost lease; RUNNING → REJECTED is a screen ended early;
STALE → QUEUED is a variant rebased on the head; CONFIRMING → MEASURED is its last confirm run coming in;
QUEUED → STEPPED is one that was put on a trunk as it was better than what it was made from; STEPPED →
CONFIRMING begins a certificate, which may end in MEASURED → CRASHED. A paragraph for each is in
docs/architecture.md.
"""


class Purpose(StrEnum):
    """Why a run is made. ``combine``: the first run of what was made of two parked experiments."""

    BASELINE = "baseline"
    SCREEN = "screen"
    CONFIRM = "confirm"
    REFRESH = "refresh"
    RETEST = "retest"
    COMBINE = "combine"


PRIORITY: dict[Purpose, int] = {
    Purpose.BASELINE: 0,
    Purpose.CONFIRM: 1,
    Purpose.RETEST: 2,
    Purpose.COMBINE: 3,
    Purpose.REFRESH: 4,
    Purpose.SCREEN: 5,
}
"""Which queued run goes first: what a decision waits for before what is new."""


class Verdict(StrEnum):
    """What the coordinator decided about an experiment."""

    MERGE = "merge"
    REJECT = "reject"
    CONFIRM = "confirm"
    RETEST = "retest"
    STEP = "step"
    """The trunk goes on from it."""
    ROLL_BACK = "roll_back"
    """Its certificate failed: the trunk is back at the best."""


class Refusal(StrEnum):
    """Why a proposal was refused before any training."""

    DUPLICATE = "duplicate"
    NO_OP = "no_op"
    DOES_NOT_COMPILE = "does_not_compile"
    CONTRACT = "contract"
    """It cannot come to a number: it leaves out what the judge has to be asked for."""
    PACKAGE = "package"
    """It imports a package the task does not offer."""
    OUTSIDE_SURFACE = "outside_surface"
    TOO_LARGE = "too_large"
    STALE_BRIEF = "stale_brief"
    """The brief it answers was answered already; ask for another. Nothing is wrong with the proposal."""
    CONFLICT = "conflict"
    """It was to be tried in another division, and does not apply to the head there."""
    CLOSED = "closed"
    """The campaign takes no new work."""

    @property
    def reaskable(self) -> bool:
        """Whether another answer to the same brief may be welcome."""
        return self not in (Refusal.STALE_BRIEF, Refusal.CLOSED)


class Strategy(StrEnum):
    """What kind of idea a brief asks for. It never changes what a verdict rests on."""

    FREE = "free"
    """Whatever seems best."""
    EXPLORE = "explore"
    TUNE = "tune"
    SIMPLIFY = "simplify"
    ABLATE = "ablate"
    """Take back something that was merged."""
    COMBINE = "combine"


class Origin(StrEnum):
    """What an arm's variants are made from."""

    BEST = "best"
    BASELINE = "baseline"
    """The unmodified surface, always: such an arm builds on nothing that others found."""


class ArmChoice(StrEnum):
    """How the arm of a brief is chosen."""

    WEIGHTS = "weights"
    BANDIT = "bandit"


class Phase(StrEnum):
    """State of a campaign."""

    RUNNING = "running"
    DRAINING = "draining"
    """No new leases; open runs finish."""
    FINISHED = "finished"
