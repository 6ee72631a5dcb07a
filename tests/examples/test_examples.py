"""Every shipped example, in real boxes and in a short campaign: its good edit is better and merges, its cheat
gets nothing.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import pytest

from evaluator.bundle import is_bundle, pack, unpack
from evaluator.result import Measured
from trainer.contract import RunOrder, Slot
from trainer.make_trainer import make_trainer
from trainer.task import Task
from trainer.task_loading import TASKS, load_task

NAMES = sorted(path.parent.name for path in TASKS.glob("*/edits"))
RUNS = 4
"""Of each side."""
CLEAR = 2.0
"""Standard errors of a difference that is one."""

Runs = Callable[[str], list[float]]
"""Values of an edit's runs, those that came to one, with the sign under which more is better."""


def test_an_example_has_what_an_example_has() -> None:
    assert NAMES
    for name in NAMES:
        for part in ("README.md", "charter.md", "edits/good", "edits/cheat"):
            assert (TASKS / name / part).exists(), f"{name}: {part}"


def edited(task: Task, edit: str) -> str:
    """The surface with an edit of the example laid over it; as it is for an empty name."""
    files = dict(unpack(task.source)) if is_bundle(task.source) else {task.surface: task.source}
    if edit:
        folder = task.folder / "edits" / edit
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files |= {path.relative_to(folder).as_posix(): path.read_text() for path in paths}
    return pack(files) if is_bundle(task.source) else files[task.surface]


def autoswarm(*words: str) -> "subprocess.CompletedProcess[str]":
    """What a person types, in a process of its own."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST_"))}
    command = [sys.executable, "-m", "autoswarm", *words]
    return subprocess.run(command, env=usual, capture_output=True, text=True, check=False, timeout=280)


def laid_out(task: Task, edit: str, folder: Path) -> Path:
    """The same on disk, as a scripted arm plays it: a file, or a folder of several."""
    text = edited(task, edit)
    if not is_bundle(text):
        path = folder / edit / task.surface
        path.parent.mkdir()
        path.write_text(text)
        return path
    for name, content in unpack(text).items():
        path = folder / edit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder / edit


@pytest.fixture
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    task = load_task(request.param)
    trainer = make_trainer(task, task.folder, Slot("test"), 1 << 20)
    sign = -1 if task.metric.direction == "minimize" else 1

    def values(edit: str) -> list[float]:
        outcomes = [
            trainer.train(
                RunOrder(
                    run="r1",
                    source=edited(task, edit),
                    seed=seed,
                    budget=task.budget(None),
                    directory=tmp_path / f"{edit}-{seed}",
                ),
                lambda _: None,
                threading.Event(),
            ).outcome
            for seed in range(1, RUNS + 1)
        ]
        return [sign * outcome.value for outcome in outcomes if isinstance(outcome, Measured)]

    return values


def gain(values: list[float], reference: list[float]) -> tuple[float, float]:
    """How much better, and its standard error."""
    error = sqrt((stdev(values) ** 2 + stdev(reference) ** 2) / RUNS)
    return fmean(values) - fmean(reference), error


@pytest.mark.cluster
@pytest.mark.parametrize("runs", NAMES, indirect=True)
def test_the_good_edit_is_better_and_the_cheat_is_not(runs: Runs) -> None:
    reference, good, cheat = runs(""), runs("good"), runs("cheat")
    assert len(reference) == len(good) == RUNS
    better, error = gain(good, reference)
    assert better > CLEAR * error
    if len(cheat) == RUNS:
        better, error = gain(cheat, reference)
        assert better <= CLEAR * error


@pytest.mark.cluster
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_a_campaign_merges_the_good_edit_and_not_the_cheat(name: str, tmp_path: Path) -> None:
    task = load_task(name)
    files = [str(laid_out(task, edit, tmp_path)) for edit in ("cheat", "good")]
    words = [
        "run",
        f"task.name={name}",
        "campaign.name=tried",
        f"arms=[{{name: edits, proposer: scripted, files: [{', '.join(files)}]}}]",
        "campaign.max_experiments=2",
        "acceptance.policy=race",
        "slots.count=1",
        "campaign.session_minutes=4",
        "trust.mode=normal",
        "coordinator.metrics_port=0",
        "--campaigns",
        str(tmp_path / "campaigns"),
    ]
    ended = autoswarm(*words)
    assert ended.returncode == 0, ended.stderr
    board = autoswarm("leaderboard", "-c", "tried", "--json", "--campaigns", str(tmp_path / "campaigns"))
    states = {row["experiment"]: row["state"] for row in json.loads(board.stdout)["rows"]}
    assert states["e00002"] == "merged"
    assert states["e00001"] != "merged"
