"""A campaign driven by calls instead of agents: real proposals, leases, reports and verdicts, one after the other."""

import time

from coordinator.protocol import Accepted, AgentCard, Brief, Lease, Proposal
from coordinator.service import Service
from deploy.bench.ideas import nudged
from evaluator.result import Measured, RunResult, Seconds

WORSE = 2.0
"""A value rejected at once: one run a verdict, and the best stays where it is."""
ARM = "search"


class Held(Service):
    pass


def join(service: Service, agent: str) -> None:
    """Let an agent in."""
    service.join(AgentCard(agent=agent, incarnation="1", division="bench"))


def measure_baseline(service: Service, agent: str) -> None:
    """Make the runs that every division begins with, σ about 0.01."""
    number = 0
    while isinstance(lease := service.lease(agent), Lease):
        service.report(agent, lease.token, result_of(lease, 1.0 + 0.01 * (-1) ** number))
        number += 1


def propose(service: Service, agent: str, brief: Brief, number: int) -> None:
    """Answer a brief with the idea of that number. Raises AssertionError when it is refused: then nothing here means anything."""
    source, title = nudged(brief.source, number)
    proposal = Proposal(proposal=f"bench-{number}", ordinal=brief.ordinal, arm=brief.arm, parent=brief.parent, source=source, title=title)
    answer = service.propose(agent, proposal)
    if not isinstance(answer, Accepted):
        raise AssertionError(f"proposal {number} was refused: {answer.reason}")


def result_of(lease: Lease, value: float) -> RunResult:
    """A measured result such as a training brings, tail and details included."""
    now = time.time()
    return RunResult(
        run=lease.run,
        outcome=Measured(value),
        seed=lease.seed,
        seconds=Seconds(startup=1.0, train=2.0, evaluate=0.5, total=3.5),
        sandbox="simulated",
        spent=lease.budget.amount,
        steps=500,
        tail="step 00490 | loss: 3.141\n" * 20,
        started_at=now - 3.5,
        finished_at=now,
    )
