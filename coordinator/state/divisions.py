"""Hardware classes and agents as the state knows them. Changed by ``campaign_state`` only."""

from msgspec import Struct, field

from coordinator.protocol import AgentCard
from evaluator.beside_others import Observations
from evaluator.early_bar import BothKnown
from evaluator.policies.pairing import Pair, Pairing
from evaluator.slot_evidence import SlotEvidence, SlotTest


class Best(Struct, frozen=True):
    """A commit that holds, or held, a division; or that its trunk stands, or stood, on."""

    experiment: str
    ordinal: int
    """Of its experiment; 0 is the baseline."""
    commit: str
    value: float
    """In the metric's unit."""
    runs: int
    """It rests on."""
    at: float
    """Seconds since the epoch."""
    since: int = 0
    """Ordinal whose verdict has to be known for this to be known."""
    sigma: float | None = None
    """Of its division from then on, in the metric's unit."""
    brought: bool = False
    """Whatever was new in it came from other divisions."""


class Division(Struct, kw_only=True):
    """A hardware class: values compare only inside one."""

    name: str
    baseline: str
    """The experiment that measures the unmodified surface here."""
    sigma: float | None = None
    """Standard deviation of the baseline's runs, in the metric's unit; None until it is measured."""
    history: list[Best] = field(default_factory=list)
    """Every best, the present one last."""
    trunk: list[Best] = field(default_factory=list)
    """Steps on top of the best, the present head last; its value is what the trunk is taken to be worth."""
    heads: list[Best] = field(default_factory=list)
    """Everything that proposals started from, in the order of time, and every new value of the same."""
    quiet: int = 0
    """Experiments made from the head that were settled here since it last moved."""
    refreshed: int = 0
    """Runs of the best that were queued meanwhile."""
    pools: dict[str, list[float]] = field(default_factory=dict)
    """Comparable values of what was run more than once, by experiment: they measure the noise."""
    seeds: dict[int, tuple[float, ...]] = field(default_factory=dict)
    """What the baseline's value on each of its seeds deviates from its mean, on each block of rows."""
    pairs: dict[str, list[Pair]] = field(default_factory=dict)
    """By experiment that was run on several of these seeds: the deviation, and its value there."""
    pairings: list[tuple[int, Pairing | None]] = field(default_factory=list)
    """What these said of seeds in their time, None while they were too few; before it the ordinal whose
    verdict has to be known for it to be known.
    """
    queued: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Runs that wait, by what goes first: priority of the purpose, ordinal, number in their experiment."""
    line: list[tuple[tuple[int, int, int], str]] = field(default_factory=list)
    """The same as a heap of keys and runs, the first of which waits; others may not wait any more."""
    screens: int = 0
    """How many of these are screens."""
    ordinals: list[int] = field(default_factory=list)
    """Of what was proposed here, ascending."""
    parked: dict[str, None] = field(default_factory=dict)
    """Proposed experiments that ended as near misses or were rolled back, in that order: two of them may be
    worth something together.
    """
    combined: dict[tuple[str, str], None] = field(default_factory=dict)
    """Of these, by ordinal, what was put together or could not be."""
    dry: int = 0
    """Experiments that ended here since the last merge."""
    taken: dict[str, int] = field(default_factory=dict)
    """How many bests of other divisions were brought here, or are not to be; by division."""
    transfers: list[str] = field(default_factory=list)
    """Experiments by which they were, the last one last."""
    values: Observations = field(default_factory=Observations)
    """Values of programs that were run more than once, by program and slot."""
    rates: Observations = field(default_factory=Observations)
    """Logarithms of the rates of the same runs."""
    disbelieved: dict[str, str] = field(default_factory=dict)
    """Slots whose values count for nothing, and their agents: those that were set aside."""
    doubtful: str = ""
    """Agent of such a slot, where every run that the best rests on was made there; else empty."""

    looks: list[BothKnown] = field(default_factory=list)
    """Screens that were looked at and have a value, as they came in."""
    ended_early: int = 0
    """Screens that were ended where they were looked at."""
    ended_seconds: float = 0.0
    """For which these kept slots busy."""
    whole_seconds: float = 0.0
    """For which those of ``looks`` did."""

    @property
    def best(self) -> Best | None:
        """The present best, None until the baseline is measured."""
        return self.history[-1] if self.history else None

    @property
    def head(self) -> Best | None:
        """What proposals start from: the trunk's last step, or the best; None before a baseline."""
        return self.trunk[-1] if self.trunk else self.best

    @property
    def pairing(self) -> Pairing | None:
        """What is known of seeds now; None while there is too little."""
        return self.pairings[-1][1] if self.pairings else None

    @property
    def next_run(self) -> str:
        """The run that goes first. Raises LookupError where none waits."""
        return self.line[0][1]

    def best_as_of(self, ordinal: int) -> Best | None:
        """The best after the verdict on the experiment of that ordinal."""
        return next((best for best in reversed(self.history) if best.since <= ordinal), None)

    def pairing_as_of(self, ordinal: int) -> Pairing | None:
        """What is known of seeds with the verdict on the experiment of that ordinal."""
        return next((one for since, one in reversed(self.pairings) if since <= ordinal), None)

    def head_as_of(self, ordinal: int) -> Best | None:
        """The head that is known with the verdict on the experiment of that ordinal."""
        return next((head for head in reversed(self.heads) if head.since <= ordinal), None)


class Agent(Struct, kw_only=True):
    """An agent as the journal knows it."""

    card: AgentCard
    present: bool = True
    """From its joining to its leaving, or to the next start of the coordinator."""
    lost: bool = False
    """It went without a goodbye and has not come back; False for one that is present."""
    run: str | None = None
    """It holds a lease on. One that is not present may, until its time is up."""
    losses: int = 0
    """Runs it lost since its last result, one after the other."""
    why_lost: str = ""
    """The last of them."""
    life: int = 0
    """Of its slot: it grows when that begins anew, on another machine or after it was set aside."""
    checks: int = 0
    """Runs of programs that are run more than once, which the slot was given in this life."""
    since_check: int = 0
    """Other runs since the last of these."""
    evidence: SlotEvidence | None = None
    """How its slot stands beside the others; None before such a run, or where there is no other."""
    set_aside: str = ""
    """Why it gets no more runs, in words; empty where it does."""
    set_aside_by: SlotTest | None = None
    """What its slot is off by; None where it is not set aside."""

    @property
    def slot(self) -> str:
        """Its slot in this life."""
        return f"{self.card.agent}#{self.life}" if self.life else self.card.agent
