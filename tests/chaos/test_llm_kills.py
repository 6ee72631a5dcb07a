"""kill -9 of an agent while it waits for a model's answer: its brief is thought about again, nothing is lost,
nothing is left.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from coordinator.state.events import RunReported
from coordinator.store.journal import Journal
from tests.chaos.swarm_process import SwarmProcess, swarm_process
from tests.integration.chat_server import ChatServer, Mind, chat_server, moving

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

EXPERIMENTS = 6
SLOW = 4.0
"""Seconds the third answer takes: long enough to be waiting for."""


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


def slow_from_the_third(server: ChatServer) -> Mind:
    quick, slow = moving(0.1), moving(SLOW)
    return lambda body: (quick if len(server.requests) < 3 else slow)(body)


def agents(swarm: SwarmProcess) -> list[psutil.Process]:
    return swarm.named("ray::AgentServer")


def test_an_agent_killed_while_a_model_thinks_loses_nothing_and_leaves_nothing(
    server: ChatServer, tmp_path: Path
) -> None:
    """The model takes one call at a time: were that of the killed agent not given up, there would never be
    another.
    """
    server.minds = {"model": slow_from_the_third(server)}
    arms = f"arms=[{{name: model, proposer: llm, models: [hosted_vllm/model], api_base: '{server.base}'}}]"
    more = [
        "trainer.kind=simulated",
        "trainer.simulated_seconds=1",
        "acceptance.baseline_runs=2",
        "slots.count=1",
        arms,
    ]
    more.append("models={hosted_vllm/model: {at_once: 1}}")
    with swarm_process(tmp_path, EXPERIMENTS, *more) as swarm:
        swarm.start()
        swarm.until("a model that thinks", 120, lambda: len(server.requests) >= 3 and server.open == 1)
        asked = len(server.requests)
        [victim] = agents(swarm)
        victim.kill()
        swarm.until(
            "another life of the agent",
            60,
            lambda: [agent.pid for agent in agents(swarm)] not in ([], [victim.pid]),
        )
        swarm.until("the brief to be thought about again", 60, lambda: len(server.requests) > asked)
        assert swarm.wait(120) == 0, swarm.said()
        swarm.until("everything to end", 20, lambda: not swarm.processes())
        state, reports = swarm.state(), reported(swarm)
    assert (
        len(state.by_ordinal)
        == EXPERIMENTS
        == len({experiment.digest for experiment in state.experiments.values()}) - 1
    )
    assert (
        len(reports)
        == len(set(reports))
        == sum(len(experiment.runs) for experiment in state.experiments.values())
    )
    with contextlib.suppress(psutil.NoSuchProcess):
        assert psutil.Process(victim.pid).create_time() != victim.create_time()


def reported(swarm: SwarmProcess) -> list[str]:
    journal = Journal.read(swarm.campaign / "journal.db")
    try:
        return [entry.event.run for entry in journal.entries() if isinstance(entry.event, RunReported)]
    finally:
        journal.close()
