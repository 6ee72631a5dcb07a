"""What is rehearsed: how many slots, how slow the proposer and the training are, how many trainings crash."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct

from agents.backoff import Waits
from agents.loop import AgentLoop
from agents.permit_client import PermitClient
from agents.proposers.contract import Proposer
from agents.proposers.factory import make_proposers
from agents.proposers.llm.preload import preload
from agents.proposers.paced import PacedProposer
from agents.proposers.permits import Permits
from agents.spool import Spool
from configs.arms import AnyArm, CallsModels, Llm, Search
from configs.schema import CampaignConfig, Config, CoordinatorConfig, TrainerConfig
from configs.slots import SlotsConfig
from coordinator.agent_calls import Coordinator
from coordinator.protocol import AgentCard
from coordinator.state.events import RunLeased, RunReported
from coordinator.store.journal import Journal
from coordinator.store.paths import Layout
from deploy.bench.ideas import Nudges
from deploy.bench.intervals import Busy
from deploy.wiring import build_trainer, layout_of
from trainer.contract import Slot
from trainer.task_loading import load_task

EAGER = Waits(connection=(0.05, 0.1))
"""Agents are there before their coordinator, so that every slot exists from the first lease on; they then
find it within a tenth of a second.
"""

MODEL = "hosted_vllm/rehearsal"
"""A provider that wants no key, so that a rehearsal needs none."""


class Scenario(Struct, frozen=True, kw_only=True):
    """What is rehearsed."""

    name: str
    slots: int

    thinking: float
    """Seconds of a proposal."""

    training: float
    """Seconds of a run."""

    crash_ratio: float = 0.0
    """Share of variants that crash, after crash_seconds."""

    crash_seconds: float = 0.2

    http: bool = False
    """Whether a proposal comes from an ``endpoint``, by the way a language model's would."""

    failing: float = 0.0
    """Share of its answers whose edit does not fit."""

    def durations(self) -> Iterator[float]:
        """Seconds of one training after the other, crashes spread evenly among them: what a loop without
        variants does instead.
        """
        owed = 0.0
        while True:
            owed += self.crash_ratio
            crashes = owed >= 1.0
            owed -= crashes
            yield self.crash_seconds if crashes else self.training


def config_of(scenario: Scenario, folder: Path, api_base: str | None = None) -> Config:
    """The campaign of a rehearsal: the demo task, simulated, on a Ray of our own. api_base: of the endpoint
    that is asked for proposals, if any.
    """
    return Config(
        campaigns_dir=str(folder),
        campaign=CampaignConfig(name=scenario.name),
        arms=[Llm(name="model", models=[MODEL], api_base=api_base) if api_base else Search(name="search")],
        slots=SlotsConfig(count=scenario.slots),
        trainer=TrainerConfig(
            kind="simulated",
            simulated_seconds=scenario.training,
            simulated_crash_ratio=scenario.crash_ratio,
            simulated_crash_seconds=scenario.crash_seconds,
        ),
        coordinator=CoordinatorConfig(metrics_port=0),
    )


def agent_builder(config: Config, agent: str, thinking: float) -> "partial[AgentLoop]":
    """An ``agents.actor.Builder``."""
    return partial(_agent, config, agent, thinking)


def _agent(config: Config, agent: str, thinking: float, coordinator: Coordinator) -> AgentLoop:
    layout, task = layout_of(config), load_task(config.task.name)
    trainer = build_trainer(config, task, Slot(agent))
    card = AgentCard(agent=agent, incarnation=uuid.uuid4().hex, division="bench")
    permits = PermitClient(agent)
    proposers = {arm.name: _proposer(config, arm, thinking, permits) for arm in config.arms}
    preload(config.arms).join()  # like everything an agent imports: before the rehearsal begins
    return AgentLoop(
        card,
        coordinator,
        trainer,
        proposers,
        Spool(layout.spool / agent),
        layout.runs,
        waits=EAGER,
        permits=permits,
    )


def _proposer(config: Config, arm: AnyArm, thinking: float, permits: Permits) -> Proposer:
    if isinstance(arm, CallsModels):
        return make_proposers([arm], {}, config.campaign.charter, permits=permits)[arm.name]
    return PacedProposer(Nudges(), thinking)


def trainings(layout: Layout) -> list[Busy]:
    """Every training of a campaign as its trainer timed it, read from the journal."""
    journal, holders, done = Journal.read(layout.journal), dict[str, str](), list[Busy]()
    try:
        for entry in journal.entries():
            match entry.event:
                case RunLeased(run=run, agent=agent):
                    holders[run] = agent
                case RunReported(run=run, result=result):
                    done.append(Busy(holders[run], result.started_at, result.finished_at))
                case _:
                    pass
    finally:
        journal.close()
    return done
