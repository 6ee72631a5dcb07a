"""`autoswarm init DIR --from OTHER`: which form a folder is of, and the files that it becomes."""

from pathlib import Path

from configs.errors import ConfigError
from configs.yaml_files import yaml_of
from deploy.imports.autoresearch import Autoresearch
from deploy.imports.darwin_derby import DarwinDerby
from deploy.imports.gepa import Gepa
from deploy.imports.harbor import Harbor
from deploy.imports.imported import Form, Imported
from deploy.imports.kernelbench import KernelBench
from deploy.imports.openevolve import OpenEvolve
from deploy.imports.other_folder import OtherFolder
from deploy.imports.pi_autoresearch import PiAutoresearch
from deploy.imports.shinka import Shinka
from evaluator.box_job import BoxFile

FORMS: tuple[Form, ...] = (
    OpenEvolve(),
    Shinka(),
    PiAutoresearch(),
    DarwinDerby(),
    Harbor(),
    KernelBench(),
    Gepa(),
    Autoresearch(),
)
"""Every one there is."""
TASK = "task"
"""Folder of the task beside its configuration."""
CONFIG = """\
# autoswarm run autoswarm.yaml    (imported.md beside this says what was kept and what was not)

campaign:
  name: {name}
  max_hours: 8 # ends by itself; 0 runs until it is stopped
  charter: charters/imported.md # what you tell the proposers: edit it

task:
  name: {task} # a folder beside this: task.yaml says what is searched and how it is measured

slots:
  per_gpu: false # true: an agent on every GPU
  count: 2

# arms: `search` moves constants of Python files. For models or coding agents see docs/agents.md.
"""


def import_from(other: Path, form: str | None) -> tuple[Form, Imported]:
    """What OTHER is and what it becomes. form: its name, where it could be of several. Raises ConfigError."""
    folder = OtherFolder(other)
    recognised = _named(form) if form is not None else _recognised(folder)
    if not recognised.recognises(folder):
        raise ConfigError(
            f"{other} is not of the form {recognised.name}",
            "docs/imports.md says what each form is recognised by.",
        )
    return recognised, recognised.convert(folder)


def starter_of(form: Form, imported: Imported) -> dict[str, str | BoxFile]:
    """Files to write, by path: configuration, charter, the task, and what was kept and what was not."""
    task = f"# Imported from {form.title}. docs/extending.md has every key.\n{yaml_of(imported.task)}"
    files: dict[str, str | BoxFile] = {
        "autoswarm.yaml": CONFIG.format(name=imported.task["name"], task=TASK),
        "charters/imported.md": imported.charter,
        "imported.md": f"# {imported.task['title']}\n\n{report(form, imported)}\n",
        f"{TASK}/task.yaml": task,
    }
    return files | {f"{TASK}/{path}": file for path, file in imported.files.items()}


def report(form: Form, imported: Imported) -> str:
    """What was kept and what was not, for a person."""
    lines = [f"Imported from {form.title}; nothing of it was run."]
    if imported.notes:
        lines += ["", "To know:", *(f"- {note}." for note in imported.notes)]
    if imported.left_out:
        lines += ["", "Not kept:", *(f"- {what}." for what in imported.left_out)]
    return "\n".join(lines)


def _named(name: str) -> Form:
    form = next((form for form in FORMS if form.name == name), None)
    if form is None:
        names = ", ".join(form.name for form in FORMS)
        raise ConfigError(f"there is no form {name!r}", f"Use one of: {names}.")
    return form


def _recognised(folder: OtherFolder) -> Form:
    candidates = [form for form in FORMS if form.recognises(folder)]
    if not candidates:
        titles = ", ".join(form.title for form in FORMS)
        raise ConfigError(
            f"{folder.name} is of no form that can be imported",
            f"There are: {titles} (docs/imports.md). Or write a task.yaml: docs/extending.md.",
        )
    if len(candidates) > 1:
        names = [form.name for form in candidates]
        raise ConfigError(f"{folder.name} could be {' or '.join(names)}", f"Say which: `--as {names[0]}`.")
    return candidates[0]
