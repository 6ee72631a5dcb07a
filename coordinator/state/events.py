"""Everything that ever happens to a campaign. The journal holds these and nothing else is truth.

An event states a fact that was decided; applying it can only fail if the journal is damaged. Names and fields
are stable: old journals stay readable.
"""

from msgspec import field

from coordinator.domain import Origin, Purpose, Refusal, Verdict
from coordinator.protocol import AgentCard, Token
from coordinator.rule_values.rule_set import Rules
from coordinator.rule_values.trust_rules import Grounds
from coordinator.state.arm_events import ArmNoted, CallSettled, HintGiven, HintsWithdrawn
from coordinator.state.event_base import Event
from coordinator.state.slot_events import SlotSetAside
from evaluator.result import RunResult


class CampaignStarted(Event, frozen=True, kw_only=True, tag="campaign_started"):
    """A campaign is there."""

    campaign: str
    task: str
    surface: str
    """File name."""
    commit: str
    """Of the unmodified surface."""
    digest: str
    """Of its program."""
    rules: Rules
    secret_digest: str = ""
    """Fingerprint of the secret its draws rest on, see ``coordinator.store.secret_file``; empty without one.
    """


class RulesChanged(Event, frozen=True, kw_only=True, tag="rules_changed"):
    """The campaign goes on under other rules; metric and budget stay."""

    rules: Rules


class EpochBegan(Event, frozen=True, kw_only=True, tag="epoch_began"):
    """The coordinator started."""

    epoch: int
    """Grows by one each time, so that tokens never repeat."""


class AgentJoined(Event, frozen=True, kw_only=True, tag="agent_joined"):
    """An agent began, or began again with another incarnation."""

    card: AgentCard


class AgentLeft(Event, frozen=True, kw_only=True, tag="agent_left"):
    """An agent went, or was not heard of for a lease's life."""

    agent: str
    reason: str
    lost: bool = False
    """It said no goodbye: it was not heard of, or its machine is gone."""


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
    combines: list[str] = field(default_factory=list)
    """The two experiments that the coordinator made it of; else none."""
    transfers: str = ""
    """The experiment of another division whose merge it brings here."""


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
    """As of ``ExperimentProposed``."""


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
    """Of the new head, for a merge or a step."""
    grounds: Grounds | None = None
    """What a merge rests on."""
    estimate: float | None = None
    """Of a step: what the trunk is taken to be worth from now on, in the metric's unit."""
    due: int = 0
    """Of a certificate that begins or goes on, in order: the ordinal before whose verdict it is given."""


class Settled(Event, frozen=True, kw_only=True, tag="settled"):
    """In order: it is the turn of the proposals behind this one, see ``Rules.settles_one_by_one``."""

    experiment: str


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
