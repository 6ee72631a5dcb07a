"""A real campaign folder for tests: the real service with real SQLite and git, driven by calls instead of
agents.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from coordinator.protocol import Accepted, AgentCard, Brief, Lease, Proposal, Refused
from coordinator.rule_values.rule_set import Rules
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import TaskCard
from evaluator.result import Audit, Measured, Outcome, RunResult, Seconds
from tests.unit.swarm_of_rules import RULES, audit_of

SURFACE = """LEARNING_RATE = 0.01
# the rest of the program keeps edits of different constants apart,
# so that a three-way merge by lines can take both of them
print("training")
DEPTH = 4
print("more training")
print("evaluating")
WIDTH = 64
"""

TASK = TaskCard("demo", "train.py", SURFACE)


AUDITED = audit_of()


class Clock:
    """Time is a number; it grows by a second a look."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def rules(**changes: object) -> Rules:
    return msgspec.structs.replace(RULES, **changes)


def open_service(
    folder: Path,
    wanted: Rules = RULES,
    clock: Clock | None = None,
    source: str = SURFACE,
    secret: str | None = "",
) -> Service:
    """secret: by default none, so that everything that is drawn is drawn again the same."""
    task = TaskCard("demo", "train.py", source)
    return Service(Layout(folder), task, wanted, clock=clock or Clock(), secret=secret)


def card(agent: str, incarnation: str = "1") -> AgentCard:
    return AgentCard(agent=agent, incarnation=incarnation, division="cpu")


def propose(
    service: Service, agent: str, old: str, new: str, name: str | None = None, calls: Sequence[str] = ()
) -> Accepted | Refused:
    """Answer the next brief with one edit of its parent."""
    brief = service.brief(agent)
    assert isinstance(brief, Brief), brief
    assert old in brief.source
    proposal = Proposal(
        proposal=name or f"{agent}:{brief.ordinal}:{new}",
        ordinal=brief.ordinal,
        arm=brief.arm,
        parent=brief.parent,
        source=brief.source.replace(old, new),
        title=f"{old} → {new}",
        hypothesis="it may help",
        calls=list(calls),
    )
    return service.propose(agent, proposal)


def take(service: Service, agent: str) -> Lease:
    lease = service.lease(agent)
    assert isinstance(lease, Lease), lease
    return lease


def result(lease: Lease, outcome: Outcome, sandbox: str = "A", audit: Audit | None = AUDITED) -> RunResult:
    seconds = Seconds(total=4.0)
    return RunResult(
        run=lease.run,
        outcome=outcome,
        seed=lease.seed,
        seconds=seconds,
        sandbox=sandbox,
        audit=audit,
        started_at=0.0,
        finished_at=4.0,
    )


def train(
    service: Service, agent: str, value: float | Outcome, sandbox: str = "A", audit: Audit | None = AUDITED
) -> Lease:
    """Take the next run and report it."""
    lease = take(service, agent)
    outcome = Measured(value) if isinstance(value, float) else value
    service.report(agent, lease.token, result(lease, outcome, sandbox, audit), 0.01)
    return lease


def measure_baseline(service: Service, agent: str = "a0") -> None:
    """Join and run the baseline: mean 1, σ about 0.00816."""
    service.join(card(agent))
    for value in (0.99, 1.0, 1.0, 1.01):
        train(service, agent, value)
