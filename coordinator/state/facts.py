"""Everything that is known of a campaign, attribute by attribute.

Read freely. Only ``CampaignState.apply`` changes it, through the functions of ``coordinator.state``; who does
is said under each attribute. Indexes are dictionaries without values where their order matters: the oldest
first.
"""

from collections import Counter

from msgspec import Struct, field

from coordinator.domain import Metric, Phase, State
from coordinator.rule_values.rule_set import Rules
from coordinator.state.divisions import Agent, Division
from coordinator.state.events import CampaignStarted, ProposalRefused
from coordinator.state.records import Experiment, Run
from coordinator.state.tallies.arm_tally import ArmTally
from coordinator.state.tallies.arm_troubles import Troubles
from coordinator.state.tallies.hints import Hints
from coordinator.state.tallies.lessons import Lessons
from coordinator.state.tallies.occupancy import Occupancy
from coordinator.state.tallies.spend import Spend


class Facts(Struct):
    """What events have said so far. Times are seconds since the epoch."""

    # ------------------------------------------------------------------ the campaign

    secret: str = ""
    """What is drawn rests on it besides the seed; empty in campaigns without one, and where a journal is only
    read. It is in no event, and set by whoever makes the state.
    """
    started: CampaignStarted | None = None
    """The first event, with the rules in force now; None before it. Later only ``RulesChanged`` changes it.
    """
    started_at: float = 0.0
    """When the campaign was made."""
    phase: Phase = Phase.RUNNING
    """Whether it takes new work: until ``CampaignDraining``, and again from ``CampaignResumed`` on."""
    phase_reason: str = ""
    """Why it does not; empty while it does."""
    failed: bool = False
    """It ends because nothing can come of it. Set by ``CampaignDraining`` and ``CampaignFinished``, until it
    is resumed.
    """
    capped: bool = False
    """It takes no new work because the money is spent. Set by ``CampaignDraining``, until it is resumed."""
    epoch: int = 0
    """Starts of the coordinator so far."""
    tokens: int = 0
    """Counter of the last lease's token in this epoch; each epoch begins at 0 again."""
    made: int = 0
    """Runs that were begun and not lost: under way, or with a result. They count for ``max_runs``."""
    events: int = 0
    """Events applied."""
    last_at: float = 0.0
    """When the last of them happened."""
    epoch_at: float = 0.0
    """When this epoch began."""
    worked_before: float = 0.0
    """Seconds that earlier epochs lasted, each from its beginning to its last event."""

    # ------------------------------------------------------------------ records, by their names

    experiments: dict[str, Experiment] = field(default_factory=dict)
    """Every experiment and every baseline, in the order they came to be. None ever goes."""
    runs: dict[str, Run] = field(default_factory=dict)
    """Every run that was ever queued, in that order; each is in the ``runs`` of its experiment too."""
    divisions: dict[str, Division] = field(default_factory=dict)
    """Every division, in the order their first agents joined."""
    agents: dict[str, Agent] = field(default_factory=dict)
    """Every agent that ever joined, present or not."""
    present: Counter[str] = field(default_factory=Counter)
    """How many are there now, by division."""
    off_slots: dict[str, None] = field(default_factory=dict)
    """Agents whose slots are off and not set aside, in the order in which that was noticed. Kept by the end
    of every run that is made more than once, and by ``SlotSetAside``.
    """

    # ------------------------------------------------------------------ indexes of experiments

    by_ordinal: list[str] = field(default_factory=list)
    """What was proposed: the experiment of ordinal n is at n - 1. Baselines, of ordinal 0, are not in it."""
    by_digest: dict[tuple[str, str], str] = field(default_factory=dict)
    """The last experiment that was this program, by division and digest. A rebased one is found under its
    earlier digests too.
    """
    digests: dict[str, str] = field(default_factory=dict)
    """Digest of the program by commit, of every commit of the campaign: parents of proposals are looked up
    here.
    """
    proposals: dict[str, str] = field(default_factory=dict)
    """Accepted proposals: their experiments by the proposal's own id, so that a repeated call is recognised.
    """
    undecided: dict[str, None] = field(default_factory=dict)
    """Those in MEASURED, the longest there first: they wait for a verdict. Kept by every step of a state."""
    stale: dict[str, None] = field(default_factory=dict)
    """Those in STALE: they wait to be rebased. Kept by every step of a state."""
    live: dict[str, None] = field(default_factory=dict)
    """Those without a last verdict, baselines included: in QUEUED, RUNNING, MEASURED, CONFIRMING or STALE."""
    finished: list[str] = field(default_factory=list)
    """Those with it, in the order of their verdicts: in MERGED, REJECTED, CRASHED or CHEATED."""
    settled: int = 0
    """Every experiment up to this ordinal has its last verdict or is a step; the next one is not, is not
    there, or it is not its turn yet.
    """
    resolutions: list[str] = field(default_factory=list)
    """Steps of trunks whose certificate passed or failed, in that order."""
    to_repair: dict[str, None] = field(default_factory=dict)
    """Those in CRASHED that their own arm may repair. One leaves with the first proposal that is meant to
    repair it, accepted or refused.
    """

    # ------------------------------------------------------------------ counts

    states: Counter[State] = field(default_factory=Counter)
    """Experiments by their present state, baselines included. Kept by every step of a state."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Runs by what came of them, as ``evaluator.result.outcome_name`` says it; a lost lease counts as
    ``lost`` each time. Late reports do not count.
    """
    verdicts: Counter[str] = field(default_factory=Counter)
    """Verdicts given, by their names; those of crashes and cheats are none."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Refused proposals by the reason, people's included."""
    refused: int = 0
    """Of agents' proposals those refused for a fault of their own; it makes the next brief another one."""
    turned_away: list[ProposalRefused] = field(default_factory=list)
    """The last of those since a proposal was accepted, the newest last: the next brief tells them."""
    arms: dict[str, Counter[str]] = field(default_factory=dict)
    """By arm: ``proposals`` accepted, those ``refused``, ``runs`` reported, and finished experiments by their
    last state. People's variants are an arm here, baselines are not.
    """
    tallies: dict[str, ArmTally] = field(default_factory=dict)
    """By arm: what its finished experiments gained and cost."""

    # ------------------------------------------------------------------ further books

    occupancy: Occupancy = field(default_factory=Occupancy)
    """How busy the slots are. Kept by what joins and leaves, and by the end of every lease."""
    spend: Spend = field(default_factory=Spend)
    """Calls and slots in dollars. Kept by ``CallSettled`` and the end of every lease."""
    lessons: Lessons = field(default_factory=Lessons)
    """What finished experiments teach."""
    troubles: Troubles = field(default_factory=Troubles)
    """Arms that give nothing, and why. Kept by ``ArmNoted``, by what is proposed and by agents that begin."""
    hints: Hints = field(default_factory=Hints)
    """What people said, and their refused variants."""

    @property
    def start(self) -> CampaignStarted:
        """The first event. Raises LookupError before it."""
        if self.started is None:
            raise LookupError("the campaign has not started")
        return self.started

    @property
    def metric(self) -> Metric:
        """The campaign's metric."""
        return self.start.rules.metric

    @property
    def rules(self) -> Rules:
        """The rules in force. Raises LookupError before there are any."""
        return self.started.rules if self.started is not None else self.start.rules

    @property
    def transfers(self) -> int:
        """How many experiments brought a merge of one division to another: nobody proposed them."""
        return sum(len(division.transfers) for division in self.divisions.values())

    @property
    def proposed(self) -> int:
        """Experiments that count for ``max_experiments``: all but transfers."""
        return len(self.by_ordinal) - self.transfers

    def worked(self, now: float) -> float:
        """Seconds the campaign has been running, over all epochs."""
        return self.worked_before + max(0.0, now - self.epoch_at) if self.epoch else 0.0
