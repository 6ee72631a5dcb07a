"""Models that say the same again and again, to several agents at once: it is tried once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.backoff import Waits
from agents.loop import AgentLoop
from agents.proposers.factory import make_proposers
from agents.spool import Spool
from configs.arms import Llm
from coordinator.domain import Purpose
from coordinator.protocol import AgentCard
from deploy.bench.model_calls import opened
from deploy.bench.scenario import Scenario, config_of
from deploy.wiring import layout_of
from tests.integration.chat_server import ChatServer, chat_server, said
from trainer.simulated.trainer import SimulatedTrainer
from trainer.task_loading import load_task

AGENTS = 4
ANSWERS = 200
IDEA = (
    "TITLE: the one idea\n\n<<<<<<< SEARCH\nSEED = 42  # fixed\n=======\nSEED = 42  # fixed\nIDEA ="
    " 1\n>>>>>>> REPLACE\n"
)
HASTY = Waits(poll=(0.001, 0.01), failure=(0.001, 0.002))
TASK = Path(__file__).parents[1] / "tasks" / "tiny"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


def test_two_hundred_identical_answers_cost_one_run(server: ChatServer, tmp_path: Path) -> None:
    """Four agents are told the same by the same model, from the first moment on."""
    server.play(said(IDEA))
    config = config_of(Scenario(name="same", slots=AGENTS, thinking=0.0, training=0.0), tmp_path)
    config = config.model_copy(update={"task": config.task.model_copy(update={"name": str(TASK)})})
    layout, arm = (
        layout_of(config),
        Llm(name="search", models=["hosted_vllm/parrot"], api_base=server.base),
    )
    with opened(config) as service:
        trainer = SimulatedTrainer(load_task(str(TASK)).source, seconds=0.0)
        loops = []
        for number in range(AGENTS):
            card = AgentCard(agent=f"slot{number}", incarnation="1", division="bench")
            spool = Spool(layout.spool / card.agent)
            loops.append(
                AgentLoop(card, service, trainer, make_proposers([arm], {}), spool, layout.runs, waits=HASTY)
            )
        for loop in loops:
            loop.start()
        deadline = time.monotonic() + 60.0
        while server.asked("parrot") < ANSWERS and time.monotonic() < deadline:
            time.sleep(0.01)
        for loop in loops:
            loop.stop()
        assert all(loop.join(10.0) for loop in loops)
        assert server.asked("parrot") >= ANSWERS
        tried = [experiment for experiment in service.state.experiments.values() if not experiment.baseline]
        assert [experiment.title for experiment in tried] == ["the one idea"]
        assert [run.purpose for run in tried[0].runs].count(Purpose.SCREEN) == 1
        assert service.state.refusals["duplicate"] >= ANSWERS / 2
