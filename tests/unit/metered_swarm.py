"""A swarm in memory whose events a Metrics hears of as the unit of work would tell it: after the step, with
the state the whole step left.
"""

from coordinator.domain import Refusal
from coordinator.model_calls import CallRecord
from coordinator.protocol import Brief, Proposal
from coordinator.rule_values.rule_set import Rules
from coordinator.rules import budget_cap
from coordinator.rules.proposing import briefs, proposals
from coordinator.rules.slots import leases
from coordinator.state.events import ProposalRefused
from coordinator.store.journal import Entry
from coordinator.views.metrics import Metrics
from coordinator.views.status import status
from coordinator.views.status_page import StatusPage
from evaluator.result import (
    Cheated,
    Crashed,
    CrashKind,
    Limit,
    Outcome,
    Progress,
    RunResult,
    Seconds,
    TimedOut,
)
from tests.unit.swarm_of_rules import METRIC, RULES, Swarm

FAILURES: dict[int, Outcome] = {
    4: TimedOut(Limit.WALL_CAP, 60.0),
    6: Cheated("memorised", "0.0 below its floor"),
    9: Crashed(CrashKind.OUT_OF_MEMORY, "CUDA out of memory"),
}
"""What happens to the experiments of these ordinals."""


class MeteredSwarm(Swarm):
    """Runs take five seconds, of which one to start, three to train and half a one to evaluate."""

    def __init__(self, wanted: Rules = RULES) -> None:
        super().__init__(wanted)
        self.metrics = Metrics("test", METRIC.name, clock=lambda: self.now)
        self.metrics.show(self.page)
        self.counted = 0
        self.tell()

    def page(self) -> StatusPage:
        half = {name: Progress(0.5) for name, agent in self.state.agents.items() if agent.run}
        return status(self.state, self.now, alive=True, progress=half)

    def tell(self) -> None:
        for at, event in self.journal[self.counted :]:
            self.metrics.observe(event, at, self.state)
        self.counted = len(self.journal)

    def result(self, run: str, outcome: Outcome | None = None) -> RunResult:
        of = self.state.runs[run]
        ordinal = self.state.experiments[of.experiment].ordinal
        ends, audit = self.judged(run, outcome or FAILURES.get(ordinal) or self.measure(run))
        return RunResult(
            run=run,
            outcome=ends,
            seed=of.seed,
            seconds=Seconds(startup=1.0, train=3.0, evaluate=0.5, total=5.0),
            sandbox="A",
            audit=audit,
            started_at=0.0,
            finished_at=5.0,
        )

    def work(self, agent: str) -> None:
        """Propose if that is wanted, then make one run if there is one."""
        self.think(agent)
        self.tell()
        run = self.lease(agent)
        self.tell()
        self.now += 5.0
        if run is not None:
            self.report(agent, run)
        self.tell()

    def refuse(self, agent: str) -> None:
        """Propose what is no program."""
        brief = briefs.brief(self.state, agent, 0)
        assert isinstance(brief, Brief)
        proposal = Proposal(
            proposal="p",
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source="(",
            title="half a thought",
        )
        refused: ProposalRefused = proposals.refused(
            self.state, agent, proposal, Refusal.DOES_NOT_COMPILE, "'(' was never closed"
        )
        self.commit([refused])
        self.tell()

    def lose(self, agent: str) -> None:
        """Take a run and leave with it."""
        self.think(agent)
        self.lease(agent)
        self.commit_settled(leases.leave(self.state, agent, "not heard of", charged=True))
        self.tell()

    def call(self, agent: str, name: str, quoted: float | None) -> None:
        """Ask a model and be quoted that price."""
        record = CallRecord(
            call=name,
            arm="search",
            model="openai/test",
            ordinal=1,
            prompt_tokens=900,
            completion_tokens=100,
            cost_usd=quoted,
            seconds=3.0,
            result="diff",
        )
        self.commit(budget_cap.settle(self.state, agent, record))
        self.tell()


def entries(swarm: Swarm) -> list[Entry]:
    """The journal as it would be on disk."""
    return [Entry(at, event) for at, event in swarm.journal]


def played(agents: int = 3, rounds: int = 12) -> MeteredSwarm:
    """A campaign with merges, rejections, a refusal, every class of failure and a lost run; its last agent
    has left.
    """
    swarm = MeteredSwarm()
    names = [f"agent-{number:02d}" for number in range(agents)]
    for name in names:
        swarm.join(name)
    for _ in range(rounds):
        for name in names:
            swarm.work(name)
    swarm.refuse(names[0])
    swarm.call(names[0], "c1", quoted=0.25)
    swarm.call(names[0], "c2", quoted=None)
    swarm.lose(names[-1])
    return swarm
