"""A campaign on three blocks of validation rows, through the real service, journal, git and pages."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from coordinator.domain import Purpose, State
from coordinator.protocol import Lease
from coordinator.service.service import Service
from deploy.cli.main import main
from evaluator.result import Measured
from tests.integration.campaign_folder import card, open_service, propose, result, rules, take, train
from tests.integration.test_service import replayed

WANTED = rules(val_blocks=3)


def baseline(service: Service) -> list[Lease]:
    """Measured on every block: block 1 is easier by 0.05."""
    service.join(card("a0"))
    leases = []
    for value in (0.99, 1.0, 1.0, 1.01):
        lease = take(service, "a0")
        details: dict[str, float | str] = {"value_block_1": value - 0.05, "value_block_2": value + 0.01}
        service.report("a0", lease.token, replace(result(lease, Measured(value)), details=details), 0.01)
        leases.append(lease)
    return leases


def read(folder: Path, *words: str, as_json: bool = True) -> Any:
    arguments = [*words, "--campaigns", str(folder.parent), *(["--json"] if as_json else [])]
    answer = CliRunner().invoke(main, arguments, prog_name="autoswarm")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout) if as_json else answer.stdout


def test_confirm_runs_are_leased_with_another_block_and_decide_by_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder, WANTED) as service:
        assert {lease.blocks for lease in baseline(service)} == {(0, 1, 2)}
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        screen, confirm = train(service, "a0", 0.90), train(service, "a0", 0.87)
        assert [(lease.purpose, lease.blocks) for lease in (screen, confirm)] == [
            (Purpose.SCREEN, (0,)),
            (Purpose.CONFIRM, (1,)),
        ]
        merged = service.state.experiments["e00001"]
        assert merged.state is State.MERGED
        assert merged.value == pytest.approx(0.92)
        propose(service, "a0", "WIDTH = 64", "WIDTH = 32")
        train(service, "a0", 0.60)
        train(service, "a0", 0.87)
        assert service.state.experiments["e00002"].state is State.REJECTED
    assert replayed(folder).experiments["e00001"].values == merged.values
    message = [
        "git",
        "-C",
        str(folder / "repo.git"),
        "show",
        "-s",
        "--format=%(trailers:key=Value)",
        "best/cpu",
    ]
    assert (
        subprocess.run(message, check=True, capture_output=True, text=True).stdout.strip()
        == "Value: 0.920000"
    )
    assert "\t0.920000\t" in (folder / "results.tsv").read_text()


def test_pages_say_what_a_value_is_on_screen_rows_and_on_fresh_ones(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder, WANTED) as service:
        baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        train(service, "a0", 0.90)
        train(service, "a0", 0.87)
    rows = {"screen": 0.90, "fresh": pytest.approx(0.92), "gap": pytest.approx(-0.02)}
    (division,) = read(folder, "status")["divisions"]
    assert division["best"]["rows"] == rows
    page = read(folder, "show", "e00001")
    assert page["rows"] == rows
    assert [(run.get("block"), run.get("value")) for run in page["all_runs"]] == [
        (None, None),
        (1, pytest.approx(0.92)),
    ]
    words = "0.9000 on screen rows, 0.9200 on fresh rows, gap -0.0200"
    for command in (("status",), ("show", "e00001")):
        assert words in " ".join(read(folder, *command, as_json=False).split())
    assert "rows" not in read(folder, "show", "baseline")


def test_a_campaign_that_began_with_one_block_goes_on_with_one(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        service.join(card("a0"))
        assert {train(service, "a0", value).blocks for value in (0.99, 1.0, 1.0, 1.01)} == {(0,)}
    with open_service(folder, WANTED) as service:
        service.join(card("a0", "2"))
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        assert [train(service, "a0", value).blocks for value in (0.90, 0.91)] == [(0,), (0,)]
        merged = service.state.experiments["e00001"]
        assert merged.state is State.MERGED
        assert merged.value == pytest.approx(0.905)
