"""One way to name a campaign in every command, and what is in a folder of campaigns."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from coordinator.service.service import Service
from coordinator.store.paths import Layout
from deploy.cli.main import main
from tests.integration.played_campaign import TASK, Clock, played
from tests.integration.test_cli import as_one_who_may_not
from tests.unit.swarm_of_rules import RULES

READING = {
    "status": ("status",),
    "leaderboard": ("leaderboard",),
    "arms": ("arms",),
    "export": ("export",),
    "show": ("show", "best"),
    "show its program": ("show", "best", "--source"),
    "diff": ("diff", "best"),
    "diff of two": ("diff", "baseline", "best"),
    "logs": ("logs", "e1"),
    "calls": ("calls",),
    "hint": ("hint", "", "--json"),
    "propose": ("propose", "--json"),
}
STEERING = ("stop",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two campaigns; "other" was used last."""
    made: Path = tmp_path_factory.mktemp("campaigns")
    for name in ("demo", "other"):
        played(made, name).service.close()
    return made


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="autoswarm")


@pytest.mark.parametrize("name", [name for name in READING if name not in ("hint", "propose")])
def test_a_campaign_is_named_by_option_or_as_the_last_argument(folder: Path, name: str) -> None:
    words = READING[name]
    by_option = call(*words, "-c", "demo", "--campaigns", folder)
    assert by_option.exit_code == 0, by_option.output
    for how in (("demo",), ("--campaign", "demo"), ("demo", "-c", "demo"), (f"--campaign={folder}/demo",)):
        result = call(*words, *how, "--campaigns", folder)
        assert (result.exit_code, result.stdout) == (0, by_option.stdout), (how, result.output)


@pytest.mark.parametrize("words", [*READING.values(), STEERING], ids=[*READING, *STEERING])
def test_a_campaign_that_is_not_there_is_exit_4_everywhere(folder: Path, words: tuple[str, ...]) -> None:
    result = call(*words, "-c", "nobody", "--campaigns", folder)
    assert (result.exit_code, result.stdout) == (4, "")
    assert "no campaign 'nobody'" in result.stderr


@pytest.mark.parametrize("words", [("status", "demo"), ("show", "best", "demo"), ("stop", "demo")])
def test_two_campaigns_are_wrong_usage(folder: Path, words: tuple[str, ...]) -> None:
    result = call(*words, "-c", "other", "--campaigns", folder)
    assert result.exit_code == 2
    assert "two campaigns are named: other and demo" in result.stderr.replace("\n", " ")


def test_every_command_that_reads_or_steers_one_takes_both() -> None:
    without = {
        "demo",
        "init",
        "prepare",
        "doctor",
        "run",
        "simulate",
        "list",
        "try",
        "config",
        "cluster",
        "leave",
    }
    for name in sorted(set(main.commands) - without):
        options = {word for option in main.commands[name].params for word in option.opts}
        assert {"-c", "--campaign"} <= options, name
        assert any(parameter.human_readable_name == "[CAMPAIGN]" for parameter in main.commands[name].params)


def test_a_renamed_campaign_goes_by_its_folder(tmp_path: Path) -> None:
    played(tmp_path, "demo").service.close()
    (tmp_path / "demo").rename(tmp_path / "tuesday")
    for words in (("status",), ("arms",)):
        answer = json.loads(call(*words, "--json", "--campaigns", tmp_path).stdout)
        assert answer["campaign"] == "tuesday"
    assert "tuesday" in call("show", "e99", "--campaigns", tmp_path).stderr
    assert call("status", "-c", "demo", "--campaigns", tmp_path).exit_code == 4
    service = Service(Layout(tmp_path / "tuesday"), TASK, RULES, clock=Clock(), secret="")
    assert service.status().campaign == "tuesday"
    service.close()


# ---------------------------------------------------------------------- list


def listed(folder: Path) -> Any:
    answer = json.loads(call("list", "--json", "--campaigns", folder).stdout)
    assert answer["schema"] == 1
    return answer["campaigns"]


def test_the_list_has_a_line_for_each_campaign(folder: Path) -> None:
    rows = listed(folder)
    assert [row["campaign"] for row in rows] == ["other", "demo"]
    assert rows[0] | {"started_at": 0, "updated_at": 0} == {
        "campaign": "other",
        "state": "stopped",
        "reason": "",
        "task": "demo",
        "metric": "val_bpb",
        "experiments": 3,
        "bests": [
            {
                "division": "cpu",
                "value": pytest.approx(2.105),
                "gain": pytest.approx(0.095),
                "gain_sigmas": pytest.approx(11.6, abs=0.1),
            }
        ],
        "spend_usd": 0.0,
        "records": [],
        "started_at": 0,
        "updated_at": 0,
    }
    head, *lines = call("list", "--campaigns", folder).stdout.splitlines()
    assert head.split()[:4] == ["campaign", "state", "experiments", "best"]
    assert [line.split()[:6] for line in lines] == [
        [name, "stopped", "3", "2.1050", "+11.6", "σ"] for name in ("other", "demo")
    ]


def test_the_list_of_no_campaign_says_so_and_is_no_error(tmp_path: Path) -> None:
    result = call("list", "--campaigns", tmp_path / "none")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "there is no campaign" in result.stderr
    assert listed(tmp_path / "none") == []


def test_one_that_cannot_be_read_is_a_line_and_hides_no_other(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "demo", tmp_path / "demo")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "journal.db").write_bytes(b"no database at all" * 100)
    by_name = {row["campaign"]: row for row in listed(tmp_path)}
    assert by_name["broken"]["state"] == "unreadable"
    assert "journal" in by_name["broken"]["reason"]
    assert by_name["broken"]["experiments"] is None
    assert by_name["demo"]["experiments"] == 3


# ---------------------------------------------------------------------- the program


def test_the_best_program_is_printed_to_the_byte_and_nothing_else(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "deploy.cli.main",
        "show",
        "best",
        "--source",
        "--campaigns",
        str(folder),
    ]
    made = subprocess.run(command, capture_output=True, check=True)
    assert made.stdout == b"DEPTH = 7\nLR = 0.01\n"
    assert made.stderr == b""


@pytest.mark.parametrize(
    ("name", "text"), [("baseline", "DEPTH = 6\nLR = 0.01\n"), ("3", "DEPTH = 9\nLR = 0.01\n")]
)
def test_any_program_is_printed(folder: Path, name: str, text: str) -> None:
    assert call("show", name, "--source", "--campaigns", folder).stdout == text
    answer = json.loads(call("show", name, "--source", "--json", "--campaigns", folder).stdout)
    assert answer["source"] == text
    assert len(answer["commit"]) == 40


def test_a_program_is_printed_where_nothing_can_be_written(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "demo", tmp_path / "demo")
    answer = as_one_who_may_not(tmp_path, "show", "best", "--source", "--campaigns", str(tmp_path))
    assert (answer.returncode, answer.stdout) == (0, "DEPTH = 7\nLR = 0.01\n"), answer.stderr
