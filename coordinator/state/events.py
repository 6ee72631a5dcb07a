"""Everything that ever happens to a campaign; the journal holds these alone. Names and fields are stable."""

from msgspec import Struct, field

from coordinator.arm_notes import ArmReason
from coordinator.domain import Origin, Purpose, Refusal, Verdict
from coordinator.model_calls import UNKNOWN
from coordinator.protocol import AgentCard, Token
from coordinator.rule_values.rule_set import Rules
from coordinator.rule_values.trust_rules import Grounds
from coordinator.state.slot_events import SlotSetAside
from evaluator.result import RunResult


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events. Applying one fails only if the journal is damaged."""


class CampaignStarted(Event, frozen=True, kw_only=True, tag="campaign_started"):
    """A campaign is there."""

    campaign: str
    task: str
    surface: str
    """File name."""
    commit: str
    digest: str
    """Of the unmodified surface, and of its program."""
    rules: Rules
    secret_digest: str = ""
    """Fingerprint of the secret that its draws rest on (``store.secret_file``); empty without one."""


class RulesChanged(Event, frozen=True, kw_only=True, tag="rules_changed"):
    """The campaign goes on under other rules; metric and budget stay."""

    rules: Rules


class EpochBegan(Event, frozen=True, kw_only=True, tag="epoch_began"):
    """The coordinator started."""

    epoch: int  # grows by one each time, so that tokens never repeat


class AgentJoined(Event, frozen=True, kw_only=True, tag="agent_joined"):
    """An agent began, or began again with another incarnation."""

    card: AgentCard


class AgentLeft(Event, frozen=True, kw_only=True, tag="agent_left"):
    """An agent went, or was not heard of for a lease's life."""

    agent: str
    reason: str
    lost: bool = False  # it said no goodbye: it was not heard of, or its machine is gone


class DivisionOpened(Event, frozen=True, kw_only=True, tag="division_opened"):
    """The first agent of a hardware class joined: its baseline becomes an experiment."""

    division: str
    experiment: str


class ExperimentProposed(Event, frozen=True, kw_only=True, tag="experiment_proposed"):
    """A proposal was accepted as the experiment of that ordinal."""

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
    """What its arm's variants are made from."""
    repairs: str = ""
    """The experiment it repairs."""
    constant_changes: dict[str, str] = field(default_factory=dict, name="moves")
    """From its parent: ``up``, ``down`` or ``changed`` by name of the constant."""
    combines: list[str] = []
    """The two experiments that the coordinator made it of; else none."""
    transfers: str = ""  # the experiment of another division whose merge it brings here


class PairRefused(Event, frozen=True, kw_only=True, tag="pair_refused"):
    """Two parked experiments cannot be put together on the head; the pair is not tried again."""

    division: str
    pair: list[str]
    reason: str


class ProposalRefused(Event, frozen=True, kw_only=True, tag="proposal_refused"):
    """A proposal cost no training."""

    agent: str
    arm: str
    proposal: str
    division: str
    refusal: Refusal
    reason: str
    repeats: str = field(default="", name="known")
    """The experiment that tried it before."""
    title: str = ""
    """As proposed, like settings and repairs: the next brief tells them."""
    settings: dict[str, str] = field(default_factory=dict)
    repairs: str = ""
    transfers: str = ""


class RunQueued(Event, frozen=True, kw_only=True, tag="run_queued"):
    """A run waits for a slot."""

    run: str
    experiment: str
    purpose: Purpose
    seed: int
    block: int = 0
    """Of validation rows, that it is evaluated on; 0 is what screens see."""
    offset: float = 0.0
    """What the baseline is worse there than on block 0, in the metric's unit; taken off its value."""
    seed_offset: float = 0.0
    """What runs of that seed are worse than others, in the metric's unit: taken off too."""


class RunLeased(Event, frozen=True, kw_only=True, tag="run_leased"):
    """An agent may make the run."""

    run: str
    experiment: str
    agent: str
    incarnation: str
    token: Token


class RunLost(Event, frozen=True, kw_only=True, tag="run_lost"):
    """The lease ended without a result; the run waits again."""

    run: str
    experiment: str
    token: Token
    reason: str
    charged: bool = True
    """It counts against the run's attempts, for it may be the run's own fault."""
    killed: bool = False
    """Its process was killed from outside, as far as can be seen: a variant can do that to itself."""
    needs: float = 0.0
    """Seconds of real time that it gets next, where it was ended as the machine was slow; else 0."""


class RunReported(Event, frozen=True, kw_only=True, tag="run_reported"):
    """The run's result, in time."""

    run: str
    experiment: str
    token: Token
    result: RunResult
    gap: float | None = None
    """Seconds its slot stood idle before it."""


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
    """The coordinator decided about an experiment."""

    experiment: str
    verdict: Verdict
    reason: str
    value: float | None = None
    """Mean of the runs that count, None without any."""
    commit: str = ""
    grounds: Grounds | None = None
    """Of a merge: the new best, and what it rests on."""
    estimate: float | None = None
    """Of a step: what the trunk is taken to be worth from now on, in the metric's unit."""
    due: int = 0
    """Of a certificate that begins or goes on, in order: the ordinal before whose verdict it is given."""


class Settled(Event, frozen=True, kw_only=True, tag="settled"):
    """In order: it is the turn of the proposals behind this one, see ``Rules.settles_one_by_one``."""

    experiment: str


class CallSettled(Event, frozen=True, kw_only=True, tag="call_settled"):
    """A call of a language model came to its end. What was said is kept beside the campaign, not here."""

    call: str
    agent: str
    arm: str
    model: str
    ordinal: int
    turn: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    """None where no price is known."""
    seconds: float = 0.0
    result: str = UNKNOWN
    """Of ``CALL_RESULTS``. An unknown call counts at its estimate until it is settled again."""
    estimated: bool = False
    """Whether tokens are counted by whoever made it, or dollars are what was set aside."""
    answered_by: str = ""
    """What the reply calls its model, where that is another than was asked; untrusted text."""


class ArmNoted(Event, frozen=True, kw_only=True, tag="arm_noted"):
    """An agent says that an arm gives nothing. What gives something again says so by its experiment."""

    agent: str
    arm: str
    reason: ArmReason
    words: str = ""
    """One line without secrets; it may hold a provider's or a program's words."""
    remedy: str = ""
    stopped: bool = False
    """Until a person acts, or for ever."""
    briefs: int = 0
    """In a row for which the arm gave nothing, over all agents."""


class HintGiven(Event, frozen=True, kw_only=True, tag="hint_given"):
    """A person said something to all proposers."""

    hint: str  # its id, so that it is taken once
    text: str


class HintsWithdrawn(Event, frozen=True, kw_only=True, tag="hints_withdrawn"):
    """Briefs tell no more what people said so far."""


class CampaignDraining(Event, frozen=True, kw_only=True, tag="campaign_draining"):
    """No new leases; open runs finish."""

    reason: str
    capped: bool = False
    """Because the money is spent."""
    failed: bool = False
    """Because no arm can go on."""


class CampaignFinished(Event, frozen=True, kw_only=True, tag="campaign_finished"):
    """A limit is reached, or nothing can go on."""

    reason: str
    failed: bool = False
    """Nothing could come of it."""


class CampaignResumed(Event, frozen=True, kw_only=True, tag="campaign_resumed"):
    """Work is taken again."""


AnyEvent = (
    CampaignStarted | RulesChanged | EpochBegan | AgentJoined | AgentLeft | DivisionOpened
    | ExperimentProposed | PairRefused | ProposalRefused | RunQueued | RunLeased | RunLost | RunReported
    | LateReport | WentStale | Rebased | VerdictGiven | Settled | CallSettled | ArmNoted | HintGiven
    | HintsWithdrawn | CampaignDraining | CampaignFinished | CampaignResumed | SlotSetAside
)  # fmt: skip


def subject(event: AnyEvent) -> str | None:
    """The experiment an event belongs to, if any."""
    named: str | None = getattr(event, "experiment", None)
    return named
