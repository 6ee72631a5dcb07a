"""Everything that ever happens to a campaign. The journal holds these and nothing else is truth.

An event states a fact that was decided; applying it can only fail if the journal is damaged. Names and fields
are stable: old journals stay readable.
"""

import msgspec
from msgspec import Struct, field

from coordinator.domain import ArmChoice, Metric, Origin, Purpose, Refusal, Strategy, Verdict
from coordinator.protocol import UNKNOWN, AgentCard, Token
from coordinator.state.prices import MoneyRules
from coordinator.state.trust_rules import Grounds, TrustRules
from evaluator.acceptance import Policy
from evaluator.budget import Budget
from evaluator.result import RunResult


class ArmShare(Struct, frozen=True):
    """An arm and its share of the briefs, relative to the others.

    parent: what its variants are made from. strategy: what its briefs ask for; with ``rotate`` that changes
    on a plateau. control: others are compared with it. repairs: whether its proposer can repair an experiment
    that crashed.
    """

    name: str
    weight: float = 1.0
    parent: Origin = Origin.BEST
    strategy: Strategy = Strategy.FREE
    rotate: bool = False
    control: bool = False
    repairs: bool = field(default=False, name="mends")


class Rules(Struct, frozen=True, kw_only=True):
    """What the campaign's decisions depend on; see configs/schema.py for each. ``ahead``: proposals kept
    ready per agent.
    """

    metric: Metric
    budget: Budget
    seed: int
    arms: list[ArmShare]
    policy: Policy = Policy()
    trust: TrustRules = TrustRules()
    baseline_runs: int = 4
    lookahead: int = 0
    max_experiments: int = 0
    max_hours: float = 0.0
    max_attempts: int = 5
    history: int = 300
    ahead: int = 1
    money: MoneyRules = MoneyRules()
    arm_choice: ArmChoice = ArmChoice.WEIGHTS
    arm_floor: float = 0.05
    control_floor: float = 0.1
    plateau: int = 20
    retry_after_moves: int = 3


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events."""


class CampaignStarted(Event, frozen=True, kw_only=True, tag="campaign_started"):
    """commit, digest: of the unmodified surface. surface: its file name."""

    campaign: str
    task: str
    surface: str
    commit: str
    digest: str
    rules: Rules


class RulesChanged(Event, frozen=True, kw_only=True, tag="rules_changed"):
    """The campaign goes on under other rules; metric and budget stay."""

    rules: Rules


class EpochBegan(Event, frozen=True, kw_only=True, tag="epoch_began"):
    """The coordinator started. epoch grows by one each time, so that tokens never repeat."""

    epoch: int


class AgentJoined(Event, frozen=True, kw_only=True, tag="agent_joined"):
    """An agent began, or began again with another incarnation."""

    card: AgentCard


class AgentLeft(Event, frozen=True, kw_only=True, tag="agent_left"):
    """An agent went, or was not heard of for a lease's life."""

    agent: str
    reason: str


class DivisionOpened(Event, frozen=True, kw_only=True, tag="division_opened"):
    """The first agent of a hardware class joined: its baseline becomes an experiment."""

    division: str
    experiment: str


class ExperimentProposed(Event, frozen=True, kw_only=True, tag="experiment_proposed"):
    """A proposal was accepted as the experiment of that ordinal.

    origin: what its arm's variants are made from. repairs: the experiment it repairs.
    constant_changes: by name of the constant.
    """

    experiment: str
    ordinal: int
    division: str
    arm: str
    agent: str
    proposal: str
    parent: str
    commit: str
    digest: str
    title: str
    hypothesis: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    origin: Origin = Origin.BEST
    repairs: str = ""
    constant_changes: dict[str, str] = field(default_factory=dict, name="moves")


class ProposalRefused(Event, frozen=True, kw_only=True, tag="proposal_refused"):
    """A proposal cost no training. known: the experiment that tried it before. title, settings, repairs: as
    proposed, for the next brief.
    """

    agent: str
    arm: str
    proposal: str
    division: str
    refusal: Refusal
    reason: str
    known: str = ""
    title: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    repairs: str = ""


class RunQueued(Event, frozen=True, kw_only=True, tag="run_queued"):
    """A run waits for a slot."""

    run: str
    experiment: str
    purpose: Purpose
    seed: int


class RunLeased(Event, frozen=True, kw_only=True, tag="run_leased"):
    """An agent may make the run."""

    run: str
    experiment: str
    agent: str
    incarnation: str
    token: Token


class RunLost(Event, frozen=True, kw_only=True, tag="run_lost"):
    """The lease ended without a result; the run waits again. charged: it counts against the run's attempts,
    for it may be the run's own fault.
    """

    run: str
    experiment: str
    token: Token
    reason: str
    charged: bool = True


class RunReported(Event, frozen=True, kw_only=True, tag="run_reported"):
    """The run's result, in time. gap: seconds its slot stood idle before it."""

    run: str
    experiment: str
    token: Token
    result: RunResult
    gap: float | None = None


class LateReport(Event, frozen=True, kw_only=True, tag="late_report"):
    """A result whose lease was lost: kept as data, decides nothing."""

    run: str
    experiment: str
    token: Token
    result: RunResult


class WentStale(Event, frozen=True, kw_only=True, tag="went_stale"):
    """The best moved before the experiment's first run: it must be rebased."""

    experiment: str


class Rebased(Event, frozen=True, kw_only=True, tag="rebased"):
    """The experiment is the same idea on the best now; earlier runs do not count for it."""

    experiment: str
    parent: str
    commit: str
    digest: str


class VerdictGiven(Event, frozen=True, kw_only=True, tag="verdict_given"):
    """value: mean of the runs that count, None without any. commit: of the new best, for a merge. grounds: of
    a merge.
    """

    experiment: str
    verdict: Verdict
    reason: str
    value: float | None = None
    commit: str = ""
    grounds: Grounds | None = None


class CallSettled(Event, frozen=True, kw_only=True, tag="call_settled"):
    """A call of a language model came to its end. cost_usd: None where no price is known. result: of
    ``protocol.CALL_RESULTS``.

    One that is ``unknown`` counts at its estimate until the same call is settled again. What was said is kept
    beside the campaign, not here.
    """

    call: str
    agent: str
    arm: str
    model: str
    ordinal: int
    turn: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    result: str = UNKNOWN


class HintGiven(Event, frozen=True, kw_only=True, tag="hint_given"):
    """A person said something to all proposers. hint: its id, so that it is taken once."""

    hint: str
    text: str


class HintsWithdrawn(Event, frozen=True, kw_only=True, tag="hints_withdrawn"):
    """What people said so far is told no more."""


class CampaignDraining(Event, frozen=True, kw_only=True, tag="campaign_draining"):
    """No new leases; open runs finish. capped: because the money is spent."""

    reason: str
    capped: bool = False


class CampaignFinished(Event, frozen=True, kw_only=True, tag="campaign_finished"):
    """A limit is reached, or nothing can go on."""

    reason: str
    failed: bool = False


class CampaignResumed(Event, frozen=True, kw_only=True, tag="campaign_resumed"):
    """Work is taken again."""


AnyEvent = (
    CampaignStarted
    | RulesChanged
    | EpochBegan
    | AgentJoined
    | AgentLeft
    | DivisionOpened
    | ExperimentProposed
    | ProposalRefused
    | RunQueued
    | RunLeased
    | RunLost
    | RunReported
    | LateReport
    | WentStale
    | Rebased
    | VerdictGiven
    | CallSettled
    | HintGiven
    | HintsWithdrawn
    | CampaignDraining
    | CampaignFinished
    | CampaignResumed
)

_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_encoder = msgspec.json.Encoder()


def encode(event: AnyEvent) -> bytes:
    """The event as JSON, its name under ``event``."""
    return _encoder.encode(event)


def decode(body: bytes | str) -> AnyEvent:
    """The event of a JSON text. Raises msgspec.ValidationError."""
    return _decoder.decode(body)


def subject(event: AnyEvent) -> str | None:
    """The experiment an event belongs to, if any."""
    named: str | None = getattr(event, "experiment", None)
    return named
