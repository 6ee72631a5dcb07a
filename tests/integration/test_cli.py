"""Commands as a person types them, over a campaign folder made by the real service."""

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli.main import main
from evaluator.result import Cheated
from tests.integration.played_campaign import Player, played

STATUS_KEYS = {
    "schema",
    "campaign",
    "state",
    "task",
    "metric",
    "divisions",
    "experiments",
    "runs",
    "agents",
    "occupancy",
    "spend_usd",
    "started_at",
}
ROW_KEYS = {
    *("experiment", "commit", "parent", "value", "runs", "state", "verdict"),
    *("reason", "arm", "agent", "title", "started_at", "finished_at"),
}
STATES = {
    *("queued", "running", "measured", "confirming", "stale", "stepped"),
    *("merged", "rejected", "crashed", "cheated", "rolled_back"),
}
OUTCOMES = {"measured", "crashed", "timed_out", "cheated", "lost", "ended_early"}


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("campaigns")
    played(folder).service.close()
    return folder


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Player]:
    player = played(tmp_path)
    yield player
    player.service.close()


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="autoswarm")


def read(*arguments: str | Path) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["schema"] == 1
    return answer


def text(*arguments: str | Path) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.stdout
    return result.stdout


# ---------------------------------------------------------------------- status and leaderboard


def test_status_has_every_promised_key(campaigns: Path) -> None:
    answer = read("status", "demo", "--campaigns", campaigns)
    assert set(answer) >= STATUS_KEYS
    assert set(answer["metric"]) == {"name", "direction"}
    assert set(answer["experiments"]) == STATES
    assert set(answer["runs"]) == OUTCOMES
    assert set(answer["occupancy"]) == {"whole", "last_10_min"}
    (division,) = answer["divisions"]
    assert set(division) >= {"name", "baseline", "best"}
    assert set(division["baseline"]) >= {"value", "sigma", "runs"}
    assert set(division["best"]) >= {"experiment", "commit", "value", "sigma", "runs"}
    assert all(set(agent) >= {"id", "state", "run"} for agent in answer["agents"])


def test_status_counts_what_happened(campaigns: Path) -> None:
    answer = read("status", "demo", "--campaigns", campaigns)
    assert {state: count for state, count in answer["experiments"].items() if count} == {
        "merged": 2,
        "rejected": 1,
        "crashed": 1,
        "running": 1,
    }
    assert answer["runs"] == {
        "measured": 7,
        "crashed": 1,
        "timed_out": 0,
        "cheated": 0,
        "lost": 0,
        "ended_early": 0,
    }
    assert answer["divisions"][0]["best"]["experiment"] == "e00001"
    assert answer["divisions"][0]["best"]["value"] == pytest.approx(2.105)


def test_status_tells_a_running_campaign_from_a_stopped_one(campaigns: Path, running: Player) -> None:
    assert read("status", "--campaigns", campaigns)["state"] == "stopped"
    answer = read("status", "--campaigns", running.layout.folder.parent)
    assert answer["state"] == "running"
    assert answer["agents"][0] | {"progress": None, "slot": None} == {
        "losses": 0,
        "why_lost": "",
        "id": "a1",
        "state": "training",
        "run": "e00004.1",
        "division": "cpu",
        "gpu": "",
        "sandbox": "none",
        "progress": None,
        "slot": None,
    }


def test_status_in_words_names_best_gain_and_floor(campaigns: Path) -> None:
    page = text("status", "--campaigns", campaigns)
    assert "2.1050 over 2 runs" in page
    assert "+11.6 σ" in page
    assert "0.9550 away" in page


def test_watching_a_stopped_campaign_ends(campaigns: Path) -> None:
    assert "stopped" in text("status", "--watch", "--campaigns", campaigns)
    assert (
        json.loads(call("status", "--watch", "--json", "--campaigns", campaigns).stdout)["state"] == "stopped"
    )


def test_leaderboard_rows_have_every_promised_key_and_bests_come_first(campaigns: Path) -> None:
    answer = read("leaderboard", "--campaigns", campaigns)
    assert set(answer) == {"schema", "rows", "records"}
    assert all(set(row) >= ROW_KEYS for row in answer["rows"])
    assert [row["experiment"] for row in answer["rows"]] == [
        "e00001",
        "baseline-cpu",
        "e00002",
        "e00003",
        "e00004",
    ]


def test_leaderboard_takes_a_limit(campaigns: Path) -> None:
    assert len(read("leaderboard", "--limit", "2", "--campaigns", campaigns)["rows"]) == 2
    assert call("leaderboard", "--limit", "0", "--campaigns", campaigns).exit_code == 2


def test_leaderboard_in_words_shows_distances_and_no_markup_of_a_title(campaigns: Path) -> None:
    page = text("leaderboard", "--campaigns", campaigns)
    assert "val_bpb" in page
    assert "+11.6 σ" in page
    assert "-12.2 σ" in page
    assert "[bold red]heads[/]" in page


def test_the_most_recent_campaign_is_the_default(tmp_path: Path) -> None:
    played(tmp_path, "older").service.close()
    played(tmp_path, "newer").service.close()
    for name in ("journal.db", "journal.db-wal"):
        if (path := tmp_path / "older" / name).exists():
            os.utime(path, (1, 1))
    assert read("status", "--campaigns", tmp_path)["campaign"] == "newer"


def test_the_campaigns_folder_comes_from_the_environment(campaigns: Path) -> None:
    result = CliRunner(env={"AUTOSWARM_CAMPAIGNS_DIR": str(campaigns)}).invoke(main, ["status", "--json"])
    assert json.loads(result.stdout)["campaign"] == "demo"


# ---------------------------------------------------------------------- one experiment


@pytest.mark.parametrize("name", ["e00001", "1", "e1", "best", "best/cpu"])
def test_show_finds_an_experiment_by_id_number_and_word(campaigns: Path, name: str) -> None:
    assert read("show", name, "--campaigns", campaigns)["experiment"] == "e00001"


def test_show_finds_an_experiment_by_the_beginning_of_its_commit(campaigns: Path) -> None:
    commit = read("show", "e2", "--campaigns", campaigns)["commit"]
    assert read("show", commit[:8], "--campaigns", campaigns)["experiment"] == "e00002"


def test_show_tells_runs_verdict_and_story(campaigns: Path) -> None:
    answer = read("show", "best", "-c", "demo", "--campaigns", campaigns)
    assert answer["verdict"] == "merge"
    assert [run["purpose"] for run in answer["all_runs"]] == ["screen", "confirm"]
    assert answer["all_runs"][0]["outcome"] == {"type": "measured", "value": 2.10}
    page = text("show", "best", "--campaigns", campaigns)
    assert "confirm" in page
    assert "measured 2.1100" in page
    assert "verdict_given" in page


def test_show_tells_why_each_value_can_be_believed(campaigns: Path) -> None:
    answer = read("show", "best", "--campaigns", campaigns)
    assert (answer["sandbox"], answer["open"], answer["audit"]["positions"]) == ("A", "", 4096)
    assert answer["all_runs"][0]["audit"] == {
        "kind": "twin",
        "positions": 2048,
        "correction": 0.0,
        "standard_error": 1e-4,
        "leak_bound": 2e-4,
        "largest": 0.02,
    }
    line = next(
        line.split()
        for line in text("show", "best", "--campaigns", campaigns).splitlines()
        if "twin" in line and "e00001.1" in line
    )
    assert line == [
        "e00001.1",
        "A",
        "8.0",
        "s",
        "twin",
        "2048",
        "+0.0e+00",
        "±",
        "1.0e-04",
        "2.0e-04",
        "2.0e-02",
        "nat",
    ]


def test_a_cheat_is_shown_with_its_evidence_and_its_arm(tmp_path: Path) -> None:
    player = Player(tmp_path)
    player.baseline()
    player.propose("DEPTH = 7\nLR = 0.01\n", "DEPTH 6 → 7")
    player.train(Cheated("leak", "twin: 31 of 2048 positions differ, one by 7.2 nat"))
    player.service.close()
    answer = read("show", "e1", "--campaigns", tmp_path)
    assert (answer["state"], answer["reason"]) == (
        "cheated",
        "leak: twin: 31 of 2048 positions differ, one by 7.2 nat",
    )
    assert answer["all_runs"][0]["outcome"]["type"] == "cheated"
    assert "cheated: leak: twin: 31 of 2048 positions differ" in text("show", "e1", "--campaigns", tmp_path)
    assert [arm["cheated"] for arm in read("status", "--campaigns", tmp_path)["arms"]] == [1]
    assert read("leaderboard", "--campaigns", tmp_path)["rows"][1]["state"] == "cheated"


def test_status_and_leaderboard_name_the_tier_and_the_arms(campaigns: Path) -> None:
    answer = read("status", "--campaigns", campaigns)
    assert answer["trust"] == {"mode": "normal", "allow_untrusted": False}
    (arm,) = answer["arms"]
    assert (arm.pop("gain"), arm.pop("gpu_hours")) == (pytest.approx(0.095), pytest.approx(40 / 3600))
    assert arm == {
        "name": "search",
        "proposals": 4,
        "refused": 0,
        "runs": 4,
        "merged": 1,
        "rejected": 1,
        "crashed": 1,
        "cheated": 0,
        "rolled_back": 0,
    }
    assert "a merge without a twin is marked" in text("status", "--campaigns", campaigns)
    assert {
        row["experiment"]: row["sandbox"] for row in read("leaderboard", "--campaigns", campaigns)["rows"]
    }["e00004"] is None
    assert "twin 4096" in text("leaderboard", "--campaigns", campaigns)


def test_arms_says_what_each_earned_for_its_cost(campaigns: Path) -> None:
    answer = read("arms", "demo", "--campaigns", campaigns)
    assert (answer["campaign"], answer["arm_choice"], answer["metric"]["name"]) == (
        "demo",
        "weights",
        "val_bpb",
    )
    (arm,) = answer["arms"]
    assert (arm["name"], arm["proposals"], arm["applied_rate"], arm["merged"], arm["usd"], arm["versus"]) == (
        "search",
        4,
        1.0,
        1,
        0.0,
        {},
    )
    rate = arm["gain_per_gpu_hour"]
    assert rate["value"] == pytest.approx(0.095 / (40 / 3600))
    assert rate["low"] == 0 < rate["value"] < rate["high"]
    assert arm["gain_per_usd"] is None
    page = text("arms", "--campaigns", campaigns)
    assert "gain in val_bpb" in page
    assert f"{rate['value']:.3g} (0 to {rate['high']:.3g})" in page


def test_arms_of_no_campaign_is_an_error_with_exit_code_4(tmp_path: Path) -> None:
    assert call("arms", "--campaigns", tmp_path).exit_code == 4


def test_a_bandit_in_step_is_refused_before_anything_starts(tmp_path: Path) -> None:
    result = call("run", "demo", "campaign.arm_choice=bandit", "--campaigns", tmp_path / "campaigns")
    assert result.exit_code == 3
    assert "arm_choice=bandit with campaign.lookahead=4" in result.stderr
    assert "lookahead=0" in result.stderr
    assert not (tmp_path / "campaigns").exists()


def test_the_plan_names_what_is_special_about_an_arm(tmp_path: Path) -> None:
    arms = (
        "arms=[{name: a, proposer: llm, models: [ollama/x], strategy: rotate},"
        " {name: b, parent: baseline, control: true}]"
    )
    plan = text("run", "campaign.arm_choice=bandit", arms, "--dry-run", "--campaigns", tmp_path)
    assert "a (llm, rotate), b (search, from the baseline, control); a bandit chooses" in plan


def test_a_sandbox_in_which_nothing_can_merge_is_refused_before_anything_starts(tmp_path: Path) -> None:
    result = call("run", "trust.tier=F", "coordinator.metrics_port=0", "--campaigns", tmp_path / "campaigns")
    assert result.exit_code == 3
    what, remedy = result.stderr.splitlines()[-2:]
    assert "sandbox F" in what
    assert "trust.allow_untrusted=true" in remedy
    assert not (tmp_path / "campaigns").exists()


def test_the_plan_names_the_sandbox_and_what_a_merge_needs(tmp_path: Path) -> None:
    wanted = ("trust.tier=F", "trust.allow_untrusted=true", "trust.mode=strict")
    plan = text("run", "demo", *wanted, "--dry-run", "--campaigns", tmp_path)
    assert "F, and what an untrusted one measures is believed; trust.mode=strict" in plan


def test_show_quotes_a_crash_without_its_control_characters(campaigns: Path) -> None:
    page = text("show", "e3", "--campaigns", campaigns)
    assert "crashed exception" in page
    assert "Traceback�[1A" in page


def test_diff_of_one_is_against_its_parent(campaigns: Path) -> None:
    page = text("diff", "best", "--campaigns", campaigns)
    assert "-DEPTH = 6\n+DEPTH = 7\n" in page
    assert "LR = 0.02" not in page


def test_diff_of_two_goes_from_the_first_to_the_second(campaigns: Path) -> None:
    page = text("diff", "baseline", "e2", "--campaigns", campaigns)
    assert "-DEPTH = 6\n-LR = 0.01\n+DEPTH = 7\n+LR = 0.02\n" in page
    answer = read("diff", "baseline", "e2", "--campaigns", campaigns)
    assert answer["old"]["name"] == "baseline-cpu"
    assert answer["diff"] == page


def test_diff_agrees_with_git(campaigns: Path) -> None:
    answer = read("diff", "best", "--campaigns", campaigns)
    repository = campaigns / "demo" / "repo.git"
    command = ["git", "--git-dir", str(repository), "diff", answer["old"]["commit"], answer["new"]["commit"]]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert answer["diff"].splitlines()[2:] == theirs.splitlines()[4:]


def test_logs_of_a_run_an_experiment_and_an_agent(campaigns: Path, running: Player) -> None:
    assert text("logs", "e00001.1", "--campaigns", campaigns) == "step 1 of e00001.1�[31m\n"
    assert text("logs", "best", "--campaigns", campaigns) == "step 1 of e00001.2�[31m\n"
    there = running.layout.folder.parent
    assert text("logs", "a1", "--campaigns", there) == "step 1 of e00004.1�[31m\n"
    assert read("logs", "a1", "--campaigns", there)["run"] == "e00004.1"


def test_following_a_log_ends_with_its_run(campaigns: Path) -> None:
    assert text("logs", "e00001.1", "-f", "--campaigns", campaigns) == "step 1 of e00001.1�[31m\n"


# ---------------------------------------------------------------------- export


def test_export_is_results_tsv_exactly(campaigns: Path) -> None:
    assert call("export", "--campaigns", campaigns).stdout == (campaigns / "demo" / "results.tsv").read_text(
        encoding="utf-8"
    )


def test_export_as_csv_disarms_formulas(campaigns: Path) -> None:
    import csv

    rows = list(
        csv.DictReader(io.StringIO(call("export", "--format", "csv", "--campaigns", campaigns).stdout))
    )
    assert [row["title"] for row in rows if row["experiment"] == "e00002"] == ["'=LR 0.01 → 0.02"]
    assert set(rows[0]) >= ROW_KEYS


def test_export_as_jsonl_is_the_leaderboard(campaigns: Path) -> None:
    lines = text("export", "--format", "jsonl", "--campaigns", campaigns).splitlines()
    assert [json.loads(line) for line in lines] == read("leaderboard", "--campaigns", campaigns)["rows"]


# ---------------------------------------------------------------------- what is not there


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "nobody"),
        ("status", "../demo"),
        ("leaderboard", "nobody"),
        ("export", "nobody"),
        ("show", "e99"),
        ("show", "deadbeef"),
        ("show", "best/tpu"),
        ("diff", "e99"),
        ("diff", "baseline"),
        ("logs", "nobody"),
        ("logs", "e00004.7"),
        ("stop", "demo"),
    ],
)
def test_what_is_not_there_is_exit_4_with_what_to_do(campaigns: Path, arguments: tuple[str, ...]) -> None:
    result = call(*arguments, "--campaigns", campaigns)
    assert result.exit_code == 4
    assert result.stdout == ""
    what, remedy = result.stderr.splitlines()
    assert what.startswith("error: ")
    assert remedy.startswith("  do: ")


def test_no_campaign_at_all_is_exit_4(tmp_path: Path) -> None:
    assert call("status", "--campaigns", tmp_path / "none").exit_code == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("show",),
        ("status", "--nonsense"),
        ("export", "--format", "xml"),
        ("try",),
        ("try", "nosuch.py"),
    ],
)
def test_wrong_usage_is_exit_2(arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_damaged_journal_is_exit_3(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "journal.db").write_bytes(b"this is no database, whatever its name says" * 100)
    result = call("status", "broken", "--campaigns", tmp_path)
    assert result.exit_code == 3
    assert "journal" in result.stderr


def test_the_traceback_comes_with_two_v_only(tmp_path: Path) -> None:
    arguments = ("status", "--campaigns", tmp_path)
    assert "Traceback" not in call(*arguments).stderr
    assert "Traceback" not in call("-v", *arguments).stderr
    assert "Traceback" in call("-vv", *arguments).stderr


def test_ctrl_c_while_watching_is_exit_130(running: Player) -> None:
    command = [
        "env",
        "--default-signal=INT",  # as in a terminal, whatever these tests were started from
        sys.executable,
        "-m",
        "deploy.cli.main",
        "status",
        "--watch",
        "--json",
        "--campaigns",
        str(running.layout.folder.parent),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["state"] == "running"
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert errors == ""


def test_a_reader_that_goes_away_is_no_error_message(campaigns: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "deploy.cli.main",
        "leaderboard",
        "--json",
        "--campaigns",
        str(campaigns),
    ]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        ended = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 141
    assert ended.stderr == ""


# ---------------------------------------------------------------------- configuration and preflight


@pytest.fixture
def quiet_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("campaign.sede=3",), "campaign.seed"),
        (("slots.count=none",), "slots.count"),
        (("nosuch.yaml",), "nosuch.yaml"),
        (("task.name=nosuch",), "nosuch"),
        (("task.size=nosuch",), "nosuch"),
    ],
)
def test_bad_configuration_is_exit_3_with_a_remedy_and_nothing_on_stdout(
    tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    result = call("run", *arguments, "--campaigns", tmp_path / "campaigns", "coordinator.metrics_port=0")
    assert result.exit_code == 3
    assert result.stdout == ""
    what, remedy = result.stderr.splitlines()[-2:]
    assert what.startswith("error: ")
    assert remedy.startswith("  do: ")
    assert named in what + remedy
    assert not (tmp_path / "campaigns").exists()


def test_an_address_of_another_machine_is_exit_3(tmp_path: Path) -> None:
    result = call("run", "--campaigns", tmp_path, "coordinator.metrics_host=192.0.2.1")
    assert result.exit_code == 3
    assert "port 9464 of 192.0.2.1" in result.stderr
    assert "coordinator.metrics_port" in result.stderr


def test_a_second_coordinator_is_exit_3(running: Player) -> None:
    result = call(
        "run", "campaign.name=demo", "--campaigns", running.layout.folder.parent, "coordinator.metrics_port=0"
    )
    assert result.exit_code == 3
    assert "another coordinator" in result.stderr
    assert str(os.getpid()) in result.stderr


def test_missing_git_is_exit_3(tmp_path: Path) -> None:
    result = CliRunner(env={"PATH": str(tmp_path)}).invoke(
        main, ["run", "demo", "--campaigns", str(tmp_path / "campaigns")]
    )
    assert result.exit_code == 3
    assert "git is not installed" in result.stderr


def test_a_missing_key_is_exit_3_and_names_its_variable(tmp_path: Path) -> None:
    runner = CliRunner(env={"ANTHROPIC_API_KEY": None, "ANTHROPIC_AUTH_TOKEN": None})
    words = [
        "run",
        "llm",
        "trainer.kind=simulated",
        "--campaigns",
        str(tmp_path / "campaigns"),
        "coordinator.metrics_port=0",
    ]
    result = runner.invoke(main, words)
    assert result.exit_code == 3
    assert "ANTHROPIC_API_KEY is not set" in result.stderr
    assert not (tmp_path / "campaigns").exists()


def test_reading_needs_no_git(campaigns: Path, tmp_path: Path) -> None:
    runner = CliRunner(env={"PATH": str(tmp_path)})
    for arguments in (["status"], ["leaderboard"], ["show", "best"], ["diff", "best"], ["export"]):
        assert runner.invoke(main, [*arguments, "--campaigns", str(campaigns)]).exit_code == 0


def test_a_dry_run_says_what_would_happen_and_makes_nothing(tmp_path: Path) -> None:
    page = text("run", "demo", "campaign.max_hours=2", "--dry-run", "--campaigns", tmp_path / "campaigns")
    assert "40 experiments or 2 hours" in page
    assert "new" in page
    assert not (tmp_path / "campaigns").exists()


def test_new_takes_the_next_free_name(campaigns: Path) -> None:
    page = text("demo", "--new", "--dry-run", "--campaigns", campaigns)
    assert "demo-2, new" in page
    assert "demo, resumed" in text("demo", "--dry-run", "--campaigns", campaigns)


def test_config_show_is_yaml_that_run_takes(tmp_path: Path) -> None:
    (tmp_path / "resolved.yaml").write_text(
        text("config", "show", "demo", "campaign.seed=9"), encoding="utf-8"
    )
    again = read("config", "show", tmp_path / "resolved.yaml")["config"]
    assert again == read("config", "show", "demo", "campaign.seed=9")["config"]
    assert again["campaign"]["seed"] == 9


def test_config_show_names_origins_and_meanings() -> None:
    page = text("config", "show", "demo", "campaign.seed=9", "--origin", "--explain")
    assert "(configs/demo.yaml)" in page
    assert "(campaign.seed=9)" in page
    assert "Agents on CPU slots." in page


# ---------------------------------------------------------------------- a folder nobody may write to


def as_one_who_may_not(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command with ``folder`` read-only. root may write anywhere, so root gives that right away
    first.
    """
    modest = (
        ["setpriv", "--bounding-set=-dac_override,-fowner", "--inh-caps=-all"] if os.getuid() == 0 else []
    )
    if modest and shutil.which("setpriv") is None:
        pytest.skip("root without setpriv cannot give up its rights")
    folders = [path for path in folder.rglob("*") if path.is_dir()]
    with contextlib.ExitStack() as undo:
        for path in (*folders, folder):
            path.chmod(0o555)
            undo.callback(path.chmod, 0o755)
        command = [*modest, sys.executable, "-m", "deploy.cli.main", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_campaign_is_readable_where_nothing_can_be_written(tmp_path: Path) -> None:
    played(tmp_path).service.close()
    answer = as_one_who_may_not(tmp_path, "status", "--json", "--campaigns", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["runs"]["measured"] == 7


def test_starting_where_nothing_can_be_written_is_exit_3(tmp_path: Path) -> None:
    answer = as_one_who_may_not(
        tmp_path, "run", "--campaigns", str(tmp_path / "campaigns"), "coordinator.metrics_port=0"
    )
    assert answer.returncode == 3
    assert f"cannot write in {tmp_path}" in answer.stderr
    assert answer.stdout == ""


# ---------------------------------------------------------------------- stop and init


def test_status_says_where_metrics_are_while_somebody_works_on_the_campaign(running: Player) -> None:
    there = running.layout.folder.parent
    assert read("status", "--campaigns", there)["metrics"] == ""
    running.layout.metrics.write_text("http://127.0.0.1:9465/metrics\n", encoding="utf-8")
    assert read("status", "--campaigns", there)["metrics"] == "http://127.0.0.1:9465/metrics"
    assert "http://127.0.0.1:9465/metrics" in text("status", "--campaigns", there)
    running.service.close()
    assert read("status", "--campaigns", there)["metrics"] == ""


def test_stop_leaves_a_request_beside_the_journal(running: Player) -> None:
    there = running.layout.folder.parent
    assert call("stop", "--campaigns", there).exit_code == 0
    assert running.layout.stop_request.read_text() == "drain"
    assert call("stop", "demo", "--now", "--campaigns", there).exit_code == 0
    assert running.layout.stop_request.read_text() == "now"


def test_init_writes_a_configuration_that_loads_and_never_overwrites(tmp_path: Path) -> None:
    assert len(text("init", tmp_path / "mine").splitlines()) == 2
    answer = read("config", "show", tmp_path / "mine" / "autoswarm.yaml")
    assert answer["config"]["campaign"]["name"] == "mine"
    (tmp_path / "mine" / "autoswarm.yaml").write_text("edited: yes\n")
    result = call("init", tmp_path / "mine")
    assert result.exit_code == 3
    assert (tmp_path / "mine" / "autoswarm.yaml").read_text() == "edited: yes\n"
