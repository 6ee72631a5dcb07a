"""What is said of preparing data, and only where there is something to prepare."""

from pathlib import Path

import pytest

from trainer.task import Task
from trainer.task_loading import load_task

RECIPE = """from pathlib import Path


def prepare(folder):
    place = folder / PLACE
    place.mkdir(parents=True, exist_ok=True)
    (place / "manifest.json").touch()
    return place
"""
ASKED = """

def needs(folder):
    from trainer.recipe import DataNeeds

    there = (folder / 'v2' / 'manifest.json').is_file()
    return DataNeeds() if there else DataNeeds(disk_bytes=1)
"""
TASK = """name: made
title: for a test
surface: train.py
frozen: [prepare]
metric: {name: val_bpb, direction: minimize}
sizes: {full: {unit: flops, amount: 1, wall_cap: 1}}
default_size: full
"""


def made(folder: Path, recipe: str) -> Task:
    folder.mkdir(exist_ok=True)
    (folder / "task.yaml").write_text(TASK)
    (folder / "train.py").write_text("import prepare\n")
    (folder / "recipe.py").write_text(recipe)
    return load_task(str(folder))


@pytest.mark.parametrize("place", ["'.'", "'v1'"])
def test_it_is_said_once_however_often_it_is_asked_for(tmp_path: Path, place: str) -> None:
    task, lines = made(tmp_path / "task", RECIPE.replace("PLACE", place)), list[str]()
    first = task.prepare(tmp_path / "data", lines.append)
    assert lines == [f"preparing the data of task made in {tmp_path / 'data'}"]
    assert task.prepare(tmp_path / "data", lines.append) == first
    assert len(lines) == 1


def test_a_recipe_that_knows_better_is_asked(tmp_path: Path) -> None:
    made(tmp_path / "task", RECIPE.replace("PLACE", "'v1'")).prepare(tmp_path / "data")
    task, lines = made(tmp_path / "task", RECIPE.replace("PLACE", "'v2'") + ASKED), list[str]()
    for _ in range(2):
        task.prepare(tmp_path / "data", lines.append)
    assert len(lines) == 1, "data of a version before is none"
