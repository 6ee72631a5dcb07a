"""Programs put to the test by a real judge in a real sandbox, of a small task whose runs are over as soon as
they have started: by a campaign's terms, and outside any.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from configs.load import kept_yaml, load
from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules.trust import confined
from coordinator.store.paths import Layout
from deploy.cli.main import main
from tests.attacks.false_claims import ATTACKS
from tests.integration.finished_campaign import finished
from trainer.process.environment import ROOT
from trainer.sandbox.probe import AUTO, choose
from trainer.task_loading import load_task

TINY = ROOT / "tests" / "tasks" / "tiny"
SIGMA = "0.2"
"""More than the deviation of one run of the small task, also where it learns hardly anything."""
SLOW = "LR = 0.0002"
"""In the place of its learning rate: it learns hardly anything then."""
EDITS = [("WIDTH = 16", "WIDTH = 24"), ("WIDTH = 16", "WIDTH = 8"), ("LR = 0.02", "LR = 0.03")]

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        not confined(choose(AUTO).tier.value, TrustRules(mode=Mode.STRICT)),
        reason="no sandbox here in which anything is believed",
    ),
]


def call(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(word) for word in words], prog_name="autoswarm")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small task with three blocks of rows, so that the last is there for certifying."""
    folder = tmp_path_factory.mktemp("tasks") / "three"
    shutil.copytree(TINY, folder)
    for name, old, new in (
        ("task.yaml", "name: tiny", "name: three\nval_blocks: 3"),
        ("recipe.py", "tiny_data(folder)", "tiny_data(folder, blocks=3)"),
    ):
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def night(three: Path, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A campaign whose journal is that of a rehearsal, and whose configuration trains."""
    keys = [f"task.name={three}", "task.size=full"]
    layout = finished(tmp_path_factory.mktemp("campaigns"), keys=keys, task_name=str(three), edits=EDITS)
    data = layout.folder.parent / "data"
    load_task(str(three)).prepare(data)
    loaded = load([layout.config], ["trainer.kind=subprocess", f"data_dir={data}"], {})
    layout.config.write_text(kept_yaml(loaded), encoding="utf-8")
    return layout


@pytest.fixture(scope="module")
def certified(night: Layout, three: Path) -> tuple[int, Any, Path]:
    """What certifying the task's own learning rate against a tiny one came to."""
    source = load_task(str(three)).source
    assert source.count("LR = 0.02") == 1
    folder = night.folder.parent
    file, base, out = folder / "mine.py", folder / "base.py", folder / "package"
    base.write_text(source.replace("LR = 0.02", SLOW), encoding="utf-8")
    mine = source.replace("LR = 0.02", 'LR = 0.021\nprint("a rate of", LR)')
    file.write_text(mine, encoding="utf-8")
    words = ("--seed", "1", "--against", base, "-c", "night", "-n", "2", "--sigma", SIGMA, "--out", out)
    code, stdout, stderr = call("certify", file, *words, "--json", "--campaigns", folder)
    assert stdout, stderr
    return code, json.loads(stdout), out


def test_a_better_program_is_certified_on_rows_that_no_run_saw(certified: tuple[int, Any, Path]) -> None:
    code, page, _ = certified
    question, conclusion = page["plan"]["question"], page["conclusion"]
    assert (code, conclusion["shown"], conclusion["certified"]) == (0, "better", True)
    assert (question["block"], question["rows"]) == (2, "no run of the campaign's search saw them")
    assert [run["which"] for run in page["runs"]] == ["b", "a", "a", "b"]
    for run in page["runs"]:
        assert run["outcome"] == "measured"
        assert (run["audit"]["kind"], run["audit"]["positions"]) == ("twin", 2048)
        assert run["sandbox"] == question["sandbox"]
    assert conclusion["comparison"]["gain"] > 1
    assert conclusion["comparison"]["margin"] > 0, "the audits' doubt is paid for"


def test_its_package_is_whole_and_its_claim_comes_out_again(
    night: Layout, certified: tuple[int, Any, Path]
) -> None:
    _, page, package = certified
    text = (package / "README.md").read_text(encoding="utf-8")
    assert "certified, better, p < .001" in text
    assert (package / "logs" / "a1.log").stat().st_size > 0
    assert not list(package.rglob("evaluation.log"))
    words = (
        "verify",
        package,
        "--seed",
        "1",
        "-c",
        "night",
        "-n",
        "1",
        "--sigma",
        SIGMA,
        "--against",
        "claim",
    )
    code, stdout, stderr = call(*words, "--campaigns", night.folder.parent)
    assert "is not what its record says" not in stderr
    assert code == 0, stdout
    assert f"the value that is claimed  {page['conclusion']['comparison']['a']['mean']:.5f}" in stdout


@pytest.mark.parametrize(("attack", "code", "shown"), [
    ("clips_its_losses", 1, "cheated"), ("claims_a_constant", 7, "not believed"),
])  # fmt: skip
def test_a_program_that_cheats_is_said_to_and_kept_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: str, code: int, shown: str
) -> None:
    """One that embellishes its losses, and one whose losses are those of another model in every run."""
    monkeypatch.chdir(tmp_path)
    hostile = next(other for other in ATTACKS if other.name == attack)
    Path("theirs.py").write_text(hostile.make(load_task(str(TINY)).source), encoding="utf-8")
    words = ("verify", "theirs.py", "--task", TINY)
    ended, stdout, stderr = call(*words)
    assert ended == code, stderr
    assert f"result       {shown}" in stdout
    assert "why          run a1: " in stdout
    record = json.loads(call("records", "v0001", "--json")[1])
    assert record["conclusion"]["shown"] == shown
    assert [run["run"] for run in record["runs"]] == ["b1", "a1"], "no run is wasted on it after that"
    assert shown in call("records")[1]
    assert call(*words)[0] == code, "and it is answered from there"


def test_outside_a_campaign_the_unmodified_surface_is_the_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a file of one's own, the unmodified surface is measured once before: a run is held to it."""
    monkeypatch.chdir(tmp_path)
    surface = load_task(str(TINY)).source
    Path("theirs").mkdir()
    Path("theirs/train.py").write_text(surface.replace("LR = 0.02", "LR = 0.021"), encoding="utf-8")
    Path("own.py").write_text(surface.replace("LR = 0.02", SLOW), encoding="utf-8")
    words = (
        "verify",
        "theirs",
        "--task",
        TINY,
        "--against",
        "own.py",
        "-n",
        "1",
        "--sigma",
        "0.02",
        "--json",
    )
    code, stdout, stderr = call(*words)
    page = json.loads(stdout)
    assert [run["run"] for run in page["runs"]] == ["r1", "b1", "a1"]
    assert (code, page["conclusion"]["shown"], page["conclusion"]["certified"]) == (0, "better", False), (
        stderr
    )
    shutil.rmtree("records/v0001/runs/a1")
    Path("records/v0001/record.json").unlink()
    again = json.loads(call(*words)[1])
    assert [run["value"] for run in again["runs"][:2]] == [run["value"] for run in page["runs"][:2]]
    assert again["plan"] == page["plan"]
