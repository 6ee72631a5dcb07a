"""A real coordinator (journal and git on disk) whose agents train in no time, with its metrics wired as a
start would wire them.
"""

import random
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from coordinator.model_calls import CallRecord
from coordinator.protocol import AgentCard, Brief, Lease, Proposal
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import TaskCard
from coordinator.views.metrics import Metrics
from coordinator.views.status_page import StatusPage
from evaluator.result import Crashed, CrashKind, Measured, Outcome, Progress, RunResult, Seconds
from tests.unit.swarm_of_rules import METRIC, rules

AGENTS = ("agent-00", "agent-01", "agent-02")


class InstantCampaign:
    """Each agent holds a run from one of its turns to the next. The surface is a number; a greater one is
    better, every tenth crashes.
    """

    def __init__(self, folder: Path) -> None:
        layout = Layout(folder)
        self.metrics = Metrics(layout.name, METRIC.name)
        self.metrics.resume(layout.journal)
        self.service = Service(
            layout,
            TaskCard("demo", "train.py", "STEP = 0\n"),
            rules(baseline_runs=2),
            listeners=[self.metrics.observe],
            secret="",
            await_look=self.metrics.await_look,
        )
        self.metrics.show(self.page)
        self._leases: dict[str, Lease] = {}
        for agent in AGENTS:
            self.service.join(
                AgentCard(agent=agent, incarnation=str(time.monotonic_ns()), division="cpu", gpu="none")
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.service.close()

    def page(self) -> StatusPage:
        return self.service.overview(seen_rows=sys.maxsize).page

    def turns(self, number: int) -> None:
        """Let each agent have this many turns."""
        for _ in range(number):
            for agent in AGENTS:
                self._turn(agent)

    def _turn(self, agent: str) -> None:
        held = self._leases.pop(agent, None)
        if held is not None:
            self.service.report(agent, held.token, self._result(held), gap=0.002)
        brief = self.service.brief(agent)
        if isinstance(brief, Brief):
            self.service.propose(agent, self._proposal(brief))
            self.service.settle(agent, _call(brief))
        lease = self.service.lease(agent)
        if isinstance(lease, Lease):
            self._leases[agent] = lease
            self.service.heartbeat(agent, lease.token, Progress(0.5))

    def _proposal(self, brief: Brief) -> Proposal:
        source = f"STEP = {brief.ordinal}\n"
        name = f"p-{brief.ordinal}"
        return Proposal(
            proposal=name,
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=source,
            title=f"step {brief.ordinal}",
        )

    def _result(self, lease: Lease) -> RunResult:
        step = int(lease.source.split()[-1])
        noise = random.Random(f"{lease.seed} {step}").gauss(0.0, 1e-4)
        outcome: Outcome = (
            Crashed(CrashKind.DIVERGED) if step % 10 == 9 else Measured(1.0 / (1.0 + 0.02 * step) + noise)
        )
        now = time.time()
        seconds = Seconds(startup=0.01, train=0.03, evaluate=0.005, total=0.05)
        return RunResult(
            run=lease.run,
            outcome=outcome,
            seed=lease.seed,
            seconds=seconds,
            sandbox="simulated",
            started_at=now - 0.05,
            finished_at=now,
        )


def _call(brief: Brief) -> CallRecord:
    name = f"call-{brief.ordinal}-{time.monotonic_ns()}"
    return CallRecord(
        call=name,
        arm=brief.arm,
        model="openai/test",
        ordinal=brief.ordinal,
        prompt_tokens=9_000,
        completion_tokens=300,
        cost_usd=0.01,
        seconds=2.0,
        result="diff",
    )
