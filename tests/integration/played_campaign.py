"""A real campaign folder: the real service, journal and git, with a clock that is a number and a trainer that
is a list of outcomes.
"""

from pathlib import Path
from typing import Any

import msgspec

from coordinator.protocol import Accepted, AgentCard, Brief, Lease, Proposal
from coordinator.rule_values.rule_set import Rules
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import TaskCard
from evaluator.result import Crashed, CrashKind, Measured, Outcome, RunResult, Seconds
from tests.unit.swarm_of_rules import RULES, audit_of
from trainer.run.result_file import LOG, write_result

TASK = TaskCard("demo", "train.py", "DEPTH = 6\nLR = 0.01\n")
AGENT = "a1"
NASTY = "wider\x1b[2J [bold red]heads[/]"
"""A title as a hostile model would write it."""


class Clock:
    """Seconds since the epoch; each look is a tenth of a second later."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


def propose(service: Service, agent: str, source: str, title: str, **said: Any) -> str:
    """Answer the agent's brief with that; the experiment's id. said: what else the proposal says."""
    brief = service.brief(agent)
    assert isinstance(brief, Brief)
    proposal = Proposal(
        proposal=f"p{brief.ordinal}",
        ordinal=brief.ordinal,
        arm="search",
        parent=brief.parent,
        source=source,
        title=title,
    )
    answer = service.propose(agent, msgspec.structs.replace(proposal, **said))
    assert isinstance(answer, Accepted)
    return answer.experiment


class Player:
    """One agent that does what a test says."""

    def __init__(self, folder: Path, name: str = "demo", wanted: Rules = RULES) -> None:
        self.layout = Layout(folder / name)
        self.clock = Clock()
        rules = msgspec.structs.replace(wanted, max_experiments=40)
        self.service = Service(self.layout, TASK, rules, clock=self.clock, secret="")
        self.service.join(AgentCard(agent=AGENT, incarnation="1", division="cpu"))

    def propose(self, source: str, title: str) -> str:
        why = "More of it is better."
        return propose(self.service, AGENT, source, title, hypothesis=why, settings={"DEPTH": "7"})

    def begin(self) -> Lease:
        lease = self.service.lease(AGENT)
        assert isinstance(lease, Lease)
        directory = self.layout.runs / lease.run
        directory.mkdir(parents=True)
        (directory / LOG).write_bytes(f"step 1 of {lease.run}\x1b[31m\n".encode())
        return lease

    def train(self, outcome: Outcome, tail: str = "") -> str:
        lease = self.begin()
        began = self.clock()
        self.clock.now += 10
        result = RunResult(
            run=lease.run,
            outcome=outcome,
            seed=lease.seed,
            seconds=Seconds(1.0, 8.0, 1.0, 10.0),
            floor=1.15,
            sandbox="A",
            audit=audit_of(),
            peak_memory=2_000_000_000,
            tail=tail,
            steps=100,
            started_at=began,
            finished_at=self.clock.now,
        )
        write_result(self.layout.runs / lease.run, result)
        assert self.service.report(AGENT, lease.token, result).counted
        return lease.run

    def baseline(self) -> None:
        for value in (2.20, 2.21, 2.19, 2.20):
            self.train(Measured(value))


def played(folder: Path, name: str = "demo") -> Player:
    """A baseline, a merge (e00001), a rejection (e00002), a crash (e00003) and a run that is under way
    (e00004.1). The service is open.
    """
    player = Player(folder, name)
    player.baseline()
    player.propose("DEPTH = 7\nLR = 0.01\n", "DEPTH 6 → 7")
    player.train(Measured(2.10))
    player.train(Measured(2.11))
    player.propose("DEPTH = 7\nLR = 0.02\n", "=LR 0.01 → 0.02")
    player.train(Measured(2.30))
    player.propose("DEPTH = 9\nLR = 0.01\n", NASTY)
    player.train(
        Crashed(CrashKind.EXCEPTION, "IndexError: head 9"), tail="Traceback\x1b[1A\nIndexError: head 9\n"
    )
    player.propose("DEPTH = 8\nLR = 0.01\n", "DEPTH 7 → 8")
    player.begin()
    return player
