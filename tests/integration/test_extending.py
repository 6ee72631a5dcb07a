"""docs/extending.md: each example is done in a copy of the tree, takes the files it says, and works there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.test_adding_a_proposer import (
    PACKAGES,
    PIECES,
    ROOT,
    autoswarm,
    copied,
    differing,
    python,
)

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
TASK = ROOT / "tests" / "extending" / "task"
SURFACE = ROOT / "tests" / "tasks" / "tiny" / "train.py"
POLICY, METRIC = re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL)
TESTS = ("test_metrics.py", "test_metrics_documented.py", "test_dashboard.py")
PYTEST = ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
ASKED = """
from configs.load import load
from deploy.rules_from_config import rules_of
from trainer.task_loading import load_task

knobs = ["acceptance.policy=confirm", "acceptance.min_gain=0.1"]
policy = rules_of(load(["demo"], knobs, {}).config, load_task("demo")).policy
print(*(policy.decide([gain, gain], best_runs=4, noise=0.001).choice.value for gain in (0.09, 0.11)))
"""


def change(folder: Path, diff: str) -> set[str]:
    """Apply a diff and return the files it names."""
    subprocess.run(["git", "apply", "-"], cwd=folder, input=diff, text=True, check=True)
    return set(re.findall(r"^\+\+\+ b/(.+)$", diff, re.MULTILINE))


@pytest.mark.parametrize("piece", ["nudge.py", "nudge_arm.py", "nudge.yaml"])
def test_the_proposer_it_shows_is_the_one_that_is_tried(piece: str) -> None:
    assert f"\n{(PIECES / piece).read_text(encoding='utf-8').rstrip()}\n```\n" in PAGE


@pytest.mark.parametrize("piece", ["task.yaml", "recipe.py"])
def test_the_task_it_shows_is_the_one_that_is_tried(piece: str) -> None:
    assert f"\n{(TASK / piece).read_text(encoding='utf-8').rstrip()}\n```\n" in PAGE


def test_a_task_is_a_folder_whose_surface_is_measured(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TASK, tmp_path / "mine"))
    shutil.copy(SURFACE, folder)
    words = (
        "try",
        str(folder / "train.py"),
        "--task",
        str(folder),
        "--data",
        str(tmp_path / "data"),
        "--json",
    )
    page = json.loads(autoswarm(ROOT, *words))
    assert page["outcome"] == "measured"
    assert 0 < page["value"] < 4


def test_a_knob_of_the_policy_takes_three_files_and_decides(tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    files = change(tree, POLICY)
    assert len(files) == 3
    assert differing(tree) == files
    python(
        tree, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "tests/unit/test_config_reference.py"
    )
    assert python(tree, "-c", ASKED).split() == ["reject", "merge"]


def test_a_metric_and_its_panel_pass_what_holds_them_to_each_other(tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    for name in ("docs", "tests/unit"):
        subprocess.run(["cp", "-r", str(ROOT / name), str((tree / name).parent)], check=True)
    files = change(tree, METRIC)
    python(tree, "-m", "deploy.docs")
    assert differing(tree) == {file for file in files if file.startswith(PACKAGES)} | {
        "deploy/grafana/dashboard.json"
    }
    python(tree, *PYTEST, *(f"tests/unit/{name}" for name in TESTS))
