"""Journals of earlier versions open as before: the same pages, the same commits, and the campaign goes on."""

import gzip
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from coordinator.domain import State
from coordinator.service.service import Service
from coordinator.state.arm_events import ArmNoted
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, PairRefused, Settled
from coordinator.state.slot_events import SlotSetAside
from coordinator.store.journal import Journal
from coordinator.store.paths import Layout
from coordinator.store.repository import Repository
from coordinator.store.unit_of_work import TaskCard
from deploy.cli.main import main
from tests.integration.campaign_folder import SURFACE, Clock, card, train
from tests.integration.page_keys import without_new_keys

JOURNALS = Path(__file__).parent / "journals"
LATER = {ArmNoted, PairRefused, Settled, SlotSetAside}
"""Events that no version with a journal here wrote."""
VERSIONS = sorted(path.name.removesuffix(".db.gz") for path in JOURNALS.glob("*.db.gz"))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def layout(version: str, tmp_path: Path) -> Layout:
    """A campaign folder that holds nothing but the journal."""
    layout = Layout(tmp_path / "demo")
    layout.folder.mkdir()
    layout.journal.write_bytes(gzip.decompress((JOURNALS / f"{version}.db.gz").read_bytes()))
    return layout


@pytest.fixture
def printed(version: str) -> dict[str, Any]:
    """What that version's commands printed, by command; ``show`` by experiment."""
    pages: dict[str, Any] = json.loads(gzip.decompress((JOURNALS / f"{version}.json.gz").read_bytes()))
    return pages


def read(layout: Layout, *arguments: str) -> Any:
    options = ["--campaigns", str(layout.folder.parent), "--json"]
    result = CliRunner().invoke(main, [*arguments, *options], prog_name="autoswarm")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_journal_holds_every_kind_of_event(layout: Layout) -> None:
    journal = Journal.read(layout.journal)
    kinds = {type(entry.event) for entry in journal.entries()}
    journal.close()
    assert kinds == set(get_args(AnyEvent)) - LATER


@pytest.mark.parametrize("command", ["status", "leaderboard", "arms", "calls", "hint", "propose"])
def test_every_page_says_what_it_said(layout: Layout, printed: dict[str, Any], command: str) -> None:
    assert without_new_keys(read(layout, command), printed[command]) == printed[command]


def test_every_experiment_is_shown_as_it_was(layout: Layout, printed: dict[str, Any]) -> None:
    shown = {name: read(layout, "show", name) for name in printed["show"]}
    assert without_new_keys(shown, printed["show"]) == printed["show"]


def test_its_commits_are_made_again_with_the_same_ids_and_it_goes_on(
    layout: Layout, printed: dict[str, Any]
) -> None:
    """Opening it makes a repository of the texts in the journal; a commit whose id were another would be
    refused.
    """
    state = CampaignState()
    journal = Journal.read(layout.journal)
    for entry in journal.entries():
        state.apply(entry.event, entry.at)
    journal.close()
    task, clock = TaskCard("demo", "train.py", SURFACE), Clock(state.last_at)
    with Service(layout, task, state.start.rules, clock=clock) as service:
        repository = Repository(layout.repository, "train.py")
        missing = [row for row in printed["leaderboard"]["rows"] if not repository.has(row["commit"])]
        repository.close()
        assert not missing
        service.join(card("a1", "10"))
        lease = train(service, "a1", 0.95)
        assert service.state.experiments[lease.experiment].state is State.REJECTED
