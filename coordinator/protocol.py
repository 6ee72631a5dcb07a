"""What agents and the coordinator say to each other.

- Every call may be repeated after any failure: an agent holds at most one lease, proposals and calls carry an
  id, reports a fencing token.
- ``lease``, ``brief`` and ``permit`` answer at once in this interface; the actor shell may hold a ``Wait``
  back for some seconds until a change.
- The same Protocol is met by the service in this process and by the handle of the Ray actor.
"""

from typing import Protocol

from msgspec import Struct, field

from coordinator.domain import Metric, Purpose, Refusal, State, Strategy
from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget
from evaluator.result import Progress, RunResult


class AgentCard(Struct, frozen=True, kw_only=True):
    """Who an agent is. agent: stable over restarts, one per GPU. division: hardware class. cores: of its
    slot. incarnation: new at every start.
    """

    agent: str
    incarnation: str
    division: str
    node: str = ""
    gpu: str = ""
    cores: int = 1
    sandbox: str = "none"


class Welcome(Struct, frozen=True, kw_only=True):
    """What an agent needs to begin. epoch: grows with every start of the coordinator. heartbeat, ttl:
    seconds.
    """

    campaign: str
    epoch: int
    metric: Metric
    heartbeat: float
    ttl: float


class Tried(Struct, frozen=True, kw_only=True):
    """One experiment as a proposer sees it. settings: the variant's module constants as Python literals,
    where the proposer said them.

    value: mean of its runs, or None while it has none. reason: of its verdict, refusal or crash, in plain
    words. delta: its gain over the best it was compared with at its verdict, in the metric's unit. near:
    rejected, and by no more than the noise. failure: its crash class, ``timed_out`` or ``cheated``. age:
    seconds since it was proposed, while it has no verdict; None in step, where nothing may hang on time.
    """

    experiment: str
    title: str
    state: State
    arm: str
    settings: dict[str, str] = field(default_factory=dict)
    value: float | None = None
    reason: str = ""
    delta: float | None = None
    near: bool = False
    failure: str = ""
    age: float | None = None


class Repair(Struct, frozen=True, kw_only=True):
    """An experiment of the brief's own arm that crashed, to be repaired once.

    parent: the commit it started from; the repaired program starts from there too. source: its text. failure:
    the crash class. message: the last line of its traceback or what the judge saw. tail: the end of its log.
    The last two are a program's words: data.
    """

    experiment: str
    title: str
    parent: str
    source: str
    failure: str
    message: str = ""
    tail: str = ""


class Piece(Struct, frozen=True, kw_only=True):
    """An experiment that a strategy is about: to be taken back, or to be put together. before, after: the
    surface at its parent and its commit.
    """

    experiment: str
    title: str
    parent: str
    commit: str
    before: str = ""
    after: str = ""


class Brief(Struct, frozen=True, kw_only=True):
    """What a proposer is given.

    ordinal: number the next accepted experiment will have. seed: for the proposer's own randomness; equal
    briefs carry equal seeds. parent: commit. source: the parent's text. baseline, best: means in the metric's
    unit, sigma: standard deviation of unchanged code; None until measured. tried: newest last. running:
    proposed and without a verdict yet, oldest first. strategy: what kind of idea is asked for, pieces: what
    it is about. barred: arms that may not answer in this one's place: they draw from the baseline and learn
    from nobody else. hints: what people said, newest last. lessons: what the whole history says, a line each.
    program: the charter as it is now, empty where the arm reads none. repair: what is to be repaired instead
    of having another idea.

    An arm that draws from the baseline has that as its parent and as its best, and is told of its own
    experiments alone.
    """

    ordinal: int
    seed: int
    arm: str
    division: str
    metric: Metric
    parent: str
    source: str
    baseline: float | None = None
    best: float | None = None
    sigma: float | None = None
    tried: list[Tried] = field(default_factory=list)
    running: list[Tried] = field(default_factory=list)
    strategy: Strategy = Strategy.FREE
    pieces: list[Piece] = field(default_factory=list)
    barred: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)
    program: str = ""
    repair: Repair | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """A proposer's answer to a brief. proposal: its own unique id, so that a repeated call is recognised.

    calls: ids of the calls it came of. repairs: the experiment it repairs, if any.
    """

    proposal: str
    ordinal: int
    arm: str
    parent: str
    source: str
    title: str
    hypothesis: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    repairs: str = ""


class Accepted(Struct, frozen=True):
    """The proposal is an experiment now."""

    experiment: str


class Refused(Struct, frozen=True):
    """The proposal costs no training. known: the experiment that tried it before, for a duplicate; earlier:
    what came of that.
    """

    refusal: Refusal
    reason: str
    known: str = ""
    earlier: Tried | None = None


class Wait(Struct, frozen=True):
    """Nothing now. stop: nothing ever again, the agent should end."""

    reason: str
    stop: bool = False


class Token(Struct, frozen=True, order=True):
    """Fencing token: grows with every lease over the whole life of a campaign."""

    epoch: int
    counter: int


class Lease(Struct, frozen=True, kw_only=True):
    """Time-limited permission for one run. ttl: seconds it lives without a heartbeat. audit: how much of its
    claims the judge checks.

    warmup_allowance, baseline_pace: what the division's baseline took, as its judge told it; None while that
    is not known. See ``trainer.contract.RunOrder``.
    """

    token: Token
    run: str
    experiment: str
    purpose: Purpose
    title: str
    source: str
    seed: int
    budget: Budget
    ttl: float
    audit: AuditPlan = AuditPlan()
    warmup_allowance: float | None = None
    baseline_pace: float | None = None


class HeartbeatReply(Struct, frozen=True):
    """Answer to a heartbeat. valid: the lease still holds; else end the run. stop: end the run and hand the
    lease back.
    """

    valid: bool
    stop: bool = False


class Ack(Struct, frozen=True):
    """A report is on the head's disk. counted: it was the first and in time; a late one is kept as data
    only.
    """

    counted: bool
    reason: str = ""


UNKNOWN = "unknown"
"""Result of a call nobody spoke of again, or of a word that is not among the others."""
CALL_RESULTS = frozenset(
    {
        *("blocks", "diff", "whole"),
        *(
            "no_edit",
            "malformed",
            "truncated",
            "outside_surface",
            "not_found",
            "ambiguous",
            "indentation",
            "snippet",
            "no_op",
        ),
        *("does_not_compile", "contract", "too_large"),
        *("authentication", "permission", "payment", "model", "context", "request"),
        *("rate_limit", "server", "connection", "timeout", "reply"),
        UNKNOWN,
    }
)
"""What can come of a call: an edit by its format, what is wrong with the answer, why there was none."""


class CallRequest(Struct, frozen=True, kw_only=True):
    """A call of a language model that an agent wants to make.

    call: its own unique id. ordinal: of the brief. max_tokens: longest answer. estimate_usd: most it may cost
    by the provider's price list, None where no price is known. timeout: seconds the call may take.
    """

    call: str
    arm: str
    model: str
    ordinal: int
    prompt_tokens: int
    max_tokens: int
    estimate_usd: float | None = None
    timeout: float = 300.0


class Permit(Struct, frozen=True):
    """The call may be made; what it may cost is set aside until it is settled."""

    call: str


class CallRecord(Struct, frozen=True, kw_only=True):
    """What came of a call. turn: of its conversation, from 0. cost_usd: None where no price is known.
    seconds: waited. result: of CALL_RESULTS.
    """

    call: str
    arm: str
    model: str
    ordinal: int
    turn: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    result: str = UNKNOWN


class Coordinator(Protocol):
    """The coordinator as agents see it. Raises ``ConnectionError`` when it cannot be reached; every call may
    then be repeated.
    """

    def join(self, card: AgentCard) -> Welcome:
        """Begin, or begin again: a lease of an earlier incarnation is lost at once and its run queued
        again.
        """
        ...

    def leave(self, agent: str, reason: str) -> None:
        """Go, for good or for now."""
        ...

    def brief(self, agent: str) -> Brief | Wait:
        """Ask what to think about. ``Wait`` while enough proposals are queued."""
        ...

    def propose(self, agent: str, proposal: Proposal) -> Accepted | Refused:
        """Answer a brief."""
        ...

    def lease(self, agent: str) -> Lease | Wait:
        """Ask for a run. An agent that holds a lease gets the same one again."""
        ...

    def heartbeat(self, agent: str, token: Token, progress: Progress) -> HeartbeatReply:
        """Keep a lease alive."""
        ...

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None = None) -> Ack:
        """Hand in a result. gap: seconds the slot stood idle before this run, None for the first."""
        ...

    def release(self, agent: str, token: Token, reason: str) -> None:
        """Hand a lease back without a result; its run is queued again and nothing is charged."""
        ...

    def permit(self, agent: str, request: CallRequest) -> Permit | Wait:
        """Ask to make a call of a model. ``Wait`` while others have to end first; with ``stop`` when the
        money is spent. Permitted is permitted.
        """
        ...

    def settle(self, agent: str, record: CallRecord, transcript: bytes | None) -> None:
        """Say what came of a call. exchange: what was said, compressed and without secrets, to be kept;
        counted and kept once.
        """
        ...
