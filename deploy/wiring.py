"""Puts the parts of a swarm together from a configuration, in whatever process they are to live in."""

import logging
import os
import uuid
from pathlib import Path
from typing import assert_never

import msgspec
from msgspec import Struct

from agents.loop import AgentLoop
from agents.permit_client import PermitClient
from agents.proposers.factory import make_proposers
from agents.proposers.llm.preload import warm_up
from agents.spool import Spool
from configs.charter import charter_or_nothing, charter_path, read_charter
from configs.errors import ConfigError
from configs.schema import ArmConfig, Config, TrainerConfig
from coordinator.agent_calls import Coordinator
from coordinator.domain import Direction, Metric, Origin, Strategy
from coordinator.protocol import AgentCard
from coordinator.service.charters import Charters
from coordinator.service.presence import LeaseTimes
from coordinator.service.service import Service
from coordinator.state.campaign_rules import ArmShare, Rules
from coordinator.state.prices import ModelTerms, MoneyRules
from coordinator.state.trust_rules import TrustRules
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import TaskCard
from coordinator.views.metrics import Metrics, serve
from deploy.logs import log_to
from deploy.sandboxes import sandbox_of, warning
from evaluator.acceptance import Policy
from trainer.contract import Slot, Trainer
from trainer.task import TASKS, Task, load_task

log = logging.getLogger(__name__)

THINKING = ("llm", "command")
"""Proposers that read a charter, and can repair what crashed."""


class SlotOrder(Struct, frozen=True, kw_only=True):
    """Where an agent is to live. gpus: whether it owns the GPU that Ray gives its process."""

    agent: str
    division: str
    node: str
    cores: int
    gpus: bool = False


def rooted(config: Config) -> Config:
    """The same configuration with every path absolute: actors live in other folders, on other machines under
    the same paths.
    """
    name = config.task.name
    task = name if (TASKS / name).is_dir() else str(Path(name).absolute())
    arms = [arm.model_copy(update=_absolute_files(arm)) for arm in config.arms]
    return config.model_copy(
        update={
            "campaigns_dir": str(Path(config.campaigns_dir).absolute()),
            "data_dir": str(Path(config.data_dir).absolute()),
            "task": config.task.model_copy(update={"name": task}),
            "campaign": config.campaign.model_copy(update={"program": charter_path(config.campaign.program)}),
            "arms": arms,
        }
    )


def _absolute_files(arm: ArmConfig) -> dict[str, object]:
    program = charter_path(arm.program) if arm.program is not None else None
    return {
        "files": [str(Path(file).absolute()) for file in arm.files],
        "program": program,
        "command": _absolute_program(arm),
    }


def _absolute_program(arm: ArmConfig) -> list[str]:
    """Its command, for which a program that was named by a path is found by it from everywhere; a shell's
    line stays what it is.
    """
    if arm.template == "shell" or not arm.command or "/" not in arm.command[0]:
        return arm.command
    return [str(Path(arm.command[0]).absolute()), *arm.command[1:]]


def layout_of(config: Config) -> Layout:
    """The campaign's folder, absolute."""
    return Layout(Path(config.campaigns_dir).absolute() / config.campaign.name)


def rules_of(config: Config, task: Task) -> Rules:
    """What the campaign's decisions depend on. What is not spelled out here is the key of the same name in
    one of these sections.
    """
    sections = (config.campaign, config.acceptance, config.coordinator, config.memory)
    values = {key: value for section in sections for key, value in section if key in Rules.__struct_fields__}
    spelled_out = {
        "metric": Metric(task.metric.name, Direction(task.metric.direction)),
        "budget": task.budget(config.task.size),
        "arms": [share_of(arm) for arm in config.arms],
        "policy": msgspec.convert(config.acceptance, Policy, from_attributes=True),
        "trust": msgspec.convert(config.trust, TrustRules, from_attributes=True),
        "money": money_of(config),
    }
    return msgspec.convert({**values, **spelled_out}, Rules)


def share_of(arm: ArmConfig) -> ArmShare:
    """An arm as the rules know it."""
    rotates = arm.strategy == "rotate"
    strategy = Strategy.FREE if rotates else Strategy(arm.strategy)
    return ArmShare(
        arm.name,
        arm.weight,
        Origin(arm.parent),
        strategy,
        rotates,
        arm.control,
        repairs=arm.proposer in THINKING,
    )


def money_of(config: Config) -> MoneyRules:
    """What work may cost."""
    models = {
        name: ModelTerms(
            input_usd=model.input_usd_per_million,
            output_usd=model.output_usd_per_million,
            at_once=model.at_once,
        )
        for name, model in config.models.items()
    }
    return MoneyRules(cap_usd=config.money.cap_usd, gpu_hour_usd=config.money.gpu_hour_usd, models=models)


def card_of(task: Task) -> TaskCard:
    """What the coordinator knows of a task."""
    return TaskCard(task.name, task.surface, task.source, tuple(task.frozen), tuple(task.imports))


def open_service(config: Config) -> Service:
    """The campaign, open for work, its metrics served. Raises ConfigError."""
    task, layout, wanted = load_task(config.task.name), layout_of(config), config.coordinator
    metrics = Metrics(config.campaign.name, task.metric.name)
    metrics.resume(layout.journal)
    times = LeaseTimes(wanted.heartbeat, wanted.lease_ttl)
    service = Service(
        layout,
        card_of(task),
        rules_of(config, task),
        times,
        listeners=[metrics.observe],
        charters=charters_of(config),
    )
    metrics.show(service.status)
    try:
        if wanted.metrics_port:
            serve(metrics, wanted.metrics_host, wanted.metrics_port)
    except ConfigError:
        service.close()
        raise
    log_to(layout.logs / "coordinator.log")
    return service


def charters_of(config: Config) -> Charters:
    """The charters of the arms that read one. Raises ConfigError where one cannot be read here, at the
    head.
    """
    names = {
        arm.name: arm.program or config.campaign.program for arm in config.arms if arm.proposer in THINKING
    }
    for name in names.values():
        read_charter(name)
    return Charters({arm: charter_path(name) for arm, name in names.items()})


def build_agent(config: Config, order: SlotOrder, coordinator: Coordinator) -> AgentLoop:
    """An agent, ready to start. Raises ConfigError when its node lacks what the task needs."""
    warm_up(config.arms)
    task, layout = load_task(config.task.name), layout_of(config)
    layout.logs.mkdir(parents=True, exist_ok=True)
    log_to(layout.logs / f"{order.agent}.log")
    slot = Slot(order.agent, order.cores, os.environ.get("CUDA_VISIBLE_DEVICES") if order.gpus else None)
    trainer = build_trainer(config, task, slot)
    if word := warning(config):
        log.warning(word, extra={"agent": order.agent})
    card = AgentCard(
        agent=order.agent,
        incarnation=uuid.uuid4().hex,
        division=order.division,
        node=order.node,
        gpu=slot.gpu or "",
        cores=order.cores,
        sandbox=sandbox_of(config),
    )
    permits = PermitClient(order.agent)
    return AgentLoop(
        card,
        coordinator,
        trainer,
        make_proposers(
            config.arms,
            task.choices,
            config.campaign.program,
            task.surface,
            task.frozen_texts,
            permits,
            charter_or_nothing,
        ),
        Spool(layout.spool / order.agent),
        layout.runs,
        permits=permits,
    )


def build_trainer(config: Config, task: Task, slot: Slot) -> Trainer:
    """What trains on a slot."""
    wanted: TrainerConfig = config.trainer
    match wanted.kind:
        case "subprocess":
            from trainer.subprocess_trainer import SubprocessTrainer

            return SubprocessTrainer(
                task,
                task.prepare(Path(config.data_dir).absolute()),
                slot,
                int(wanted.log_megabytes * 1e6),
                sandbox=sandbox_of(config),
            )
        case "simulated":
            from trainer.simulated.trainer import SimulatedTrainer

            return SimulatedTrainer(
                task.source,
                sign=1 if task.metric.direction == Direction.MINIMIZE else -1,
                seconds=wanted.simulated_seconds,
                sigma=wanted.simulated_sigma,
                crash_ratio=wanted.simulated_crash_ratio,
                crash_seconds=wanted.simulated_crash_seconds,
            )
        case _:
            assert_never(wanted.kind)
