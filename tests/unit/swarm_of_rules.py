"""A whole campaign in memory: the rules with neither disk nor git nor agents, played by a test step by
step.
"""

import hashlib
import random

import msgspec

from coordinator.domain import Direction, Metric
from coordinator.protocol import AgentCard, Brief, Proposal, Token
from coordinator.rule_values.rule_set import ArmShare, Rules
from coordinator.rules import campaign
from coordinator.rules.heads.combinations import Combine
from coordinator.rules.heads.rebases import Rebase
from coordinator.rules.heads.transfers import Transfer
from coordinator.rules.heads.verdicts import Merge
from coordinator.rules.lookups import head_of
from coordinator.rules.next_step import Step, next_lease, next_step
from coordinator.rules.proposing import briefs, proposals
from coordinator.rules.slots import audit_plans, leases
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, CampaignStarted
from deploy.simulate.campaign_in_memory import performed, replayed
from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget, Unit
from evaluator.policies.one_step import Confirm
from evaluator.result import Audit, Cheated, Crashed, CrashKind, Measured, Outcome, RunResult, Seconds

METRIC = Metric("val_bpb", Direction.MINIMIZE)
RULES = Rules(
    metric=METRIC,
    budget=Budget(Unit.FLOPS, 1e11, 60.0),
    seed=1,
    arms=[ArmShare("search")],
    policy=Confirm(confirm_runs=1, z=2.0),
    baseline_runs=4,
)


def audit_of(positions: int = 2048, kind: str = "twin") -> Audit:
    """An audit that found nothing."""
    return Audit(kind, positions, correction=0.0, standard_error=1e-4, leak_bound=2e-4, largest=0.02)


def rules(**changes: object) -> Rules:
    return msgspec.structs.replace(RULES, **changes)


def card(agent: str, incarnation: str = "1") -> AgentCard:
    return AgentCard(agent=agent, incarnation=incarnation, division="cpu")


def started(wanted: Rules = RULES) -> CampaignStarted:
    return CampaignStarted(
        campaign="test", task="demo", surface="train.py", commit="root", digest="d-root", rules=wanted
    )


class Swarm:
    """Commands over a state, with every event kept. Time is a number that grows by one a step."""

    def __init__(self, wanted: Rules = RULES) -> None:
        self.state = CampaignState()
        self.journal: list[tuple[float, AnyEvent]] = []
        self.now = 1000.0
        self.plans: dict[str, AuditPlan] = {}
        self.commit([started(wanted)])
        self.commit(campaign.begin(self.state, wanted, self.now))

    def commit(self, events: list[AnyEvent]) -> list[AnyEvent]:
        for event in events:
            self.state.apply(event, self.now)
            self.journal.append((self.now, event))
        self.now += 1.0
        return events

    def settle(self) -> None:
        while (step := next_step(self.state, self.now)) is not None:
            self.commit(self.performed(step))

    def performed(self, step: Step) -> list[AnyEvent]:
        """The events of a step, its commit named instead of written."""
        return performed(self.state, step, self)

    def merge(self, step: Merge) -> str:
        return f"m-{step.experiment}"

    def rebase(self, step: Rebase, ordinal: int, number: int) -> tuple[str, str] | str:
        """Every seventh edit conflicts; the others apply."""
        if ordinal % 7 == 0:
            return "its edit does not apply to the new best"
        head = head_of(self.state, self.state.experiments[step.experiment])
        return f"r{number}-{step.experiment}", f"d-{step.experiment}-on-{head.experiment}"

    def combine(self, step: Combine, ordinal: int) -> tuple[str, str] | None:
        """Of some pairs the edits conflict, some come to the same as the first alone; the others apply."""
        name, kind = "-".join(step.pair), sum(edit.ordinal for edit in step.edits) % 7
        if kind == 0:
            return None
        same = self.state.experiments[step.pair[0]].digest
        return f"c{ordinal}-{name}", same if kind == 1 else f"d-{name}"

    def transfer(self, step: Transfer, ordinal: int) -> tuple[str, str] | str:
        """Every fifth conflicts; the others apply."""
        if ordinal % 5 == 0:
            return "its edit does not apply to the head there"
        head = self.state.divisions[step.division].head
        assert head is not None
        return f"t{ordinal}-{step.commit}", f"d-{step.experiment}-on-{head.experiment}"

    def replayed(self) -> CampaignState:
        return replayed(self.journal)

    # what agents do

    def join(self, agent: str, incarnation: str = "1") -> None:
        self.commit(campaign.join(self.state, card(agent, incarnation)))
        self.settle()

    def think(self, agent: str, thinking: int = 0) -> str | None:
        """Take a brief and answer it; the experiment's id, or None where there was no brief."""
        brief = briefs.brief(self.state, agent, thinking)
        return self.propose(agent, brief) if isinstance(brief, Brief) else None

    def propose(self, agent: str, brief: Brief) -> str:
        tried = ",".join(f"{one.experiment}={one.value}" for one in brief.tried)
        idea = hashlib.sha256(f"{brief.ordinal}|{brief.seed}|{brief.parent}|{tried}".encode()).hexdigest()[
            :12
        ]
        proposal = Proposal(
            proposal=f"p-{len(self.journal)}",
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=idea,
            title=f"idea {idea}",
        )
        assert proposals.refuse(self.state, agent, proposal, f"d-{idea}") is None
        return self.accept(agent, proposal, f"d-{idea}", f"c-{idea}")

    def accept(
        self, agent: str, proposal: Proposal, digest: str, commit: str, changes: dict[str, str] | None = None
    ) -> str:
        """Make a proposal an experiment; its id. changes: of constants."""
        experiment = proposals.next_experiment(self.state)
        self.commit_settled(proposals.propose(self.state, agent, proposal, digest, commit, changes or {}))
        return experiment

    def lease(self, agent: str) -> str | None:
        """Take the next run; its id, or None."""
        while (step := next_lease(self.state, agent)) is not None:
            self.commit(self.performed(step))
            self.settle()
        run = self.state.agents[agent].run
        if run is not None:
            self.plans.setdefault(run, audit_plans.audit_plan(self.state, self.state.runs[run]))
        return run

    def token(self, run: str) -> Token:
        token = self.state.runs[run].token
        assert token is not None
        return token

    def result(self, run: str, outcome: Outcome | None = None) -> RunResult:
        seed = self.state.runs[run].seed
        ends, audit = self.judged(run, outcome or self.measure(run))
        seconds = Seconds(total=5.0)
        return RunResult(
            run=run,
            outcome=ends,
            seed=seed,
            seconds=seconds,
            sandbox=self.sandbox(run),
            audit=audit,
            started_at=0.0,
            finished_at=5.0,
        )

    def sandbox(self, run: str) -> str:  # noqa: ARG002 - a swarm of another kind asks it
        """What confines the run."""
        return "A"

    def judged(self, run: str, outcome: Outcome) -> tuple[Outcome, Audit | None]:
        """What a judge makes of an outcome that obeys the plan the run was leased with."""
        plan = self.plans[run]
        if not isinstance(outcome, Measured):
            return outcome, None
        wins = plan.merge_below is not None and outcome.value < plan.merge_below
        positions = plan.positions if wins else plan.share_positions if plan.share else 0
        return self.audited(run, outcome, positions) if positions else (outcome, None)

    def audited(self, run: str, outcome: Outcome, positions: int) -> tuple[Outcome, Audit | None]:  # noqa: ARG002 - as above
        """What an audit comes to: here everybody is honest."""
        return outcome, audit_of(positions)

    def measure(self, run: str) -> Outcome:
        """A value that depends on the program and the seed alone, as of a deterministic budget."""
        of = self.state.runs[run]
        commit = self.state.experiments[of.experiment].commit
        draw = random.Random(f"{commit}:{of.seed}")
        effect = random.Random(commit).gauss(0.0, 0.05)
        if random.Random(f"crash {commit}").random() < 0.1 and commit != "root":
            return Crashed(CrashKind.EXCEPTION, "ValueError: no")
        return Measured((0.0 if commit == "root" else effect) + 1.0 + draw.gauss(0.0, 0.006))

    def report(self, agent: str, run: str, outcome: Outcome | None = None) -> list[AnyEvent]:
        return self.commit_settled(
            leases.report(self.state, agent, self.token(run), self.result(run, outcome), gap=0.01)
        )

    def commit_settled(self, events: list[AnyEvent]) -> list[AnyEvent]:
        self.commit(events)
        self.settle()
        return events


class Crowd(Swarm):
    """Every fifth program cheats, its audits find that; every eighth audit comes to nothing; one of four
    machines has no sandbox.
    """

    def cheats(self, run: str) -> bool:
        commit = self.state.experiments[self.state.runs[run].experiment].commit
        return commit != "root" and random.Random(f"cheat {commit.removeprefix('m-')}").random() < 0.2

    def measure(self, run: str) -> Outcome:
        honest = super().measure(run)
        return Measured(honest.value - 0.1) if isinstance(honest, Measured) and self.cheats(run) else honest

    def audited(self, run: str, outcome: Outcome, positions: int) -> tuple[Outcome, Audit | None]:
        if random.Random(f"fails {self.state.runs[run].seed}").random() < 0.125:
            return outcome, None
        return (
            (Cheated("leak", "0.1"), audit_of(positions))
            if self.cheats(run)
            else (outcome, audit_of(positions))
        )


class MixedCrowd(Crowd):
    def sandbox(self, run: str) -> str:
        return "F" if self.state.runs[run].agent == "a3" else "A"
