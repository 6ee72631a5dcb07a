"""Is this machine ready? One check per question, each with what to do.

Heavy packages are tried in processes of their own: a broken torch must not end the doctor.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from agents.proposers.factory import program_of, require_here
from configs.arms import CallsModels, RunsProgram
from configs.errors import ConfigError
from configs.schema import Config
from coordinator.store.journal import locked
from deploy.checks.check import Check, Grade
from deploy.checks.confinement import exposure_checks, group_check, sandbox_checks
from deploy.checks.exposure import AT_LEISURE
from deploy.checks.keys import read_env_file, require_keys
from deploy.checks.preflight import require_folder, require_git, require_port
from deploy.packages import HOME, PACKAGES
from deploy.rules_from_config import blocks_of, rows_in_words
from deploy.wiring import layout_of
from trainer.process.cgroups import offered
from trainer.sandbox.probe import probe
from trainer.task import load_task

OLDEST = (3, 11)
LITTLE_DISK, TOO_LITTLE_DISK = 10e9, 1e9
"""Bytes free: a night of logs and variants, and what one campaign needs at least."""
IMPORT_SECONDS = 120.0
"""Seconds a package may take to import: torch from a cold network disk takes one minute."""
TORCH = (
    "import json, torch; print(json.dumps([torch.__version__, [torch.cuda.get_device_name(n) for n in"
    " range(torch.cuda.device_count())]]))"
)
RAY = "import json, ray; print(json.dumps([ray.__version__, []]))"


def examine(config: Config) -> Iterator[Check]:
    """Every check, the quick ones first."""
    yield _python()
    yield _held("git", require_git, f"found at {shutil.which('git')}")
    yield Check(
        "packages", Grade.OK, f"{', '.join(PACKAGES)} in {HOME}"
    )  # or none of this could have been imported
    yield _held(
        "campaigns",
        lambda: require_folder(layout_of(config).folder),
        f"{config.campaigns_dir} can be written to",
    )
    yield _disk(Path(config.campaigns_dir))
    yield _port(config)
    yield from _programs(config)
    if any(isinstance(arm, CallsModels) for arm in config.arms):
        yield _held(
            "keys",
            lambda: _require_keys(config),
            "every arm has one, as far as can be told without asking its provider",
        )
    yield from _rows(config)
    yield _data(config)
    yield from sandbox_checks(config, probe())
    yield from exposure_checks(config, AT_LEISURE)
    yield group_check(offered())
    yield _ray()
    yield _torch(config)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        return Check(
            "python",
            Grade.FAIL,
            version,
            "Use Python 3.11 or newer: `make clean install PYTHON=/path/to/python3.12`.",
        )
    return Check("python", Grade.OK, version)


def _held(name: str, require: Callable[[], None], fine: str, grade: Grade = Grade.FAIL) -> Check:
    try:
        require()
    except ConfigError as error:
        return Check(name, grade, str(error), error.remedy)
    return Check(name, Grade.OK, fine)


def _disk(folder: Path) -> Check:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    grade = Grade.OK if free >= LITTLE_DISK else Grade.WARN if free >= TOO_LITTLE_DISK else Grade.FAIL
    remedy = "" if grade is Grade.OK else "Make room, or choose another disk: campaigns_dir=PATH."
    return Check("disk", grade, f"{free / 1e9:.1f} GB free at {there}", remedy)


def _require_keys(config: Config) -> None:
    read_env_file(os.environ)
    require_keys(config, os.environ)


def _port(config: Config) -> Check:
    if locked(layout_of(config).folder):
        return Check("metrics port", Grade.OK, "in use by this campaign, which is running")
    where = f"{config.coordinator.metrics_host}:{config.coordinator.metrics_port}, or the next free one"
    return _held("metrics port", lambda: require_port(config.coordinator), where, Grade.WARN)


def _data(config: Config) -> Check:
    try:
        task = load_task(config.task.name)
    except ConfigError as error:
        return Check("data", Grade.FAIL, str(error), error.remedy)
    folder = Path(config.data_dir) / task.name
    if folder.is_dir() and any(folder.iterdir()):
        return Check("data", Grade.OK, f"{folder} is there")
    return Check(
        "data",
        Grade.WARN,
        f"{folder} is not prepared",
        f"The first run makes it; or now: `autoswarm prepare --task {task.name}`.",
    )


def _rows(config: Config) -> Iterator[Check]:
    """Whether what is confirmed is confirmed on other rows than it was chosen by."""
    try:
        task = load_task(config.task.name)
    except ConfigError:
        return  # that is a check of its own
    words = rows_in_words(config, task)
    if blocks_of(config, task) > 1 and config.acceptance.confirm_runs:
        yield Check("validation rows", Grade.OK, words)
    elif config.trainer.kind == "subprocess":
        remedy = "Have its recipe set aside several blocks, and say val_blocks in its task.yaml."
        yield Check(
            "validation rows",
            Grade.WARN,
            words,
            remedy if task.val_blocks == 1 else "Set acceptance.confirm_runs to 1 or more.",
        )


def _programs(config: Config) -> Iterator[Check]:
    """Whether the programs that arms run are on this machine, which is not the only one they may be wanted
    on.
    """
    for arm in config.arms:
        if isinstance(arm, RunsProgram) and (program := program_of(arm)):
            name, path = f"arm {arm.name}", shutil.which(program)
            view = _held(name, partial(require_here, arm), "")
            if view.grade is not Grade.OK:
                yield view
            elif path is None:
                yield Check(
                    name,
                    Grade.WARN,
                    f"{program!r} is not on the PATH here",
                    "Install it where agents live, or correct `command`.",
                )
            else:
                sees = "sees all that you see" if arm.unconfined else "sees neither data nor campaigns"
                yield Check(
                    name, Grade.OK, f"runs {path}, which {sees}; whether it is logged in is not asked"
                )


def _ray() -> Check:
    facts = _imported("ray", RAY)
    return facts if isinstance(facts, Check) else Check("ray", Grade.OK, facts[0])


def _torch(config: Config) -> Check:
    facts = _imported("torch", TORCH)
    if isinstance(facts, Check):
        return facts
    version, gpus = facts
    if config.slots.per_gpu and not gpus:
        return Check(
            "torch",
            Grade.FAIL,
            f"{version}, no GPU",
            "slots.per_gpu needs one: check the driver with `nvidia-smi`, or use slots.per_gpu=false.",
        )
    return Check("torch", Grade.OK, f"{version}, {len(gpus)} GPUs{': ' if gpus else ''}{', '.join(gpus)}")


def _imported(name: str, program: str) -> tuple[str, list[str]] | Check:
    """Version and devices that ``program`` prints as JSON."""
    remedy = "Install again: `make clean install`."
    try:
        ran = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=IMPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Check(
            name,
            Grade.WARN,
            f"its import took more than {IMPORT_SECONDS:g} s",
            "Put the virtual environment on a faster disk.",
        )
    if ran.returncode != 0:
        return Check(
            name, Grade.FAIL, (ran.stderr.strip().splitlines() or ["cannot be imported"])[-1], remedy
        )
    version, devices = json.loads(ran.stdout.splitlines()[-1])
    return version, devices
