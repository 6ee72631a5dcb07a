"""Is this machine ready? One check per question, each with what to do.

Heavy packages are tried in processes of their own: a broken torch must not end the doctor.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path

from msgspec import Struct

from agents.proposers.factory import program_of, require_here
from configs.arms import CallsModels, RunsProgram
from configs.errors import ConfigError
from configs.schema import Config
from coordinator.rules.trust import TRUSTED
from coordinator.store.journal import locked
from deploy.checks.exposure import AT_LEISURE, confines_files, in_words, readable
from deploy.checks.keys import read_env_file, require_keys
from deploy.checks.preflight import require_folder, require_git, require_port
from deploy.packages import HOME, PACKAGES
from deploy.rules_from_config import blocks_of, rows_in_words
from deploy.sandboxes import next_trusted_tier, require_sandbox, sandbox_of, warning
from deploy.wiring import layout_of
from trainer.process.cgroups import CONTROLLERS, Offered, offered
from trainer.sandbox.probe import probe
from trainer.sandbox.tier import GAPS, Finding
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


class Grade(StrEnum):
    """How ready the machine is in one respect."""

    OK = "ok"
    WARN = "warn"
    """Works, but look."""
    FAIL = "fail"
    """Will not work."""


class Check(Struct, frozen=True):
    """One question answered."""

    name: str
    grade: Grade
    what: str
    """What was found."""
    remedy: str = ""
    """What to do; empty when all is well."""


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
    where = f"{config.coordinator.metrics_host}:{config.coordinator.metrics_port}"
    return _held("metrics port", lambda: require_port(config.coordinator), f"{where} is free", Grade.WARN)


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


def sandbox_checks(config: Config, findings: Sequence[Finding]) -> Iterator[Check]:
    """The sandbox this campaign would get, then every tier: whether it works, what it leaves open, how to
    reach it.
    """
    yield _sandbox(config)
    short = next_trusted_tier(findings) is not None
    for finding in findings:
        name, gaps = f"sandbox {finding.tier}", "; ".join(GAPS[finding.tier])
        if finding.works:
            yield Check(name, Grade.OK, f"works; open: {gaps}" if gaps else "works")
        else:
            wanted = short and finding.tier in TRUSTED
            yield Check(
                name,
                Grade.WARN if wanted else Grade.OK,
                f"not here: {finding.why}",
                f"To have it: {finding.remedy}.",
            )


def _sandbox(config: Config) -> Check:
    try:
        require_sandbox(config)
        tier, word = sandbox_of(config), warning(config)
    except ConfigError as error:
        return Check("sandbox", Grade.FAIL, str(error), error.remedy)
    if config.trainer.kind == "simulated":
        return Check("sandbox", Grade.OK, "none is needed: trainer.kind is simulated")
    return Check("sandbox", Grade.WARN if word else Grade.OK, word or f"{tier}, which is trusted")


def exposure_checks(config: Config, seconds: float) -> Iterator[Check]:
    """Everything that sandboxes leave readable and must not. seconds: to look for what nobody named."""
    name = "hidden"
    try:
        tier = sandbox_of(config)
    except ConfigError:  # told above
        return
    if not confines_files(tier):
        yield Check(name, Grade.OK, f"sandbox {tier} hides nothing: it reads what its uid may read")
        return
    hits = list(readable(config, seconds))
    for hit, secret in hits:
        yield Check(name, Grade.FAIL, in_words(hit, secret), secret.remedy)
    if not hits:
        yield Check(name, Grade.OK, "no data, campaign or key is in what sandboxes show")


def group_check(groups: Offered) -> Check:
    """What the kernel counts and bounds for a run as a whole."""
    name = "control groups"
    if groups.why:
        return Check(
            name,
            Grade.WARN,
            f"not here: {groups.why}; CPU is what was seen of each process, bounded by real time times cores",
            "Run agents as root, or where a group is theirs: systemd `Delegate=yes`, Docker `--security-opt"
            " writable-cgroups=true`, Podman `--security-opt unmask=/sys/fs/cgroup`.",
        )
    lacking = [controller for controller in CONTROLLERS if controller not in groups.controllers]
    has = ["cpu", *groups.controllers, *(["kill"] if groups.kill else [])]
    if not lacking:
        return Check(name, Grade.OK, f"the kernel counts and bounds a run: {', '.join(has)}")
    return Check(
        name,
        Grade.OK,
        f"the kernel counts a run: {', '.join(has)}; {' and '.join(lacking)} are bounded by a look once a"
        " second",
        f"To have {' and '.join(lacking)}: cgroup v2 with these controllers, and no process in the group"
        " above ours, such as by systemd `Delegate=yes` with `DelegateSubgroup=autoswarm`.",
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
