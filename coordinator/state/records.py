"""What the state is made of: runs, experiments, divisions, agents. Changed by
``coordinator.state.campaign_state`` only.
"""

from collections.abc import Iterable
from statistics import fmean

from msgspec import Struct, field

from coordinator.domain import Origin, Purpose, State, Verdict
from coordinator.protocol import Token
from coordinator.rule_values.trust_rules import Grounds
from evaluator.classify import WHILE_EVALUATED
from evaluator.result import Crashed, CrashKind, Measured, RunResult


def value_of(result: RunResult) -> float:
    """The value of a measured result. Raises LookupError for another."""
    if not isinstance(result.outcome, Measured):
        raise LookupError(f"run {result.run} was not measured")
    return result.outcome.value


SPEAKS = (CrashKind.DOES_NOT_START, CrashKind.EXCEPTION, CrashKind.OUT_OF_MEMORY)
"""Crashes whose message is a line of the variant's log; that of the others is the judge's."""


def evaluation_began(result: RunResult) -> bool:
    """Whether the run may have been shown validation rows: nothing that it wrote or said may reach a proposer
    then, or the next program would be made with them in view.
    """
    return result.seconds.evaluate > 0


def is_withheld(result: RunResult, crash: Crashed) -> bool:
    """Whether the message of the crash is kept from proposers."""
    return evaluation_began(result) and crash.kind in SPEAKS


def _mean(values: Iterable[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return fmean(measured) if measured else None


class Run(Struct, kw_only=True):
    """One run of an experiment: queued, then leased once or several times, then reported."""

    run: str
    experiment: str
    purpose: Purpose
    seed: int
    round: int
    """Of its experiment when it was queued; only runs of the present round count for a verdict."""
    block: int = 0
    """Of validation rows, that it is evaluated on; 0 is what screens see."""
    offset: float = 0.0
    """What the baseline's value is more there than on block 0, in the metric's unit."""
    seed_offset: float = 0.0
    """What runs of that seed are more, in the metric's unit; 0 where seeds are not alike."""
    attempts: int = 0
    """Leases that were lost by what may be its own fault."""
    token: Token | None = None
    """Of its last lease, held or not; None before the first."""
    agent: str | None = None
    """Who holds a lease on it now."""
    incarnation: str = ""
    """Of the agent, when the last lease was given."""
    leased_at: float = 0.0
    """When that was, in seconds since the epoch."""
    seconds: float = 0.0
    """It kept its slot busy, by its result; 0 before that."""
    result: RunResult | None = None
    """What was reported in time."""
    slot: str = ""
    """That it was last leased to, see ``Agent.slot``; empty before."""
    void: bool = False
    """Whether it counts for nothing, as its slot was set aside before its experiment had a verdict."""

    @property
    def open(self) -> bool:
        """Whether an agent holds a lease on it."""
        return self.agent is not None

    @property
    def value(self) -> float | None:
        """What was measured, in the metric's unit and comparable with values on other blocks and seeds: less
        what the baseline differs on its block, and with its seed where programs share that. None without a
        measurement.
        """
        if self.result is None or not isinstance(self.result.outcome, Measured):
            return None
        return value_of(self.result) - self.offset - self.seed_offset


class Experiment(Struct, kw_only=True):
    """One idea and what became of it. Times are seconds since the epoch."""

    experiment: str
    ordinal: int
    """In the order of proposal, from 1; 0 for a baseline."""
    division: str
    arm: str
    """Empty for a baseline."""
    agent: str
    """Who proposed it; empty for a baseline and for a person's variant."""
    parent: str
    """Commit it is made from now; a rebase changes it. Empty for a baseline."""
    commit: str
    """Its own; a rebase changes it."""
    digest: str
    """Of the program at that commit."""
    title: str
    hypothesis: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    """Module constants as Python literals, where its proposer said them."""
    calls: list[str] = field(default_factory=list)
    """Ids of the model calls it came of."""
    state: State = State.QUEUED
    round: int = 1
    """Grows with every rebase; runs of earlier rounds do not count."""
    earlier_parents: tuple[str, ...] = ()
    """Commits it was made from in those rounds, the first round's first."""
    runs: list[Run] = field(default_factory=list)
    """Of all rounds, in the order they were queued."""
    verdict: Verdict | None = None
    """The last one."""
    reason: str = ""
    """Of that, or of its crash, in words."""
    origin: Origin = Origin.BEST
    """What its arm's variants are made from."""
    value: float | None = None
    """Mean of the runs the last verdict rests on, in the metric's unit."""
    estimate: float | None = None
    """What it might have come to, of one that was ended early: by its own losses, no measurement."""
    gain: float = 0.0
    """How much better its merge made the best, in the metric's unit; 0 without one."""
    merge_commit: str = ""
    """Of its merge: the best from then on."""
    grounds: Grounds | None = None
    """What its merge rests on; None in old journals."""
    stepped: bool = False
    """It is, or was, a step of a trunk."""
    step_value: float | None = None
    """What it was taken for one by, in the metric's unit."""
    due: int = 0
    """In order, of its certificate: the ordinal before whose verdict it is given."""
    resolved: int = 0
    """Ordinal whose verdict has to be known for what its certificate came to to be known; 0 before."""
    delta: float | None = None
    """Gain over the best it was compared with, in the metric's unit."""
    near: bool = False
    """Rejected, and worse by no more than the noise."""
    bests: int = 0
    """How many bests its division had had by its last verdict."""
    failure: str = ""
    """Crash class, ``timed_out`` or ``cheated``."""
    withheld: bool = False
    """The words of its crash may hold validation text, and are for people only."""
    constant_changes: dict[str, str] = field(default_factory=dict)
    """From its first parent: ``up``, ``down`` or ``changed`` by name of the constant."""
    killed: bool = False
    """A run of it was lost because its process was killed from outside: the second time it is its own doing.
    """
    needs: float = 0.0
    """Seconds of real time that its runs get at least, as one of them was ended on a slow machine; else 0."""
    repairs: str = ""
    """The experiment it repairs."""
    combines: list[str] = field(default_factory=list)
    """The two experiments that the coordinator made it of; else none."""
    repaired: str = ""
    """The experiment that repairs it."""
    transfers: str = ""
    """The experiment of another division whose merge it brings here."""
    transferred: dict[str, str] = field(default_factory=dict)
    """Where its merge was tried besides: by division the experiment there, or why there is none."""
    proposed_at: float = 0.0
    started_at: float | None = None
    """When its first run was leased."""
    finished_at: float | None = None
    """When it had its last verdict."""
    story: list[str] = field(default_factory=list)
    """Its events so far, a line each: when and which."""

    @property
    def counted(self) -> list[Run]:
        """Runs of the present round that its own verdicts rest on."""
        return [
            run
            for run in self.runs
            if run.round == self.round and run.purpose is not Purpose.REFRESH and not run.void
        ]

    @property
    def resting(self) -> list[Run]:
        """Measured runs of the present round that its verdict rests on, in their order: those on rows that no
        screen saw, and before there is one, all. A certificate rests on confirm runs alone.
        """
        measured = [run for run in self.counted if run.value is not None]
        if self.stepped:
            return [run for run in measured if run.purpose is Purpose.CONFIRM] or measured
        return [run for run in measured if run.block] or measured

    @property
    def values(self) -> list[float]:
        """Comparable values of those, in the metric's unit."""
        return [run.value for run in self.resting if run.value is not None]

    @property
    def on_screen_rows(self) -> float | None:
        """Mean value of the present round on the rows that screens see; None without one."""
        return _mean(run.value for run in self.counted if not run.block)

    @property
    def on_fresh_rows(self) -> float | None:
        """The same on rows that no screen saw, comparable with it."""
        return _mean(run.value for run in self.counted if run.block)

    @property
    def measured(self) -> list[RunResult]:
        """Measured results of the present round, in the order of their runs."""
        return [run.result for run in self.counted if run.result and isinstance(run.result.outcome, Measured)]

    @property
    def failures(self) -> list[RunResult]:
        """Results of the present round that are no measurement, in the order of their runs."""
        return [
            run.result for run in self.counted if run.result and not isinstance(run.result.outcome, Measured)
        ]

    @property
    def public_reason(self) -> str:
        """The reason as proposers may know it."""
        return f"{self.failure.replace('_', ' ')}: {WHILE_EVALUATED}" if self.withheld else self.reason

    @property
    def hours(self) -> float:
        """Hours for which its runs kept their slots busy, those of earlier rounds too; what a machine lost
        costs it nothing.
        """
        return sum(run.seconds for run in self.runs) / 3600

    @property
    def settled(self) -> bool:
        """Whether the proposals behind it may go on: it has its last verdict, or is a step."""
        return self.stepped or self.state.final

    @property
    def complete(self) -> bool:
        """Whether every run of the present round has a result."""
        return all(run.result is not None for run in self.counted)

    @property
    def baseline(self) -> bool:
        """Whether it is the unmodified surface."""
        return self.ordinal == 0
