"""Programs put to the test. The campaign is real, its trainer simulated: everything but the waiting is the
same. With a real judge: test_certify_for_real.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from configs.errors import ConfigError
from coordinator.rule_values.trust_rules import Mode
from coordinator.store.paths import Layout
from deploy.campaigns.open import open_campaign
from deploy.campaigns.terms import terms_of
from deploy.cli.comparisons.conditions import inside
from deploy.cli.comparisons.question import Rows
from deploy.cli.comparisons.targets import of_commit
from deploy.cli.main import main
from deploy.exit_codes import NothingFoundError
from tests.integration.finished_campaign import finished
from trainer.process.environment import ROOT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return finished(tmp_path_factory.mktemp("campaigns"))


@pytest.fixture
def layout(made: Layout, tmp_path: Path) -> Layout:
    """A copy, without any record."""
    copied = Layout(tmp_path / "campaigns" / "night")
    shutil.copytree(made.folder, copied.folder)
    return copied


SEED = ("--seed", "1")
"""Of what rests on values: else one of a hundred comes out otherwise, as its p says."""


def call(layout: Layout, *arguments: str | Path) -> Result:
    words = [str(argument) for argument in (*arguments, "--campaigns", layout.folder.parent)]
    return CliRunner().invoke(main, words, prog_name="autoswarm")


def read(layout: Layout, *arguments: str | Path) -> Any:
    result = call(layout, *arguments, "--json")
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def seeds(layout: Layout) -> set[int]:
    rows = read(layout, "leaderboard")["rows"]
    names = [row["experiment"] for row in rows]
    return {run["seed"] for name in names for run in read(layout, "show", name)["all_runs"]}


# ---------------------------------------------------------------------- certify


def test_the_best_is_put_to_the_test_on_new_seeds_in_alternation(layout: Layout) -> None:
    page = read(layout, "certify", *SEED, "-n", "8")
    runs, conclusion = page["runs"], page["conclusion"]
    assert "".join(run["which"] for run in runs) == "baabbaabbaabbaab"
    drawn = [run["seed"] for run in runs]
    assert len(set(drawn)) == 16
    assert not set(drawn) & seeds(layout)
    assert (conclusion["shown"], conclusion["comparison"]["a"]["runs"]) == ("better", 8)
    assert conclusion["comparison"]["p"] < 0.001
    assert page["plan"]["question"]["trust"]["mode"] == "strict"
    assert page["plan"]["question"]["program"]["experiment"] == read(layout, "show", "best")["experiment"]


def test_a_rehearsal_is_never_certified(layout: Layout) -> None:
    result = call(layout, "certify", *SEED)
    assert result.exit_code == 7
    assert "result       better, p < .001, n = 8" in result.stdout
    assert "not certified: a rehearsal, in which nothing was trained" in result.stdout


def test_what_is_no_better_is_a_result_with_a_code_of_its_own(layout: Layout) -> None:
    result = call(layout, "certify", "e00001", *SEED)
    assert result.exit_code == 7
    assert "result       worse, p < .001, n = 8" in result.stdout
    assert "not certified" not in result.stdout


def test_the_same_command_shows_what_it_measured_and_again_asks_anew(layout: Layout) -> None:
    first = read(layout, "certify", "-n", "3")
    result = call(layout, "certify", "-n", "3", "--json")
    assert json.loads(result.stdout) == first
    assert "this was asked before" in result.stderr
    again = read(layout, "certify", "-n", "3", "--again")
    assert again["plan"]["record"] == "c0002"
    assert {run["seed"] for run in again["runs"]}.isdisjoint(run["seed"] for run in first["runs"])
    assert "number 2 of this campaign on these rows" in " ".join(again["conclusion"]["remarks"])


def test_a_seed_makes_a_record_that_comes_out_again(layout: Layout) -> None:
    pages = [read(layout, "certify", "-n", "2", "--seed", "5", "--again") for _ in range(2)]
    values = [[(run["seed"], run["value"]) for run in page["runs"]] for page in pages]
    assert values[0] == values[1]


def test_a_declared_sigma_makes_a_z_test(layout: Layout) -> None:
    page = read(layout, "certify", "-n", "1", "--sigma", "0.0065")
    assert page["conclusion"]["comparison"]["test"] == "z"
    page = read(layout, "certify", "-n", "2", "--sigma", "campaign")
    sigma = read(layout, "status")["divisions"][0]["baseline"]["sigma"]
    assert page["plan"]["question"]["sigma"] == sigma


def test_a_file_and_another_opponent_are_taken(layout: Layout, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(call(layout, "show", "best", "--source").stdout, encoding="utf-8")
    page = read(layout, "certify", file, *SEED, "--against", "e00001", "-c", "night", "-n", "2")
    question = page["plan"]["question"]
    assert (question["program"]["name"], question["against"]["name"]) == ("mine.py", "e00001")
    assert page["conclusion"]["comparison"]["gain"] > 0


@pytest.mark.parametrize(("words", "code", "what"), [
    (["certify", "-n", "1"], 2, "one run a side shows no spread"),
    (["certify", "--sigma", "0"], 2, "neither a number above 0 nor the word campaign"),
    (["certify", "--sigma", "nan"], 2, "neither a number above 0"),
    (["certify", "--level", "0"], 2, "not in the range"),
    (["certify", "e99"], 4, "there is no experiment"),
    (["certify", "e00003"], 7, ""),
    (["certify", "nosuch.py"], 2, "does not exist"),
    (["certify", "baseline"], 4, "there is nothing to certify"),
    (["certify", "best", "--against", "best"], 4, "there is nothing to certify"),
    (["certify", "-c", "nobody"], 4, "there is no campaign"),
    (["verify", "nosuch.py"], 2, "does not exist"),
    (["verify", "best", "--size", "ci"], 2, "the campaign says itself"),
    (["verify", "best", "--against", "claim"], 3, "no value that is claimed"),
    (["verify", "1234567890"], 4, "there is no experiment"),
    (["verify", "nosuch"], 4, "there is no experiment and no commit"),
    (["records", "c0009"], 4, "no finished record c0009"),
])  # fmt: skip
def test_what_cannot_be_done_is_two_lines(layout: Layout, words: list[str], code: int, what: str) -> None:
    result = call(layout, *words)
    assert result.exit_code == code, result.stderr
    if what:
        first, second = result.stderr.splitlines()[-2:]
        assert first.startswith("error: ")
        assert what in first
        assert second.startswith("  do: ")


def test_without_unseen_rows_nothing_is_certified(layout: Layout) -> None:
    """A campaign that began when its task had one block: with a real trainer and the shipped data it has two
    that nobody saw, with one block it has none.
    """
    task = layout.folder.parent / "narrow"
    shutil.copytree(ROOT / "trainer" / "tasks" / "demo", task)
    text = (task / "task.yaml").read_text().replace("val_blocks: 3", "val_blocks: 1")
    (task / "task.yaml").write_text(text.replace("name: demo", "name: narrow"))
    config = layout.config.read_text().replace("kind: simulated", "kind: subprocess")
    layout.config.write_text(config.replace("  name: demo\n", f"  name: {task}\n"))
    result = call(layout, "certify", *SEED)
    assert result.exit_code == 3
    assert "has no validation rows that the search of campaign night did not see" in result.stderr
    assert "--seen-rows" in result.stderr
    _, state = open_campaign("night", layout.folder.parent)
    terms = terms_of(layout, state, state.divisions["cpu"], layout.folder.parent / "data")
    seen = inside(terms, True, lambda _: None)
    assert (seen.block, seen.rows) == (0, Rows.SEEN)
    assert seen.rules.mode is Mode.STRICT


# ---------------------------------------------------------------------- going on


def test_what_was_measured_stays_after_ctrl_c_and_the_same_command_goes_on(layout: Layout) -> None:
    text = layout.config.read_text(encoding="utf-8")
    layout.config.write_text(text.replace("simulated_seconds: 0.01", "simulated_seconds: 0.4"))
    words = [
        *(sys.executable, "-m", "autoswarm", "certify", "-n", "4", "-c", "night"),
        *("--campaigns", str(layout.folder.parent)),
    ]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    runs = layout.records / "c0001" / "runs"
    deadline = time.monotonic() + 30
    while len(list(runs.glob("*/result.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    kept = {path.parent.name: path.read_bytes() for path in runs.glob("*/result.json")}
    assert 3 <= len(kept) < 8
    assert f"runs are measured and stay in {layout.records / 'c0001'}; the same command goes on" in stderr
    assert not (layout.records / "c0001" / "record.json").exists()
    assert "unfinished" in call(layout, "records", "-c", "night").stdout
    page = read(layout, "certify", "-n", "4", "-c", "night")
    assert (page["plan"]["record"], len(page["runs"])) == ("c0001", 8)
    whole = {name: (runs / name / "result.json").read_bytes() for name in kept}
    again = [name for name in kept if whole[name] != kept[name]]
    assert len(again) <= 1, "at most the one that was ended is made again"
    assert len(kept) - len(again) >= 3


def test_a_result_of_another_run_is_not_taken_for_one(layout: Layout) -> None:
    """A folder of results that somebody copied together."""
    read(layout, "certify", "-n", "2")
    folder = layout.records / "c0001"
    (folder / "record.json").unlink()
    (folder / "runs" / "a1" / "result.json").write_bytes(
        (folder / "runs" / "b1" / "result.json").read_bytes()
    )
    (folder / "runs" / "a2" / "result.json").write_text("{")
    page = read(layout, "certify", "-n", "2")
    assert [run["run"] for run in page["runs"]] == ["b1", "a1", "a2", "b2"]
    planned = {run["run"]: run["seed"] for run in page["plan"]["runs"]}
    assert {run["run"]: run["seed"] for run in page["runs"]} == planned


# ---------------------------------------------------------------------- packages


def packed(layout: Layout, out: Path) -> Any:
    return read(layout, "certify", *SEED, "-n", "8", "--out", out)


def test_a_package_has_all_that_a_public_record_has(layout: Layout, tmp_path: Path) -> None:
    packed(layout, tmp_path / "package")
    there = {path.relative_to(tmp_path / "package").as_posix() for path in (tmp_path / "package").rglob("*")}
    runs = [f"{side}{number}" for side in "ab" for number in range(1, 9)]
    assert {f"logs/{run}.log" for run in runs} | {f"results/{run}.json" for run in runs} <= there
    assert {"README.md", "record.json", "train.py", "against.py", "change.diff", "config.yaml"} <= there
    record = json.loads((tmp_path / "package" / "record.json").read_text())
    files = {name for name in there if (tmp_path / "package" / name).is_file()}
    assert set(record["files"]) == files - {"record.json"}
    page = (tmp_path / "package" / "README.md").read_text()
    assert "| this program |" in page
    assert "p < .001" in page
    assert "-WIDTH = 64" in (tmp_path / "package" / "change.diff").read_text()
    source = call(layout, "show", "best", "--source").stdout
    assert (tmp_path / "package" / "train.py").read_text() == source


def test_a_package_is_written_later_too_and_never_over_something_else(layout: Layout, tmp_path: Path) -> None:
    first = packed(layout, tmp_path / "package")
    (tmp_path / "package" / "extra").write_text("old")
    assert packed(layout, tmp_path / "package")["plan"] == first["plan"]
    assert not (tmp_path / "package" / "extra").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for words in (("best",), ("best", "--again"), ("best", "-n", "2")):
        result = call(layout, "certify", *words, "--out", tmp_path / "mine")
        assert (result.exit_code, "holds something else" in result.stderr) == (3, True)
    assert call(layout, "certify", "-n", "2", "--out", tmp_path / "package").exit_code == 3
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"
    assert [plan["record"] for plan in read(layout, "records", "-c", "night")["records"]] == ["c0001"]


@pytest.mark.parametrize(
    ("out", "code"), [(".", 7), ("a/b/c", 7), ("file", 3), ("file/below", 3), ("link", 3)]
)
def test_where_a_package_goes_is_looked_at_before_anything_is_measured(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, code: int
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    if out != ".":
        (here / "file").write_text("mine")
        (here / "link").symlink_to(tmp_path)
    result = call(layout, "certify", "-n", "2", "--out", out)
    assert result.exit_code == code, result.stderr
    assert layout.records.exists() == (code == 7)
    assert (here / out / "record.json").is_file() == (code == 7)


def test_a_package_tells_nothing_of_the_campaign_but_how_runs_are_made(
    layout: Layout, tmp_path: Path
) -> None:
    packed(layout, tmp_path / "package")
    said = (tmp_path / "package" / "config.yaml").read_text()
    assert {line.split(":")[0] for line in said.splitlines() if line[0] != " "} == {
        "task", "slots", "trainer", "trust", "acceptance",
    }  # fmt: skip
    for path in (tmp_path / "package").rglob("*"):
        if path.is_file():
            assert str(tmp_path) not in path.read_text(errors="replace"), path.name


# ---------------------------------------------------------------------- verify


def test_a_package_is_verified_by_the_terms_of_a_campaign(layout: Layout, tmp_path: Path) -> None:
    packed(layout, tmp_path / "package")
    page = read(layout, "verify", tmp_path / "package", *SEED, "-c", "night")
    assert page["plan"]["record"] == "v0002"
    conclusion = page["conclusion"]
    assert (conclusion["shown"], conclusion["certified"]) == ("better", False)
    assert conclusion["claim"]["holds"] is True
    result = call(layout, "verify", tmp_path / "package", *SEED, "-c", "night")
    assert result.exit_code == 0
    assert "nothing speaks against it" in result.stdout
    assert {plan["record"] for plan in read(layout, "records", "-c", "night")["records"]} == {
        "c0001",
        "v0002",
    }


def test_a_package_that_was_changed_is_said_and_not_believed(layout: Layout, tmp_path: Path) -> None:
    packed(layout, tmp_path / "package")
    worse = call(layout, "show", "e00001", "--source").stdout
    (tmp_path / "package" / "train.py").write_text(worse)
    result = call(layout, "verify", tmp_path / "package", *SEED, "-c", "night")
    assert result.exit_code == 7
    assert "its claim is not believed: train.py differs from its digest" in result.stderr
    assert "worse, p < .001" in result.stdout
    assert "claim        not believed" in result.stdout


def test_a_better_program_in_a_changed_package_is_better_and_the_package_still_not_sound(
    layout: Layout, tmp_path: Path
) -> None:
    packed(layout, tmp_path / "package")
    (tmp_path / "package" / "README.md").write_text("# ten times better")
    result = call(layout, "verify", tmp_path / "package", *SEED, "-c", "night")
    assert result.exit_code == 7
    assert "README.md differs from its digest" in result.stderr
    assert "result       better" in result.stdout


def test_a_claim_that_does_not_hold_is_a_result(layout: Layout, tmp_path: Path) -> None:
    """Its digests are right: whoever wrote the package wrote them."""
    packed(layout, tmp_path / "package")
    path = tmp_path / "package" / "record.json"
    record = json.loads(path.read_text())
    record["conclusion"]["comparison"]["gain"] = 0.3
    record["conclusion"]["comparison"]["a"]["mean"] = 0.7
    path.write_text(json.dumps(record))
    result = call(layout, "verify", tmp_path / "package", *SEED, "-c", "night")
    assert result.exit_code == 7
    assert "a gain of 0.3000 is claimed, 0.0" in result.stdout
    assert "it does not hold" in result.stdout
    against = call(layout, "verify", tmp_path / "package", *SEED, "-c", "night", "--against", "claim")
    assert against.exit_code == 7
    assert "worse, p < .001" in against.stdout
    assert "against      the value that is claimed  0.70000" in against.stdout


def test_a_terminal_obeys_nothing_that_a_package_says(layout: Layout, tmp_path: Path) -> None:
    packed(layout, tmp_path / "package")
    path = tmp_path / "package" / "record.json"
    record = json.loads(path.read_text())
    record["files"] |= {"\x1b[2Jlog\nresult       certified": "00"}
    record["conclusion"]["shown"] = "\x1b[31mcertified\nresult       certified"
    path.write_text(json.dumps(record))
    (tmp_path / "package" / "train.py").write_text("\x1b[2J(")
    result = call(layout, "verify", tmp_path / "package", *SEED, "-c", "night")
    assert result.exit_code == 1
    said = result.stdout + result.stderr
    assert "\x1b" not in said
    assert "is missing or no file" in said
    assert "result       certified" not in "".join(f"{line[:25]}|" for line in said.splitlines())


def test_a_package_says_no_task_whose_recipe_would_be_run(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(layout, tmp_path / "package")
    path = tmp_path / "package" / "record.json"
    record = json.loads(path.read_text())
    evil = tmp_path / "package" / "task"
    shutil.copytree(ROOT / "trainer" / "tasks" / "demo", evil)
    (evil / "recipe.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    record["plan"]["question"]["task"] = str(evil)
    path.write_text(json.dumps(record))
    monkeypatch.chdir(tmp_path)
    result = call(layout, "verify", tmp_path / "package", *SEED)
    assert (result.exit_code, "does not come with autoswarm" in result.stderr) == (3, True)
    assert not (tmp_path / "ran").exists()


def test_a_value_that_comes_out_again_is_no_worse_than_its_claim(layout: Layout, tmp_path: Path) -> None:
    packed(layout, tmp_path / "package")
    page = read(layout, "verify", tmp_path / "package", *SEED, "-c", "night", "--against", "claim", "-n", "5")
    assert {run["which"] for run in page["runs"]} == {"a"}
    assert page["conclusion"]["shown"] in ("not better", "better")
    assert (
        call(
            layout, "verify", tmp_path / "package", *SEED, "-c", "night", "--against", "claim", "-n", "5"
        ).exit_code
        == 0
    )


def test_a_program_without_difference_is_not_better(layout: Layout, tmp_path: Path) -> None:
    """A skeptical result is kept as any other."""
    (tmp_path / "same.py").write_text(call(layout, "show", "baseline", "--source").stdout)
    result = call(layout, "verify", tmp_path / "same.py", "-c", "night", "--seed", "3")
    assert result.exit_code == 7
    assert "not better, p = " in result.stdout
    listed = call(layout, "records", "-c", "night").stdout
    assert "not better" in listed
    assert "v0001" in listed


@pytest.mark.parametrize(("source", "why"), [
    ("import nosuchpackage\n", "package"), ("def (", "does not compile"), ("", "contract"),
])  # fmt: skip
def test_what_the_gate_refuses_costs_no_run_and_is_a_record(
    layout: Layout, tmp_path: Path, source: str, why: str
) -> None:
    (tmp_path / "theirs.py").write_text(source)
    result = call(layout, "verify", tmp_path / "theirs.py", "-c", "night")
    assert result.exit_code == 1
    assert "result       refused" in result.stdout
    assert why in result.stdout
    page = read(layout, "records", "v0001", "-c", "night")
    assert (page["conclusion"]["shown"], page["runs"]) == ("refused", [])


def test_a_commit_of_the_campaign_and_one_of_another_repository(layout: Layout, tmp_path: Path) -> None:
    best = read(layout, "show", "best")
    page = read(layout, "verify", best["commit"][:10], "-c", "night", "-n", "2")
    assert page["plan"]["question"]["program"]["experiment"] == best["experiment"]
    theirs = tmp_path / "theirs"
    (theirs / "speedrun").mkdir(parents=True)
    (theirs / "speedrun" / "train_gpt.py").write_text(call(layout, "show", "best", "--source").stdout)
    git = ["git", "-C", str(theirs), "-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "record"], check=True)
    words = ("verify", "main:speedrun/train_gpt.py", "--repository", theirs, "-c", "night", "-n", "2")
    program = read(layout, *words)["plan"]["question"]["program"]
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert program["commit"] == head.stdout.strip()
    assert program["sha256"] == page["plan"]["question"]["program"]["sha256"]
    for revision in (
        "main",
        "nosuch:speedrun/train_gpt.py",
        "-x",
        "--output=f",
        "main:a\nb",
        "main:../x",
        "",
    ):
        with pytest.raises((NothingFoundError, ConfigError)):
            of_commit(theirs, revision, "train.py")


def test_records_are_listed_at_80_columns_and_shown(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    call(layout, "certify", "-n", "2")
    lines = call(layout, "records", "night").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[:2] == ["c0001", "certify"]
    shown = call(layout, "records", "c0001", "night").stdout
    assert "result " in shown
    assert max(map(len, shown.splitlines())) <= 80
