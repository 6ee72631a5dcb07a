"""What `autoswarm init` writes: a configuration and a charter to edit."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from configs.charter import CHARTERS
from configs.errors import ConfigError
from evaluator.box_job import BoxFile
from trainer.task_loading import TASKS

CONFIG = """\
# autoswarm run autoswarm.yaml    (`autoswarm config show` lists every key, --explain says what each means)

campaign:
  name: mine
  max_hours: 8 # ends by itself; 0 runs until it is stopped
  charter: charters/default.md # what you tell the proposers: edit it

task:
  name: demo # a small language model on CPU; `gpt` is the real one

slots:
  per_gpu: false # true: an agent on every GPU
  count: 2
"""


DEMO = "name: demo # a small language model on CPU; `gpt` is the real one"
"""The line of it that names the task."""


def next_command(folder: Path) -> str:
    """What to type next, in the folder this was typed in."""
    called = Path(sys.argv[0])
    if shutil.which("autoswarm") is not None:
        command = "autoswarm"
    elif called.name == "autoswarm" and called.is_file():
        command = shlex.quote(str(called.absolute()))
    else:
        command = f"{shlex.quote(sys.executable)} -m autoswarm"
    there = "" if folder.absolute() == Path().absolute() else f"cd {shlex.quote(str(folder))} && "
    return f"{there}{command} run autoswarm.yaml"


def write_starter(folder: Path) -> list[Path]:
    """Write the files and return their paths. Raises ConfigError rather than overwrite one."""
    charter = (CHARTERS / "default.md").read_text(encoding="utf-8")
    return write_files(folder, {"autoswarm.yaml": CONFIG, "charters/default.md": charter})


def starter_of_task(name: str) -> dict[str, str | BoxFile]:
    """A copy of a shipped task, its charter and a configuration that names both. Raises ConfigError for a
    name that none has.
    """
    names = sorted(path.parent.name for path in TASKS.glob("*/task.yaml"))
    if name not in names:
        raise ConfigError(f"no task {name!r} comes with autoswarm", f"Use one of: {', '.join(names)}.")
    folder = TASKS / name
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    files: dict[str, str | BoxFile] = {
        f"task/{path.relative_to(folder).as_posix()}": BoxFile(
            path.read_bytes(), bool(path.stat().st_mode & 0o100)
        )
        for path in paths
    }
    own = folder / "charter.md"
    charter = (own if own.is_file() else CHARTERS / "default.md").read_text(encoding="utf-8")
    config = CONFIG.replace(DEMO, "name: task # a folder beside this file: docs/tasks.md says what is in it")
    return {"autoswarm.yaml": config, "charters/default.md": charter, **files}


def write_files(folder: Path, contents: Mapping[str, str | BoxFile]) -> list[Path]:
    """Write files by their paths below a folder and return their whole paths. Raises ConfigError rather than
    overwrite one.
    """
    files = {folder / name: content for name, content in contents.items()}
    taken = next((path for path in files if path.exists()), None)
    if taken is not None:
        raise ConfigError(
            f"{taken} is already there",
            "Edit it, move it away, or name another folder: `autoswarm init DIR`.",
        )
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, BoxFile):
                path.write_bytes(content.content)
                path.chmod(0o755 if content.executable else 0o644)
            else:
                path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write {error.filename}: {error.strerror}",
            "Name a folder you can write to: `autoswarm init DIR`.",
        ) from error
    return list(files)
