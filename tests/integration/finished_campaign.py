"""A real campaign on disk whose trainer was simulated: everything but the waiting is the same everywhere."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

from configs.load import kept_yaml, load
from coordinator.protocol import Accepted, AgentCard, Brief, Lease, Proposal
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from deploy.rules_from_config import rules_of
from deploy.wiring import build_trainer, card_of
from tests.integration.played_campaign import AGENT, Clock
from trainer.contract import RunOrder, Slot, Trainer
from trainer.task_loading import load_task

KEYS = [
    "trainer.kind=simulated",
    "trainer.simulated_seconds=0.01",
    "acceptance.baseline_runs=3",
    "acceptance.policy=confirm",
    "acceptance.still=null",
    "campaign.max_experiments=9",
    "task.size=ci",
    "trust.mode=off",
]
WAITS = "DEPTH = 5"
EDITS = [("WIDTH = 64", "WIDTH = 96"), ("WIDTH = 64", "WIDTH = 48"), ("DEPTH = 4", WAITS)]


def train_all(service: Service, trainer: Trainer, layout: Layout) -> None:
    """All runs that the one agent is given now, reported."""
    while isinstance(lease := service.lease(AGENT), Lease):
        order = RunOrder(
            run=lease.run,
            source=lease.source,
            seed=lease.seed,
            budget=lease.budget,
            directory=layout.runs / lease.run,
            blocks=lease.blocks,
        )
        service.report(AGENT, lease.token, trainer.train(order, lambda _: None, Event()))


def finished(
    folder: Path,
    name: str = "night",
    keys: Sequence[str] = (),
    task_name: str = "demo",
    edits: Sequence[tuple[str, str]] = EDITS,
) -> Layout:
    """A campaign of one agent: a baseline, a few variants of which one is better, and one that waits.
    keys: more of its configuration. edits: one for each variant; the last one waits.
    """
    loaded = load(["demo"], [*KEYS, *keys, f"campaign.name={name}", f"campaigns_dir={folder}"], {})
    config, task, layout = loaded.config, load_task(task_name), Layout(folder / name)
    service = Service(layout, card_of(task), rules_of(config, task), clock=Clock(), secret="")
    layout.config.write_text(kept_yaml(loaded), encoding="utf-8")
    trainer = build_trainer(config, task, Slot("a"))
    service.join(AgentCard(agent=AGENT, incarnation="1", division="cpu", sandbox="simulated"))

    train_all(service, trainer, layout)
    for old, new in edits:
        brief = service.brief(AGENT)
        assert isinstance(brief, Brief)
        proposal = Proposal(
            proposal=f"p{brief.ordinal}",
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=task.source.replace(old, new),
            title=f"{old} → {new}",
        )
        assert isinstance(service.propose(AGENT, proposal), Accepted)
        if (old, new) != edits[-1]:
            train_all(service, trainer, layout)
    service.close()
    return layout
