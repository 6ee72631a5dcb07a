"""Task folders: what is wrong in one is said before anything starts."""

from pathlib import Path

import pytest

from configs.errors import ConfigError
from trainer.extras import command, missing, wanted_by
from trainer.recipe import DataNeeds
from trainer.task_loading import load_task

GOOD = {
    "task.yaml": """
name: mine
title: Mine
surface: train.py
frozen: [prepare]
metric: {name: val_bpb, direction: minimize}
sizes: {small: {unit: flops, amount: 3e7, wall_cap: 60}}
default_size: small
""",
    "train.py": "import prepare\n",
    "recipe.py": "def prepare(folder):\n    return folder\n",
}


def task_folder(place: Path, **changes: str | None) -> Path:
    """A good task folder, but for these files; None for one that is not there."""
    files = GOOD | {name.replace("__", "."): text for name, text in changes.items()}
    place.mkdir(exist_ok=True)
    for name, text in files.items():
        if text is not None:
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text, encoding="utf-8")
    return place


def keyed(line: str) -> str:
    """A good task.yaml with another line for a key; `key!` leaves it out."""
    key = line.partition(":")[0].removesuffix("!")
    kept = [old for old in GOOD["task.yaml"].splitlines() if not old.startswith(f"{key}:")]
    return "\n".join([*kept, line] if not line.endswith("!") else kept)


def refusal(folder: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_task(str(folder))
    error = caught.value
    assert "\n" not in f"{error}{error.remedy}"
    assert error.remedy
    return error


def test_a_good_folder_is_a_task(tmp_path: Path) -> None:
    task = load_task(str(task_folder(tmp_path)))
    assert (task.name, task.surface, task.frozen_files) == ("mine", "train.py", [])
    assert list(task.frozen_texts) == ["prepare.py"]


@pytest.mark.parametrize(("line", "what"), [
    ("metric: {name: val_bpb, direction: min}", "metric.direction is 'min'"),
    ("metric: {name: val_bpb, direction: maximize}", "metric.direction is 'maximize'"),
    ("metric: {name: val_accuracy, direction: minimize}", "the judge computes bits per byte"),
    ("metric: {name: val_bpb, direction: minimize, units: bits}", "unknown field `units`"),
    ("surface: nope.py", "surface nope.py is not in"),
    ("surface: ../train.py", "surface is '../train.py'"),
    ("surface: prepare.py", "surface is 'prepare.py'"),
    ("surface: task.yaml", "surface is 'task.yaml'"),
    ("surface!", "missing required field `surface`"),
    ("metric!", "missing required field `metric`"),
    ("sizes!", "missing required field `sizes`"),
    ("sizes: {}", "default_size is 'small'"),
    ("sizes: {small: {unit: hours, amount: 1, wall_cap: 60}}", "Invalid enum value 'hours'"),
    ("sizes: {small: {unit: seconds, amount: 0, wall_cap: 60}}", "size small has a budget of nothing"),
    ("sizes: {small: {unit: seconds, amount: 5, wall_cap: -60}}", "size small has a budget of nothing"),
    ("sizes: {small: {unit: seconds, amount: 10:00, wall_cap: 900}}", "Expected `float`, got `str`"),
    ("default_size: big", "default_size is 'big'"),
    ("needs: tpu", "needs is 'tpu'"),
    ("val_blocks: 0", "val_blocks is 0"),
    ("name: ../mine", "name is '../mine'"),
    ("name: ''", "name is ''"),
    ("frozen: [prepare, backends]", "frozen module backends is not in"),
    ("frozen: [prepare, backends.py]", "frozen names 'backends.py'"),
    ("frozen: [prepare, recipe]", "frozen names 'recipe'"),
    ("frozen: prepare", "Expected `array`, got `str`"),
    ("colour: red", "unknown field `colour`"),
    ("name: twice\nname: mine", "the key 'name' is given twice"),
])  # fmt: skip
def test_a_wrong_key_is_said_with_what_to_do(tmp_path: Path, line: str, what: str) -> None:
    error = refusal(task_folder(tmp_path, task__yaml=keyed(line)))
    assert "task.yaml" in str(error)
    assert what in str(error)


@pytest.mark.parametrize(("files", "what"), [
    ({"recipe__py": None}, "task mine has no recipe.py"),
    ({"recipe__py": "def make(folder): ..."}, "has no function prepare"),
    ({"recipe__py": "def prepare(folder:\n"}, "recipe.py, line 1: "),
    ({"train__py": None}, "surface train.py is not in"),
    ({"train__py": "import prepare\nfor:\n"}, "surface train.py, line 2: invalid syntax"),
    ({"task__yaml": "- a"}, "holds a list, not a mapping"),
    ({"task__yaml": "name: [\n"}, "cannot read"),
    ({"task__yaml": None}, "as the folder has no task.yaml"),
])  # fmt: skip
def test_a_wrong_file_is_said_with_what_to_do(
    tmp_path: Path, files: dict[str, str | None], what: str
) -> None:
    assert what in str(refusal(task_folder(tmp_path, **files)))


def test_a_mistyped_name_is_met_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="there is no task 'dmeo'") as caught:
        load_task("dmeo")
    assert caught.value.remedy.startswith("Did you mean demo?")


@pytest.mark.parametrize(("recipe", "what"), [
    ("raise KeyError('x')\ndef prepare(folder): ...", "the recipe of task mine failed: KeyError: 'x'"),
    ("def prepare(folder):\n    open('/nosuch')", "FileNotFoundError: "),
    ("import a_package_nobody_has\ndef prepare(folder): ...", "ModuleNotFoundError: "),
    ("def prepare(folder): ...", "prepare returned NoneType, not a Path"),
])  # fmt: skip
def test_a_recipe_that_fails_is_said_with_its_line(tmp_path: Path, recipe: str, what: str) -> None:
    task = load_task(str(task_folder(tmp_path, recipe__py=recipe)))
    with pytest.raises(ConfigError) as caught:
        task.prepare(tmp_path / "data")
    assert what in str(caught.value)
    assert "returned" in what or "recipe.py, line " in caught.value.remedy


def test_a_recipe_says_what_its_data_takes_or_nothing(tmp_path: Path) -> None:
    assert load_task(str(task_folder(tmp_path))).data_needs(tmp_path) is None
    recipe = GOOD["recipe.py"] + (
        "from trainer.recipe import DataNeeds\ndef needs(folder):\n    return DataNeeds(disk_bytes=5)\n"
    )
    task = load_task(str(task_folder(tmp_path, recipe__py=recipe)))
    assert task.data_needs(tmp_path) == DataNeeds(disk_bytes=5)


def test_frozen_modules_and_packages_of_the_folder_go_with_the_surface(tmp_path: Path) -> None:
    yaml = keyed("frozen: [prepare, backends, kernels]")
    files = {"backends__py": "WIDTH = 4\n", "kernels/__init____py": "", "kernels/fast__py": "TILE = 8\n"}
    task_folder(tmp_path, task__yaml=yaml)
    for name, text in files.items():
        path = tmp_path / name.replace("__init____py", "__init__.py").replace("__py", ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    task = load_task(str(tmp_path))
    assert task.frozen_files == [tmp_path / "backends.py", tmp_path / "kernels"]
    assert set(task.frozen_texts) == {"prepare.py", "backends.py", "kernels/__init__.py", "kernels/fast.py"}


def test_a_prepare_of_the_folder_never_takes_the_place_of_the_judge_s(tmp_path: Path) -> None:
    folder = task_folder(tmp_path, prepare__py="val_bpb = 0\n")
    assert load_task(str(folder)).frozen_files == []
    assert "val_bpb = 0" not in load_task(str(folder)).frozen_texts["prepare.py"]


def test_an_extra_is_what_the_project_says_and_the_command_names_its_packages() -> None:
    requires = ["click>=8", "pyarrow>=19; extra == 'gpt'", 'ray[default]>=2.60,<2.61; extra == "cluster"']
    assert wanted_by("gpt", requires) == ["pyarrow>=19"]
    assert wanted_by("cluster", requires) == ["ray[default]>=2.60,<2.61"]
    assert {name.partition(">")[0] for name in wanted_by("gpt")} == {"huggingface-hub", "pyarrow", "rustbpe"}
    assert missing("gpt", lambda requirement: not requirement.startswith("rustbpe")) == ["rustbpe>=0.1"]
    assert "install" in command(["rustbpe>=0.1"])
    assert command(["rustbpe>=0.1"]).endswith(" 'rustbpe>=0.1'`")
