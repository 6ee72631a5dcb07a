"""docs/tasks.md says all: every key, every judge, every shipped task; its worked example is a task."""

import re
from pathlib import Path

import msgspec
import pytest

from configs.errors import ConfigError
from deploy.cli.init_files import starter_of_task, write_files
from trainer.judges import ByCommand, Command, Guard, Speed
from trainer.task import MetricSpec, Task
from trainer.task_loading import TASKS, load_task

PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
COMPUTED = {"folder", "patterns"}
"""Fields of a task that no task.yaml has."""
SHIPPED = sorted(path.parent.name for path in TASKS.glob("*/task.yaml"))


@pytest.mark.parametrize("kind", [Task, MetricSpec, Guard, Command, ByCommand, Speed])
def test_every_key_is_on_the_page(kind: type[msgspec.Struct]) -> None:
    assert {name for name in kind.__struct_fields__ if not re.search(rf"\b{name}\b", PAGE)} <= COMPUTED


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_task_is_on_the_page_and_is_one(name: str) -> None:
    assert f"`{name}`" in PAGE
    assert load_task(name).name == name


def test_the_worked_example_is_a_task(tmp_path: Path) -> None:
    (yaml,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for name, text in {"task.yaml": yaml, "flags.txt": "-O0\n", "main.c": "", "expected.txt": ""}.items():
        (tmp_path / name).write_text(text)
    task = load_task(str(tmp_path))
    assert isinstance(task.judge, Speed)
    assert task.source == "=== file: flags.txt ===\n-O0\n"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_copy_of_a_shipped_task_is_one(name: str, tmp_path: Path) -> None:
    write_files(tmp_path, starter_of_task(name))
    copy = load_task(str(tmp_path / "task"))
    assert copy.source == load_task(name).source
    assert "name: task #" in (tmp_path / "autoswarm.yaml").read_text()
    assert (tmp_path / "charters" / "default.md").stat().st_size > 0


def test_another_name_is_met_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no task 'nope' comes with autoswarm") as caught:
        starter_of_task("nope")
    assert "autofix" in caught.value.remedy


@pytest.mark.parametrize(("change", "what"), [
    ("surface: [flags.txt] => surface: ['*.txt']", "expected.txt may change, and is visible or hidden too"),
    ("visible: [main.c] => visible: [main.c, expected.txt]", "expected.txt is visible and hidden"),
    ("pairs: 3 => pairs: 3\nval_blocks: 2", "val_blocks is 2, and a time has none"),
    ("hidden: [expected.txt] => hidden: [../expected.txt]", "a plain path below the folder"),
    ("visible: [main.c] => visible: [main.d]", "nothing in"),
    ("kind: speed => kind: haste", "Invalid value 'haste'"),
])  # fmt: skip
def test_a_task_that_could_not_hold_is_refused(tmp_path: Path, change: str, what: str) -> None:
    (yaml,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    old, _, new = change.partition(" => ")
    assert old in yaml
    for name, text in {"flags.txt": "-O0\n", "main.c": "", "expected.txt": ""}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "task.yaml").write_text(yaml.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_task(str(tmp_path))
    assert what in str(caught.value)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
