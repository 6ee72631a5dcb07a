"""Folders for other programs, imported and measured: what the tests of every form do."""

from pathlib import Path
from textwrap import dedent
from threading import Event

from deploy.cli.init_files import write_files
from deploy.imports.imported import Imported
from deploy.imports.importing import import_from, starter_of
from evaluator.bundle import is_bundle, pack, unpack
from evaluator.result import Measured, RunResult
from trainer.contract import RunOrder, Slot
from trainer.make_trainer import make_trainer
from trainer.task import Task
from trainer.task_loading import load_task


def write(folder: Path, files: dict[str, str]) -> Path:
    """Files by path, as texts that may be indented."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))
    return folder


def imported(tmp_path: Path, files: dict[str, str], form: str) -> tuple[Imported, Task]:
    """Such a folder imported as the form it is recognised as, and the task that was written."""
    found, made = import_from(write(tmp_path / "other", files), None)
    assert found.name == form
    write_files(tmp_path / "here", starter_of(found, made))
    return made, load_task(str(tmp_path / "here" / "task"))


def run(task: Task, *changes: tuple[str, str], seed: int = 1) -> RunResult:
    """A run of the surface with some of its text changed."""
    source = task.source
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    if is_bundle(source):
        source = pack(unpack(source))
    directory = task.folder.parent / "runs"
    trainer = make_trainer(task, task.folder, Slot("test"), 1 << 20)
    order = RunOrder(run="r1", source=source, seed=seed, budget=task.budget(None), directory=directory)
    return trainer.train(order, lambda _: None, Event())


def value(task: Task, *changes: tuple[str, str]) -> float:
    """What such a run measured."""
    result = run(task, *changes)
    logs = "".join(path.read_text() for path in (task.folder.parent / "runs").rglob("*.log"))
    assert isinstance(result.outcome, Measured), (result.outcome, logs)
    return result.outcome.value


def named(sentences: list[str], *words: str) -> bool:
    """Whether one sentence holds all of these words."""
    return any(all(word in sentence for word in words) for sentence in sentences)
