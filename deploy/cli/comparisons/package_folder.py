"""A record as a folder to hand on: programs, a page, every run's log and result, and digests of all of it.

It appears whole or not at all: it is written beside its place, then renamed. What a run wrote while it was
shown validation rows stays with the record, and is in no package.
"""

import difflib
import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from configs.errors import ConfigError
from configs.yaml_files import yaml_of
from coordinator.variants.text_diff import diff_lines
from deploy.cli.comparisons.package_page import page
from deploy.cli.comparisons.question import Plan, Which
from deploy.cli.comparisons.record import Record
from deploy.cli.comparisons.record_folders import RECORD, keep, keep_text
from evaluator.bundle import is_bundle
from evaluator.result import RunResult
from trainer.run.result_file import LOG, RESULT

PROGRAMS = {Which.A: "train.py", Which.B: "against.py"}
"""File names of the two programs. The first is the surface's in every shipped task."""
PAGE, CHANGE, SETTINGS = "README.md", "change.diff", "config.yaml"
MADE = (PAGE, CHANGE, SETTINGS, *PROGRAMS.values())


def write_package(
    out: Path,
    record: Record,
    folder: Path,
    sources: dict[Which, str],
    settings: dict[str, dict[str, object]],
) -> None:
    """Write it at ``out``, in the place of one of the same record that is there. folder: of the record.
    sources: the two programs. settings: sections of a configuration. Raises ConfigError, OSError.
    """
    require_free(out, record.plan)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.absolute().parent) as scratch:
        new = Path(scratch, "new")
        new.mkdir()
        _fill(new, record, folder, sources, settings)
        if out.exists():
            out.rename(Path(scratch, "old"))
        new.rename(out)


def require_free(out: Path, plan: Plan | None) -> None:
    """Raises ConfigError where something is in the place of a package that is not one of this plan. plan:
    None for one that is yet to be made.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ConfigError(f"{out} is not a folder", "Name another with --out.")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        raise ConfigError(f"cannot write in {above}", "Name another folder with --out.")
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        old = msgspec.json.decode((out / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        old = None
    if old is None or old.plan != plan:
        raise ConfigError(f"{out} holds something else", "Name an empty or a new folder with --out.")


def _fill(
    new: Path,
    record: Record,
    folder: Path,
    sources: dict[Which, str],
    settings: dict[str, dict[str, object]],
) -> None:
    names = {Which.A: record.plan.question.surface, Which.B: PROGRAMS[Which.B]}
    for which, name in names.items():
        if which in sources:
            keep_text(new / name, sources[which])
    if Which.B in sources:
        keep_text(new / CHANGE, _change(sources, names))
    if settings:
        keep_text(new / SETTINGS, yaml_of(settings))
    for run in record.runs:
        _copy_run(folder / "runs" / run.run, new, run.run)
    keep_text(new / PAGE, page(record))
    files = sorted(path for path in new.rglob("*") if path.is_file())
    digests = {path.relative_to(new).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}
    keep(new / RECORD, replace(record, files=digests))


def _copy_run(run: Path, new: Path, name: str) -> None:
    """Its log, and its result without the end of that."""
    for kind in ("logs", "results"):
        (new / kind).mkdir(exist_ok=True)
    if (run / LOG).is_file():
        shutil.copyfile(run / LOG, new / "logs" / f"{name}.log")
    result = msgspec.json.decode((run / RESULT).read_bytes(), type=RunResult)
    keep(new / "results" / f"{name}.json", replace(result, tail=""))


def _change(sources: dict[Which, str], names: dict[Which, str]) -> str:
    old, new = sources[Which.B], sources[Which.A]
    lines = (
        diff_lines(old, new, names[Which.A])
        if is_bundle(old)
        else difflib.unified_diff(
            old.splitlines(), new.splitlines(), names[Which.B], names[Which.A], lineterm=""
        )
    )
    return "".join(f"{line}\n" for line in lines)
