"""What is rehearsed: how many slots, how slow the proposer and the training are, how many trainings crash."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct

from agents.loop import AgentLoop
from agents.patience import Patience
from agents.proposers.paced import PacedProposer
from agents.spool import Spool
from configs.schema import CampaignConfig, Config, CoordinatorConfig, SlotsConfig, TrainerConfig
from coordinator.events import RunLeased, RunReported
from coordinator.journal import Journal
from coordinator.layout import Layout
from coordinator.protocol import AgentCard, Coordinator
from deploy.bench.ideas import Nudges
from deploy.bench.intervals import Busy
from deploy.parts import build_trainer, layout_of
from trainer.contract import Slot
from trainer.task import load_task

EAGER = Patience(connection=(0.05, 0.1))
"""Agents are there before their coordinator, so that every slot exists from the first lease on; they then find it within a tenth of a second."""


class Scenario(Struct, frozen=True, kw_only=True):
    """thinking: seconds of a proposal. training: seconds of a run. crash_ratio: share of variants that crash, after crash_seconds."""

    name: str
    slots: int
    thinking: float
    training: float
    crash_ratio: float = 0.0
    crash_seconds: float = 0.2

    def durations(self) -> Iterator[float]:
        """Seconds of one training after the other, crashes spread evenly among them: what a loop without variants does instead."""
        owed = 0.0
        while True:
            owed += self.crash_ratio
            crashes = owed >= 1.0
            owed -= crashes
            yield self.crash_seconds if crashes else self.training


def config_of(scenario: Scenario, folder: Path) -> Config:
    """The campaign of a rehearsal: the demo task, simulated, on a Ray of our own."""
    return Config(
        campaigns_dir=str(folder),
        campaign=CampaignConfig(name=scenario.name),
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
    proposers = {arm.name: PacedProposer(Nudges(), thinking) for arm in config.arms}
    return AgentLoop(card, coordinator, trainer, proposers, Spool(layout.spool / agent), layout.runs, patience=EAGER)


def trainings(layout: Layout) -> list[Busy]:
    """Every training of a campaign as its trainer timed it, read from the journal."""
    journal, holders, found = Journal.read(layout.journal), dict[str, str](), list[Busy]()
    try:
        for entry in journal.entries():
            match entry.event:
                case RunLeased(run=run, agent=agent):
                    holders[run] = agent
                case RunReported(run=run, result=result):
                    found.append(Busy(holders[run], result.started_at, result.finished_at))
                case _:
                    pass
    finally:
        journal.close()
    return found
