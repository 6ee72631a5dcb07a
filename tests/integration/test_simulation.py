"""`autoswarm simulate` as a person types it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from coordinator.store.paths import Layout
from deploy.cli.main import main
from tests.integration.finished_campaign import finished

SMALL = ("--runs", "60", "--repetitions", "6", "--slots", "1")


def page(*words: str) -> Any:
    result = CliRunner().invoke(main, ["simulate", *words, "--json"], prog_name="autoswarm")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["simulate", *words], prog_name="autoswarm")
    return result.exit_code, result.stderr


def test_a_comparison_has_a_row_for_each_policy_in_each_cell() -> None:
    cells = page("--compare", "naive,confirm,trunk", *SMALL, "--sigma", "0.0005,0.001")["cells"]
    assert [cell["sigma"] for cell in cells] == [0.0005, 0.001]
    for cell in cells:
        naive, confirm, trunk = cell["rows"]
        assert naive["less"] is None
        assert confirm["less"]["error"] > 0
        assert trunk["false"] is None or trunk["false"]["mean"] <= 0.5
        assert naive["runs"]["mean"] == confirm["runs"]["mean"] == 60


def test_a_small_comparison_shows_what_a_large_one_does() -> None:
    """Forty campaigns of 125 runs: a confirmed merge costs gain, a certified one hardly any, and both are
    seldom false. The bounds are three and more standard errors away from what large comparisons say.
    """
    words = ("--compare", "naive,confirm,trunk", "--repetitions", "40", "--slots", "1")
    (cell,) = page(*words)["cells"]
    naive, confirm, trunk = cell["rows"]
    assert naive["false"]["mean"] > 0.25
    assert naive["gap"]["mean"] < -0.001
    assert confirm["less"]["mean"] > 2 * confirm["less"]["error"]
    assert trunk["less"]["mean"] < 0.0015
    assert trunk["false"]["mean"] < 0.12
    assert abs(trunk["gap"]["mean"]) < 0.0007


def test_over_600_runs_certificates_gain_more_than_naive_merges() -> None:
    """Twenty-four campaigns; large comparisons say -.0014, and 2 % false."""
    words = ("--compare", "naive,trunk", "--repetitions", "24", "--slots", "1", "--runs", "600")
    (cell,) = page(*words)["cells"]
    _, trunk = cell["rows"]
    assert trunk["less"]["mean"] < -2 * trunk["less"]["error"]
    assert trunk["false"]["mean"] < 0.08
    assert abs(trunk["gap"]["mean"]) < 0.0007


def test_processes_and_none_give_the_same(tmp_path: Path) -> None:
    """Also where the shell names a folder of modules: its processes are not to run the command once more."""
    words = ("simulate", "--compare", "naive,confirm", "--runs", "1500", "--repetitions", "4", "--json")
    command = [str(Path(sys.executable).with_name("autoswarm")), *words, "--workers"]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    one, two = (
        subprocess.run([*command, workers], env=environment, capture_output=True, check=True, timeout=100)
        for workers in ("1", "2")
    )
    assert one.stdout == two.stdout
    assert json.loads(two.stdout)["cells"][0]["repetitions"] == 4


def test_ctrl_c_ends_the_command_and_its_processes() -> None:
    words = ("simulate", "--runs", "2000", "--repetitions", "500", "--workers", "2")
    command = [sys.executable, "-m", "autoswarm", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, text=True) as started:
        assert started.stderr is not None
        assert "campaigns" in started.stderr.readline()
        below = psutil.Process(started.pid).children(recursive=True)
        assert len(below) >= 2
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 130
        assert "Traceback" not in started.stderr.read()
    deadline = time.monotonic() + 10
    while any(process.is_running() for process in below) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(process.is_running() for process in below)


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("--compare", "naive,best"), 3, "there is no policy 'best'"),
        (("--policy", "confirm:speed=1"), 3, "no knob 'speed'"),
        (("--policy", "confirm:z=high"), 3, "confirm:z=high"),
        (("--policy", "naive", "--compare", "naive"), 3, "both --policy and --compare"),
        (("--runs", "5", "--hours", "2"), 3, "both --runs and --hours"),
        (("--sigma", "small"), 2, "not numbers above 0"),
        (("--runs", "0"), 2, "not whole numbers above 0"),
        (("--like", "nobody"), 4, "there is no campaign"),
        (("--like", "nobody", "demo"), 2, "leave out demo"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_two_lines(
    words: tuple[str, ...], code: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exit_code, stderr = refused(*words)
    assert (exit_code, len(stderr.splitlines())) == (code, 2)
    assert what in stderr


def test_the_picture(tmp_path: Path) -> None:
    """Where matplotlib is here it is drawn, else two lines say how to get it, before anything is played."""
    path = tmp_path / "policies.png"
    words = ("--compare", "naive,trunk", *SMALL, "--png", str(path))
    if importlib.util.find_spec("matplotlib") is None:
        code, stderr = refused(*words)
        assert (code, len(stderr.splitlines())) == (3, 2)
        assert "pip install" in stderr
        assert not path.exists()
    else:
        page(*words)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_like_a_campaign_that_was_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    layout: Layout = finished(tmp_path_factory.mktemp("campaigns"))
    folder = ("--campaigns", str(layout.folder.parent))
    result = CliRunner().invoke(main, ["simulate", "--like", layout.name, *SMALL, *folder])
    few = "variants are measured" in result.stderr
    assert result.exit_code == (3 if few else 0), result.stderr
    assert few or f"like {layout.name}" in result.stderr
