"""What the state is made of: runs, experiments, divisions, agents. Changed by
``coordinator.state.campaign_state`` only.
"""

from msgspec import Struct, field

from coordinator.domain import Origin, Purpose, State, Verdict
from coordinator.protocol import AgentCard, Token
from coordinator.state.trust_rules import Grounds
from evaluator.result import Measured, RunResult


def value_of(result: RunResult) -> float:
    """The value of a measured result. Raises LookupError for another."""
    if not isinstance(result.outcome, Measured):
        raise LookupError(f"run {result.run} was not measured")
    return result.outcome.value


class Run(Struct, kw_only=True):
    """One run. round: of its experiment when it was queued; only runs of the present round count for a
    verdict. seconds: it kept its slot busy.
    """

    run: str
    experiment: str
    purpose: Purpose
    seed: int
    round: int
    attempts: int = 0
    token: Token | None = None
    agent: str | None = None
    incarnation: str = ""
    leased_at: float = 0.0
    seconds: float = 0.0
    result: RunResult | None = None

    @property
    def open(self) -> bool:
        """Whether an agent holds a lease on it."""
        return self.agent is not None


class Experiment(Struct, kw_only=True):
    """One idea and what became of it. ordinal: 0 for a baseline. grounds: what its merge rests on.

    gain: how much better its merge made the best, in the metric's unit; 0 without one. delta: gain over the
    best it was compared with, in that unit. near: rejected by no more than the noise. bests: how many bests
    its division had had by its last verdict. failure: crash class, ``timed_out`` or ``cheated``.
    constant_changes: from its parent, by name of the constant. repairs: the experiment it repairs; repaired:
    the one that repairs it.
    """

    experiment: str
    ordinal: int
    division: str
    arm: str
    agent: str
    parent: str
    commit: str
    digest: str
    title: str
    hypothesis: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    state: State = State.QUEUED
    round: int = 1
    runs: list[Run] = field(default_factory=list)
    verdict: Verdict | None = None
    reason: str = ""
    origin: Origin = Origin.BEST
    value: float | None = None
    gain: float = 0.0
    merge_commit: str = ""
    grounds: Grounds | None = None
    delta: float | None = None
    near: bool = False
    bests: int = 0
    failure: str = ""
    constant_changes: dict[str, str] = field(default_factory=dict)
    repairs: str = ""
    repaired: str = ""
    proposed_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    story: list[str] = field(default_factory=list)

    @property
    def counted(self) -> list[Run]:
        """Runs of the present round."""
        return [run for run in self.runs if run.round == self.round]

    @property
    def values(self) -> list[float]:
        """Measured values of the present round, in the order of their runs."""
        return [value_of(result) for result in self.measured]

    @property
    def measured(self) -> list[RunResult]:
        """Measured results of the present round, in the order of their runs."""
        return [run.result for run in self.counted if run.result and isinstance(run.result.outcome, Measured)]

    @property
    def hours(self) -> float:
        """Hours for which its runs kept their slots busy, those of earlier rounds too; what a machine lost
        costs it nothing.
        """
        return sum(run.seconds for run in self.runs) / 3600

    @property
    def complete(self) -> bool:
        """Whether every run of the present round has a result."""
        return all(run.result is not None for run in self.counted)

    @property
    def baseline(self) -> bool:
        """Whether it is the unmodified surface."""
        return self.ordinal == 0


class Best(Struct, frozen=True):
    """The commit that holds a division. ordinal: of its experiment; 0 is the baseline. at: seconds since the
    epoch.
    """

    experiment: str
    ordinal: int
    commit: str
    value: float
    runs: int
    at: float


class Division(Struct, kw_only=True):
    """A hardware class: values compare only inside one. history: every best, the present one last. queued:
    runs waiting, by urgency.

    ordinals: of what was proposed in it, ascending. dry: experiments that ended since its last merge.
    """

    name: str
    baseline: str
    sigma: float | None = None
    history: list[Best] = field(default_factory=list)
    queued: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    screens: int = 0
    ordinals: list[int] = field(default_factory=list)
    dry: int = 0

    @property
    def best(self) -> Best | None:
        """The present best, None until the baseline is measured."""
        return self.history[-1] if self.history else None

    def best_as_of(self, ordinal: int) -> Best | None:
        """The best after the verdict on the experiment of that ordinal."""
        return next((best for best in reversed(self.history) if best.ordinal <= ordinal), None)


class Agent(Struct, kw_only=True):
    """An agent as the journal knows it. run: it holds a lease on."""

    card: AgentCard
    present: bool = True
    run: str | None = None
