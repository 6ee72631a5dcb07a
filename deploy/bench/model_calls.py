"""A campaign driven by calls instead of agents: real proposals, leases, reports and verdicts through the full
rules, with journal and git.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from configs.schema import Config
from coordinator.domain import Purpose
from coordinator.protocol import Accepted, AgentCard, Brief, Lease, Proposal, Wait
from coordinator.service.service import Service
from coordinator.views.metrics import Metrics
from deploy.bench.ideas import nudged
from deploy.rules_from_config import rules_of
from deploy.wiring import card_of, layout_of
from evaluator.result import Measured, RunResult, Seconds
from trainer.task_loading import load_task

BEST, WORSE = 1.0, 2.0
"""What the baseline is worth; and a value that is rejected at once: one run a verdict, the best stays."""
GROUP = 50
"""Calls that share a write to the disk while a campaign is filled."""


def opened(config: Config) -> Service:
    """The campaign as a coordinator opens it, its metrics counted but not served."""
    task, layout = load_task(config.task.name), layout_of(config)
    metrics = Metrics(config.campaign.name, task.metric.name)
    return Service(layout, card_of(task), rules_of(config, task), listeners=[metrics.observe])


def join(service: Service, agent: str) -> None:
    """Let an agent in."""
    service.join(AgentCard(agent=agent, incarnation="1", division="bench"))


def measure_baseline(service: Service, agent: str) -> None:
    """Join and make the runs that every division begins with: mean 1, σ about 0.01."""
    join(service, agent)
    value = 0.99
    while isinstance(lease := service.lease(agent), Lease):
        service.report(agent, lease.token, result_of(lease, value))
        value = 2.0 - value


def propose(service: Service, agent: str, number: int, source: str, parent: str) -> None:
    """Propose the idea of that number. Raises AssertionError when it is refused: then nothing measured here
    means anything.
    """
    text, title = nudged(source, number)
    proposal = Proposal(
        proposal=f"bench-{number}", ordinal=0, arm="search", parent=parent, source=text, title=title
    )
    answer = service.propose(agent, proposal)
    if not isinstance(answer, Accepted):
        raise AssertionError(f"proposal {number} was refused: {answer.reason}")


def take(service: Service, agent: str) -> Lease:
    """Lease a run. Raises AssertionError where there is none."""
    lease = service.lease(agent)
    if not isinstance(lease, Lease):
        raise AssertionError(f"no run to lease: {lease.reason}")
    return lease


def experiment(service: Service, agent: str, number: int, source: str | None = None) -> None:
    """One experiment from its brief to its verdict. source: proposed upon instead of the brief's."""
    brief = service.brief(agent)
    if not isinstance(brief, Brief):
        raise AssertionError(f"no brief: {brief.reason}")
    propose(service, agent, number, source or brief.source, brief.parent)
    lease: Lease | Wait = take(service, agent)
    while isinstance(lease, Lease):  # then the best again, now and then
        value = WORSE if lease.purpose is Purpose.SCREEN else BEST
        service.report(agent, lease.token, result_of(lease, value), 0.01)
        lease = service.lease(agent)


def fill(service: Service, agent: str, numbers: Iterable[int]) -> None:
    """Make these experiments quickly: one-line programs, many of them in one write. Raises what one of them
    raises.
    """
    together(
        service, [partial(experiment, agent=agent, number=number, source=small(number)) for number in numbers]
    )


def small(number: int) -> str:
    """A program of a few lines, unlike any other's, that keeps the contract."""
    return (
        "from prepare import evaluate_bpb, make_dataloader\n\nNUMBER = 1\nEXPERIMENT ="
        f" {number}\nevaluate_bpb(make_dataloader)\n"
    )


def together(service: Service, calls: Sequence[Callable[[Service], Any]]) -> list[Any]:
    """Make calls, many of them in one write, and return their answers. Raises what one of them raises."""
    answers = [
        answer
        for start in range(0, len(calls), GROUP)
        for answer in service.together(calls[start : start + GROUP])
    ]
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def result_of(lease: Lease, value: float) -> RunResult:
    """A result as a training brings it, log's end included."""
    now = time.time()
    return RunResult(
        sandbox="simulated",
        run=lease.run,
        outcome=Measured(value),
        seed=lease.seed,
        seconds=Seconds(startup=1.0, train=2.0, evaluate=0.5, total=3.5),
        spent=lease.budget.amount,
        steps=500,
        tail="step 00490 | loss: 3.141\n" * 20,
        started_at=now - 3.5,
        finished_at=now,
    )
