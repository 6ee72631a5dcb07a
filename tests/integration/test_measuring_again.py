"""A campaign's programs tried and reproduced by its own terms. The campaign is real, its trainer simulated:
everything but the waiting is the same on every machine.
"""

import io
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from coordinator.store.paths import Layout
from deploy.cli.campaign_run import last_page
from deploy.cli.main import main
from deploy.views.leaderboard import closing
from tests.integration.finished_campaign import finished


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return finished(tmp_path_factory.mktemp("campaigns"))


def call(layout: Layout, *arguments: str | Path) -> Result:
    words = [str(argument) for argument in (*arguments, "--campaigns", layout.folder.parent)]
    return CliRunner().invoke(main, words, prog_name="autoswarm")


def read(layout: Layout, *arguments: str | Path) -> Any:
    return json.loads(call(layout, *arguments, "--json").stdout)


# ---------------------------------------------------------------------- reproduce


@pytest.mark.parametrize("name", ["best", "baseline", "e00001", "1"])
def test_a_value_comes_out_again_on_its_own_seeds(layout: Layout, name: str) -> None:
    before = read(layout, "show", name)
    result = call(layout, "reproduce", name, "--json")
    assert result.exit_code == 0, result.stderr
    page = json.loads(result.stdout)
    counted = [run for run in before["all_runs"] if run["counts"]]
    assert [(run["run"], run["seed"]) for run in page["runs"]] == [
        (run["run"], run["seed"]) for run in counted
    ]
    assert page["board_value"] == pytest.approx(before["value"])
    assert page["value"] == pytest.approx(before["value"])
    assert (page["agrees"], page["difference"]) == (True, 0.0)
    assert all(run["sandbox"] == "simulated" for run in page["runs"])


def test_reproducing_says_what_it_does_and_whether_it_agrees(layout: Layout) -> None:
    result = call(layout, "reproduce", "best", "night")
    first, last = result.stderr.splitlines()[0], result.stdout.splitlines()[-1]
    assert first.startswith("run 1 of 2: e0000")
    assert "1e+11 flops, 60 s at most" in first
    assert last.split() == ["agrees", "yes,", "within", "σ:", "apart", "by", "+0.0000", "=", "+0.00", "σ"]


def test_a_value_that_does_not_come_out_again_is_exit_1(layout: Layout, tmp_path: Path) -> None:
    """As on a machine, or with data, that gives other values."""
    elsewhere = Layout(tmp_path / "night")
    shutil.copytree(layout.folder, elsewhere.folder)
    text = layout.config.read_text(encoding="utf-8")
    assert "simulated_sigma: 0.0065" in text
    elsewhere.config.write_text(
        text.replace("simulated_sigma: 0.0065", "simulated_sigma: 0.1"), encoding="utf-8"
    )
    result = call(elsewhere, "reproduce", "best")
    assert result.exit_code == 1
    assert "no, by more than σ: apart by" in result.stdout
    page = json.loads(call(elsewhere, "reproduce", "best", "--json").stdout)
    assert page["agrees"] is False
    assert abs(page["difference_sigmas"]) > 1


def test_a_run_that_gives_no_value_is_exit_1(layout: Layout, tmp_path: Path) -> None:
    elsewhere = Layout(tmp_path / "night")
    shutil.copytree(layout.folder, elsewhere.folder)
    text = layout.config.read_text(encoding="utf-8").replace("crash_ratio: 0.0", "crash_ratio: 1.0")
    elsewhere.config.write_text(text, encoding="utf-8")
    result = call(elsewhere, "reproduce", "best")
    assert result.exit_code == 1
    assert "no: a run was not measured" in result.stdout
    assert "simulated crash" in result.stdout


def test_its_runs_are_kept_where_one_says(layout: Layout, tmp_path: Path) -> None:
    page = json.loads(call(layout, "reproduce", "best", "--keep", tmp_path, "--json").stdout)
    assert {path.name for path in tmp_path.iterdir()} == {run["run"] for run in page["runs"]}
    assert all((tmp_path / run["run"] / "result.json").is_file() for run in page["runs"])


@pytest.mark.parametrize(("name", "code"), [("e00003", 4), ("e99", 4), ("best/tpu", 4)])
def test_what_has_no_value_cannot_be_reproduced(layout: Layout, name: str, code: int) -> None:
    result = call(layout, "reproduce", name)
    assert (result.exit_code, result.stdout) == (code, "")
    what, remedy = result.stderr.splitlines()
    assert what.startswith("error: ")
    assert remedy.startswith("  do: ")


def test_a_journal_alone_cannot_be_measured_by(layout: Layout, tmp_path: Path) -> None:
    elsewhere = Layout(tmp_path / "night")
    shutil.copytree(layout.folder, elsewhere.folder)
    elsewhere.config.unlink()
    for command in ("reproduce", "try"):
        result = call(elsewhere, command, "best")
        assert result.exit_code == 3
        assert "config.yaml is not there" in result.stderr


# ---------------------------------------------------------------------- try


def test_a_trial_of_the_best_is_by_the_campaigns_terms_and_beside_its_value(layout: Layout) -> None:
    board = read(layout, "show", "best")
    page = read(layout, "try", "best")
    assert page["budget"] == board["budget"]
    assert page["sandbox"] == "simulated"
    assert (page["seed"], page["open"]) == (1, "")
    beside = page["board"]
    assert (beside["campaign"], beside["experiment"], beside["program"]) == (
        "night",
        board["experiment"],
        board["experiment"],
    )
    assert (beside["value"], beside["runs"]) == (board["value"], 2)
    assert beside["gain"] == pytest.approx(board["value"] - page["value"])
    assert beside["gain_sigmas"] == pytest.approx(beside["gain"] / beside["sigma"])
    text = call(layout, "try", "best", "-c", "night").stdout
    assert "over 2 runs (itself)" in text
    assert f"{page['value']:.4f}" in text


def test_a_trial_on_a_seed_of_the_campaign_gives_its_value(layout: Layout) -> None:
    run = read(layout, "show", "best")["all_runs"][0]
    assert read(layout, "try", "best", "--seed", run["seed"])["value"] == run["outcome"]["value"]


def test_a_file_is_tried_by_the_terms_of_the_campaign_that_is_named(layout: Layout, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(call(layout, "show", "best", "--source").stdout, encoding="utf-8")
    page = read(layout, "try", file, "-c", "night")
    assert page["value"] == read(layout, "try", "best")["value"]
    assert page["board"]["program"] == str(file)
    assert page["board"]["experiment"] == read(layout, "show", "best")["experiment"]
    assert "(the best, e0" in call(layout, "try", file, "night").stdout


@pytest.mark.parametrize("option", ["--task=demo", "--size=ci", "--cores=2", "--no-reference"])
def test_what_the_campaign_says_is_not_said_twice(layout: Layout, option: str) -> None:
    result = call(layout, "try", "best", option)
    assert result.exit_code == 2
    assert "the campaign says itself" in " ".join(result.stderr.split())


def test_what_is_no_program_of_the_campaign_is_exit_4_and_no_file_is_wrong_usage(layout: Layout) -> None:
    assert call(layout, "try", "e99").exit_code == 4
    assert call(layout, "try", "nosuch.py").exit_code == 2
    assert call(layout, "try", "no/such").exit_code == 2
    assert call(layout, "try", "best", "-c", "nobody").exit_code == 4


def test_a_variant_that_crashes_is_exit_1_with_its_reason(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("(", encoding="utf-8")
    result = call(layout, "try", tmp_path / "mine.py", "-c", "night")
    assert result.exit_code == 1
    assert "does not start" in result.stdout


# ---------------------------------------------------------------------- what to type


def commands(text: str) -> dict[str, str]:
    """The lines of a page that say what to type, by name."""
    lines = [line.split(None, 1) for line in text.splitlines() if " autoswarm " in line]
    return {name: words.strip() for name, words in lines}


def test_show_says_what_gives_the_program_and_the_value_again(layout: Layout) -> None:
    """Word for word: each is typed, as a shell would."""
    typed = commands(call(layout, "show", "best").stdout)
    best = read(layout, "show", "best")["experiment"]
    assert set(typed) == {"program", "reproduce"}
    for line in typed.values():
        result = CliRunner().invoke(main, shlex.split(line)[1:])
        assert result.exit_code == 0, result.stderr
    assert f"reproduce {best} -c " in typed["reproduce"]
    assert "reproduce" not in commands(call(layout, "show", "e3").stdout)


def test_the_end_of_a_run_says_it_too(layout: Layout) -> None:
    stream = io.StringIO()
    page, board, bests = last_page(layout, 2e9)
    Console(file=stream, width=200).print(closing(page, board, bests, layout))
    typed = commands(stream.getvalue())
    program, _, file = typed["program"].partition(" > ")
    assert file == "best.py"
    source = CliRunner().invoke(main, shlex.split(program)[1:])
    assert source.stdout == call(layout, "show", "best", "--source").stdout
    assert CliRunner().invoke(main, shlex.split(typed["reproduce"])[1:]).exit_code == 0


def test_on_accelerators_it_is_said_which_is_here(layout: Layout, tmp_path: Path) -> None:
    elsewhere = Layout(tmp_path / "night")
    shutil.copytree(layout.folder, elsewhere.folder)
    text = layout.config.read_text(encoding="utf-8").replace("per_gpu: false", "per_gpu: true")
    elsewhere.config.write_text(text, encoding="utf-8")
    for words in (("reproduce", "best"), ("try", "best")):
        result = call(elsewhere, *words)
        assert result.exit_code == 0, result.stderr
        assert "values of division cpu compare on the same hardware only; here: " in result.stderr
    assert "compare on the same hardware" not in call(layout, "reproduce", "best").stderr
