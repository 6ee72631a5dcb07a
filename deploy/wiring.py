"""Puts the parts of a swarm together from a configuration, in whatever process they are to live in."""

import logging
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from msgspec import Struct

from agents.loop import AgentLoop
from agents.permit_client import PermitClient
from agents.proposers.factory import make_proposers
from agents.proposers.llm.preload import preload
from agents.spool import Spool
from configs.arms import ReadsCharter
from configs.charter import charter_or_nothing, charter_path, read_charter
from configs.errors import ConfigError
from configs.schema import Config, TrainerConfig
from coordinator.agent_calls import Coordinator
from coordinator.domain import Direction
from coordinator.protocol import AgentCard
from coordinator.service.charters import Charters
from coordinator.service.presence import LeaseTimes
from coordinator.service.service import Service
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent
from coordinator.state.slot_events import SlotSetAside
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import TaskCard
from coordinator.views.metrics import Metrics
from coordinator.views.prometheus import serve
from deploy.logs import log_to
from deploy.rules_from_config import rules_of
from deploy.sandboxes import sandbox_of, warning
from trainer.contract import Slot, Trainer
from trainer.task import Task
from trainer.task_loading import load_task

log = logging.getLogger(__name__)


class SlotOrder(Struct, frozen=True, kw_only=True):
    """Where an agent is to live."""

    agent: str
    division: str
    node: str
    cores: int
    gpus: bool = False
    """Whether it owns the GPU that Ray gives its process."""

    machine_share: float = 1.0
    """Of its machine's memory, 0 to 1: one divided by the slots there."""


def layout_of(config: Config) -> Layout:
    """The campaign's folder, absolute."""
    return Layout(Path(config.campaigns_dir).absolute() / config.campaign.name)


def card_of(task: Task) -> TaskCard:
    """What the coordinator knows of a task."""
    return TaskCard(
        task.name,
        task.surface,
        task.source,
        frozen=tuple(task.frozen),
        imports=tuple(task.imports),
        patterns=tuple(task.patterns),
    )


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
        listeners=[metrics.observe, log_set_aside],
        charters=charters_of(config),
        secret=config.campaign.secret,
        await_look=metrics.await_look if wanted.metrics_port else lambda: None,
    )
    metrics.show(service.status)
    try:
        layout.metrics.unlink(missing_ok=True)
        if wanted.metrics_port:
            server = serve(metrics.registry, wanted.metrics_host, wanted.metrics_port)
            service.metrics = f"http://{wanted.metrics_host}:{server.port}/metrics"
            layout.metrics.write_text(f"{service.metrics}\n", encoding="utf-8")
    except ConfigError:
        service.close()
        raise
    log_to(layout.logs / "coordinator.log")
    return service


def log_set_aside(event: AnyEvent, at: float, state: CampaignState) -> None:  # noqa: ARG001 - as all listeners
    """Note a slot that is set aside in the coordinator's log."""
    if isinstance(event, SlotSetAside):
        log.warning("a slot is set aside", extra={"agent": event.agent, "reason": event.reason})


def charters_of(config: Config) -> Charters:
    """The charters of the arms that read one. Raises ConfigError where one cannot be read here, at the
    head.
    """
    names = {
        arm.name: arm.charter or config.campaign.charter
        for arm in config.arms
        if isinstance(arm, ReadsCharter)
    }
    for name in names.values():
        read_charter(name)
    return Charters({arm: charter_path(name) for arm, name in names.items()})


def build_agent(
    config: Config, order: SlotOrder, coordinator: Coordinator, *, secret_files: Sequence[str] = ()
) -> AgentLoop:
    """An agent, ready to start. secret_files: what programs of arms are not to see besides campaigns and
    data, as absolute paths. Raises ConfigError when its node lacks what the task needs.
    """
    preload(config.arms)
    task, layout = load_task(config.task.name), layout_of(config)
    layout.logs.mkdir(parents=True, exist_ok=True)
    log_to(layout.logs / f"{order.agent}.log")
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES") if order.gpus else None
    slot = Slot(order.agent, order.cores, gpu, order.machine_share)
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
            config.campaign.charter,
            task.surface,
            task.frozen_texts,
            permits,
            charter_or_nothing,
            [*hidden_from_programs(config), *secret_files],
            task.patterns,
        ),
        Spool(layout.spool / order.agent),
        layout.runs,
        permits=permits,
    )


def hidden_from_programs(config: Config) -> list[str]:
    """What variants are judged on and by, as absolute paths."""
    return [str(Path(folder).absolute()) for folder in (config.campaigns_dir, config.data_dir)]


def build_trainer(config: Config, task: Task, slot: Slot) -> Trainer:
    """What trains on a slot."""
    wanted: TrainerConfig = config.trainer
    match wanted.kind:
        case "subprocess":
            from trainer.make_trainer import make_trainer

            return make_trainer(
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
