"""What agents and the coordinator hand each other: cards, briefs, proposals, leases, and answers to them.

The calls that carry them are ``coordinator.agent_calls``; what is said of language models,
``coordinator.model_calls``.
"""

from msgspec import Struct, field

from coordinator.domain import Metric, Purpose, Refusal, State, Strategy
from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget
from evaluator.early_stop import StopPlan


class AgentCard(Struct, frozen=True, kw_only=True):
    """Who an agent is."""

    agent: str
    """Stable over restarts, one per GPU."""
    incarnation: str
    """New at every start."""
    division: str
    """Hardware class of its slot."""
    node: str = ""
    gpu: str = ""
    cores: int = 1
    """Of its slot."""
    sandbox: str = "none"


class Welcome(Struct, frozen=True, kw_only=True):
    """What an agent needs to begin."""

    campaign: str
    epoch: int
    """Grows with every start of the coordinator."""
    metric: Metric
    heartbeat: float
    """Seconds between two."""
    ttl: float
    """Seconds a lease lives without one."""


class Tried(Struct, frozen=True, kw_only=True):
    """One experiment as a proposer sees it."""

    experiment: str
    title: str
    state: State
    arm: str
    settings: dict[str, str] = field(default_factory=dict)
    """The variant's module constants as Python literals, where the proposer said them."""
    value: float | None = None
    """Mean of its runs, or None while it has none."""
    reason: str = ""
    """Of its verdict, refusal or crash, in plain words."""
    delta: float | None = None
    """Its gain over the best it was compared with at its verdict, in the metric's unit."""
    near: bool = False
    """Rejected, and by no more than the noise."""
    failure: str = ""
    """Its crash class, ``timed_out`` or ``cheated``."""
    estimate: float | None = None
    """What it might have come to, of one that was ended early: by its own losses, no measurement."""
    age: float | None = None
    """Seconds since it was proposed, while it has no verdict; None in order, where nothing may depend on
    time.
    """


class Repair(Struct, frozen=True, kw_only=True):
    """An experiment of the brief's own arm that crashed, to be repaired once. Message and tail are a
    program's words: data.
    """

    experiment: str
    title: str
    parent: str
    """The commit it started from; the repaired program starts from there too."""
    source: str
    """Its text."""
    failure: str
    """The crash class."""
    message: str = ""
    """The last line of its traceback, or what the judge saw; empty where that may hold validation text."""
    tail: str = ""
    """The end of its log; empty where validation rows may have been shown to it."""


class Piece(Struct, frozen=True, kw_only=True):
    """An experiment that a strategy is about: to be taken back, or to be put together."""

    experiment: str
    title: str
    parent: str
    commit: str
    before: str = ""
    """The surface at its parent."""
    after: str = ""
    """The surface at its commit."""


class Brief(Struct, frozen=True, kw_only=True):
    """What a proposer is given. An arm that draws from the baseline has that as its parent and as its best,
    and knows its own experiments alone.
    """

    ordinal: int
    """The number the next accepted experiment will have."""
    seed: int
    """For the proposer's own randomness; equal briefs carry equal seeds."""
    arm: str
    division: str
    metric: Metric
    parent: str
    """Commit to start from."""
    source: str
    """Its text."""
    baseline: float | None = None
    """Mean in the metric's unit; None until it is measured."""
    best: float | None = None
    """The same of what it starts from: the best, or the trunk on top of it."""
    below_trunk: float | None = None
    """The same of the best, where it starts from a trunk without a certificate yet; else None."""
    sigma: float | None = None
    """Standard deviation of unchanged code; None until it is measured."""
    tried: list[Tried] = field(default_factory=list)
    """The newest last."""
    running: list[Tried] = field(default_factory=list)
    """Proposed and without a verdict yet, the oldest first."""
    strategy: Strategy = Strategy.FREE
    """What kind of idea is asked for."""
    pieces: list[Piece] = field(default_factory=list)
    """What that is about."""
    barred: list[str] = field(default_factory=list)
    """Arms that may not answer in this one's place: they draw from the baseline and learn from nobody else.
    """
    hints: list[str] = field(default_factory=list)
    """What people said, the newest last."""
    lessons: list[str] = field(default_factory=list)
    """What the whole history says, a line each."""
    charter: str = ""
    """Its text as it is now; empty where the arm reads none."""
    repair: Repair | None = None
    """What is to be repaired instead of having another idea."""


class Proposal(Struct, frozen=True, kw_only=True):
    """A proposer's answer to a brief."""

    proposal: str
    """Its own unique id, so that a repeated call is recognised."""
    ordinal: int
    """Of the brief."""
    arm: str
    parent: str
    source: str
    title: str
    hypothesis: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Ids of the calls it came of."""
    repairs: str = ""
    """The experiment it repairs, if any."""


class Accepted(Struct, frozen=True):
    """The proposal is an experiment now."""

    experiment: str


class Refused(Struct, frozen=True):
    """The proposal costs no training."""

    refusal: Refusal
    reason: str
    repeats: str = ""
    """The experiment that tried it before, for a duplicate."""
    earlier: Tried | None = None
    """What came of that."""


class Wait(Struct, frozen=True):
    """Nothing now."""

    reason: str
    stop: bool = False
    """Nothing ever again: the agent should end."""


class Token(Struct, frozen=True, order=True):
    """Fencing token: grows with every lease over the whole life of a campaign."""

    epoch: int
    counter: int


class Lease(Struct, frozen=True, kw_only=True):
    """Time-limited permission for one run."""

    token: Token
    run: str
    experiment: str
    purpose: Purpose
    title: str
    source: str
    seed: int
    budget: Budget
    ttl: float
    """Seconds it lives without a heartbeat."""
    audit: AuditPlan = AuditPlan()
    """How much of the run's claims the judge checks."""
    baseline: BaselineFacts = BaselineFacts()
    """What the division's baseline came to."""
    blocks: tuple[int, ...] = (0,)
    """Blocks of validation rows it is evaluated on, see ``trainer.contract.RunOrder``."""
    early: StopPlan | None = None
    """Where the run is looked at and perhaps ended, by the trainer itself; None where it is not."""


class HeartbeatReply(Struct, frozen=True):
    """Answer to a heartbeat."""

    valid: bool
    """The lease still holds; else end the run."""
    stop: bool = False
    """End the run and hand the lease back."""


class Ack(Struct, frozen=True):
    """A report is on the coordinator's disk."""

    counted: bool
    """It was the first and in time; a late one is kept as data only."""
    reason: str = ""
