"""What `autoswarm init` writes: a configuration and a charter to edit."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from configs.charter import CHARTERS
from configs.errors import ConfigError
from evaluator.box_job import BoxFile

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
