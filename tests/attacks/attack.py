"""What an attack is, and how what came of it is read.

- An attack is a text edit of an honest surface. What it gets hold of it says on a line of its log that begins
  with ``LOOT``: the attacks are ours, so their log can be believed where it is against us.
- It *succeeds* when a better number than the honest one is measured that could be merged, when it has loot, when
  something of it outlives its run or leaves it as text, or when it makes the machine look guilty, which would
  give it another run free of charge. Anything else that can come of it is a word of ``Came``.
- Pure: no process is started here.
"""

from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import assert_never

from msgspec import Struct

from coordinator.rule_values.trust_rules import TrustRules
from coordinator.rules.cpu_bounds import overworked
from coordinator.rules.trust import audited as proven
from evaluator.budget import Budget, Unit
from evaluator.result import Cheated, Crashed, EndedEarly, Lost, Measured, RunResult, TimedOut

Edit = Callable[[str], str]
"""From the text of a surface to that of another."""

LOOT = "LOOT "
CARRIED = "carried-@TOKEN8@"
"""Stands for validation text where an attack tries to have it taken out of the run: 16 characters once the
bait's token is filled in.
"""
NUMBER = "@NUMBER@"
"""The same as a number."""
OVERTIME = "of training within a budget of"
"""In loot that is no thing but time: worth something only where a number comes of it that could be merged."""

MARGIN = 1e-4
"""bits per byte by which a number must be better than the honest one to count as better: runs on one machine
repeat to the bit, threads aside.
"""
BY_CPU = 0.08
"""bits per byte for a run of the demo that is priced by its CPU. Its learning-rate schedule follows a clock whose
price moves, so that runs of one program that use the CPU of the honest run come to 1.405 to 1.470, about as
often worse as better than that (1.440). What they must not have is more CPU.
"""
MORE_CPU = 1.25
"""Times the honest run's CPU of training that such a run may use: the judge takes 1.15 times it for the same, and
one step and what is used once come on top.
"""


class Kind(StrEnum):
    """What an attack goes for."""

    NUMBER = "number"
    LEAK = "leak"
    ADAPTATION = "adaptation"
    CLAIMS = "claims"
    CLOCK = "clock"
    THEFT = "theft"
    ESCAPE = "escape"
    LEFTOVERS = "leftovers"
    LUCK = "luck"
    FLOOD = "flood"


class Came(StrEnum):
    """What came of an attack in one run."""

    HARMLESS = "harmless"
    """Measured, at no better value than an honest run, and with nothing in its hands."""
    CHEATED = "cheated"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    MARKED = "marked"
    """Measured better, but not proven: no twin agreed, it used more CPU than its work explains, or the audit
    leaves as much open as it gains; the result says so and does not merge in strict mode.
    """
    SUCCEEDED = "SUCCEEDED"


STOPPED = frozenset({Came.HARMLESS, Came.CHEATED, Came.CRASHED, Came.TIMED_OUT})
"""Whichever of these comes, the attack got nothing."""

REFUSED = frozenset({Came.TIMED_OUT, Came.MARKED})
"""Always enough: strict mode asks no live variant, so a twin that disagrees nearly everywhere is no proof of a leak,
only no ground to merge; and what is slow to answer meets the budget of its evaluation first.
"""

UNCONFINED = "D E F"
"""Tiers without a mechanism that keeps files apart."""
FILES = "Where files are not confined, what a run writes outside its own folder stays, and the next one can find it."

TINY_BUDGET = Budget(Unit.FLOPS, 6e7, 40.0)
DEMO_BUDGET = Budget(Unit.FLOPS, 1e10, 60.0)
"""Six steps: what is measured is judged as any other, only sooner."""


class Attack(Struct, frozen=True, kw_only=True):
    """One attack.

    tries: one sentence. make: the surface it runs as. then: a second run right after the first, for attacks
    that reach from run to run; what comes of that one counts. on: the surface it is made from, ``tiny`` or
    ``demo``. may: what may come of it in a tier that confines. open: why it may succeed, for those that
    nothing stops. openly: the tiers it may succeed in for that reason; all if empty. warm_up: optimizer steps
    the data leaves uncharged. margin: bits per byte it must be better by to count as better; more than
    ``MARGIN`` for honest programs, which may be a little better than the surface. cpu: times the honest run's CPU
    of training beyond which it got more than its due, whatever value it comes to. in_order: of the baseline only
    what a campaign that decides in order would say is given.
    """

    name: str
    kind: Kind
    tries: str
    make: Edit
    then: Edit | None = None
    on: str = "tiny"
    budget: Budget = TINY_BUDGET
    may: frozenset[Came] = STOPPED
    open: str = ""
    openly: str = ""
    warm_up: int = 0
    margin: float = MARGIN
    cpu: float = inf
    in_order: bool = False

    def is_open(self, tier: str) -> bool:
        """Whether it is known and written down that this may succeed in ``tier``."""
        return bool(self.open) and (not self.openly or tier in self.openly.split())


class Seen(Struct, frozen=True, kw_only=True):
    """A run as the stage saw it. loot: what it said it had. left: what outlived it, text included. audited:
    it was to be audited.
    """

    result: RunResult
    loot: list[str]
    left: list[str]
    audited: bool = True


def read_loot(log: str) -> list[str]:
    """What a log says was obtained."""
    return [line.removeprefix(LOOT)[:200] for line in log.splitlines() if line.startswith(LOOT)]


def came(sight: Seen, honest: RunResult, margin: float = MARGIN, cpu: float = inf) -> Came:
    """What came of a run. honest: of the unmodified surface with the same seed and budget, measured. margin, cpu:
    of the attack.
    """
    assert isinstance(honest.outcome, Measured), honest
    if isinstance(sight.result.outcome, Measured) and _times_the_cpu(sight.result, honest) > cpu:
        return Came.SUCCEEDED
    if sight.left or any(OVERTIME not in item for item in sight.loot):
        return Came.SUCCEEDED
    match sight.result.outcome:
        case Measured(value):
            gain = honest.outcome.value - value
            if gain <= margin and not sight.loot:
                return Came.HARMLESS
            return Came.SUCCEEDED if _mergeable(sight, honest, gain) else Came.MARKED
        case EndedEarly():
            return Came.HARMLESS
        case Cheated():
            return Came.CHEATED
        case Crashed():
            return Came.CRASHED
        case TimedOut():
            return Came.TIMED_OUT
        case Lost():
            return Came.SUCCEEDED
        case _ as never:
            assert_never(never)


def _times_the_cpu(result: RunResult, honest: RunResult) -> float:
    """CPU of training as a multiple of the honest run's; nothing where it is not counted."""
    if result.cpu is None or honest.cpu is None:
        return 0.0
    return result.cpu.train / honest.cpu.train


def _mergeable(sight: Seen, honest: RunResult, gain: float) -> bool:
    """Whether a campaign in strict mode could merge what was measured. Which tiers are trusted is the table's
    columns; a gain of time is none of value.
    """
    if not sight.audited:
        return True
    rules, audit = TrustRules(), sight.result.audit
    if not proven(audit, rules.audit_positions) or overworked([sight.result], [honest], rules):
        return False
    return bool(sight.loot) or (audit is not None and gain > audit.leak_bound)


def proof(result: RunResult) -> str:
    """Kind of the audit behind a result, ``none`` if there was none."""
    audit = result.audit
    return audit.kind if audit else "none"
