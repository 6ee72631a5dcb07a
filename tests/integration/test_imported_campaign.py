"""A folder of another program from its import to a merge: a real coordinator, real boxes."""

from pathlib import Path

import pytest

from configs.load import load
from coordinator.protocol import Accepted, AgentCard, Brief, Proposal
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from deploy.cli.init_files import write_files
from deploy.imports.importing import import_from, starter_of
from deploy.rules_from_config import rules_of
from deploy.wiring import build_trainer, card_of
from tests.integration.finished_campaign import train_all
from tests.integration.imported_tasks import write
from tests.integration.played_campaign import AGENT, Clock
from tests.integration.test_imports import OPENEVOLVE
from trainer.contract import Slot
from trainer.task_loading import load_task

KEYS = [
    "acceptance.policy=naive",
    "acceptance.baseline_runs=2",
    "campaign.max_experiments=3",
    "acceptance.combine=false",
    "trust.mode=off",
]


def test_an_imported_task_is_searched_and_a_gain_merges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, starter_of(*import_from(write(tmp_path / "other", OPENEVOLVE), None)))
    monkeypatch.chdir(tmp_path)
    config = load(["autoswarm.yaml"], [*KEYS, f"campaigns_dir={tmp_path / 'campaigns'}"], {}).config
    task, layout = load_task(config.task.name), Layout(tmp_path / "campaigns" / "night")
    service = Service(layout, card_of(task), rules_of(config, task), clock=Clock(), secret="")
    trainer = build_trainer(config, task, Slot("a"))
    service.join(AgentCard(agent=AGENT, incarnation="1", division="cpu", sandbox="A"))

    train_all(service, trainer, layout)
    brief = service.brief(AGENT)
    assert isinstance(brief, Brief)
    assert brief.source == task.source
    proposal = Proposal(
        proposal="p1",
        ordinal=brief.ordinal,
        arm=brief.arm,
        parent=brief.parent,
        source=task.source.replace("STEPS = 4", "STEPS = 12"),
        title="more steps",
    )
    assert isinstance(service.propose(AGENT, proposal), Accepted)
    train_all(service, trainer, layout)
    page = service.overview(seen_rows=1000).page
    service.close()
    (division,) = page.divisions
    assert division.merges == 1
    assert division.best is not None
    assert division.best.title == "more steps"
