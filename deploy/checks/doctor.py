"""Is this machine ready? What a start asks for, in its words, then what would slow or spoil a campaign.

Heavy packages are tried in processes of their own: a broken torch must not end the doctor.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from agents.proposers.factory import program_of
from configs.arms import CallsModels, RunsProgram
from configs.errors import ConfigError
from configs.schema import Config
from deploy.checks import data_here
from deploy.checks.check import Check, Grade
from deploy.checks.confinement import exposure_checks, group_check, sandbox_checks
from deploy.checks.exposure import AT_LEISURE
from deploy.checks.gpus import ask_driver, visible
from deploy.checks.preflight import preflight
from deploy.checks.proxies import is_near, proxy_of
from deploy.packages import HOME, PACKAGES
from deploy.rules_from_config import blocks_of, on_fresh_rows, policy_of, rows_in_words
from trainer.extras import command, missing
from trainer.process.cgroups import offered
from trainer.sandbox.probe import probe
from trainer.task import Task
from trainer.task_loading import load_task

LITTLE_DISK = 10e9
"""Bytes free: a night of logs and variants."""
IMPORT_SECONDS = 120.0
"""Seconds a package may take to import: torch from a cold network disk takes one minute."""
TORCH = (
    "import json, torch; print(json.dumps([torch.__version__, torch.version.cuda or '',"
    " torch.cuda.is_available(), [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]]))"
)
RAY = "import json, ray; print(json.dumps([ray.__version__]))"
EXTRAS = ("gpt", "cluster")
SAID_BETTER = (
    "git",
    "folder",
    "disk",
    "data",
    "sandbox",
    "hidden",
    "gpus",
    "programs",
    "metrics port",
    "task",
)
"""Questions of a start that have a line of their own where nothing is in the way."""


def examine(config: Config) -> Iterator[Check]:
    """Every check, the quick ones first. Those that only a person who asks for details wants say so."""
    problems = set()
    for asked in preflight(config):
        if asked.problem is not None:
            problems.add(asked.name)
            yield Check(asked.name, Grade.FAIL, str(asked.problem), asked.problem.remedy, cause=asked.problem)
        elif asked.name not in SAID_BETTER:
            yield Check(asked.name, Grade.OK, "nothing is in the way of a start", detail=True)
    yield from _machine()
    if "disk" not in problems:
        yield _disk(Path(config.campaigns_dir))
    if "metrics port" not in problems:
        yield _port(config)
    yield from _programs(config)
    yield from _proxies(config)
    if "task" not in problems:
        yield from _task(config, load_task(config.task.name), with_data="data" not in problems)
    yield from (check for check in sandbox_checks(config, probe()) if check.grade is not Grade.FAIL)
    yield from (check for check in exposure_checks(config, AT_LEISURE) if "hidden" not in problems)
    yield group_check(offered())
    yield from _extras()
    yield from _ray()
    yield from _torch(config)


def _machine() -> Iterator[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    if git := shutil.which("git"):
        yield Check("machine", Grade.OK, f"Python {python}, git at {git}")
    yield Check("packages of ours", Grade.OK, f"{', '.join(PACKAGES)} in {HOME}", detail=True)


def _disk(folder: Path) -> Check:
    place = data_here.existing(folder)
    free = shutil.disk_usage(place).free
    little = free < LITTLE_DISK
    remedy = "Make room, or choose another disk: campaigns_dir=PATH." if little else ""
    what = f"{free / 1e9:.1f} GB free at {place}"
    return Check("disk", Grade.WARN if little else Grade.OK, what, remedy)


def _port(config: Config) -> Check:
    port, host = config.coordinator.metrics_port, config.coordinator.metrics_host
    where = f"on {host}:{port}, or the next free one" if port else "off: coordinator.metrics_port is 0"
    return Check("metrics", Grade.OK, where, detail=not port)


def _task(config: Config, task: Task, with_data: bool) -> Iterator[Check]:
    if with_data:
        words = data_here.in_words(config, task)
        made = words.startswith("to be made")
        remedy = (
            f"The first run makes it; or now: `autoswarm prepare --task {config.task.name}`." if made else ""
        )
        yield Check("data", Grade.WARN if made else Grade.OK, words, remedy)
    yield from _rows(config, task)


def _rows(config: Config, task: Task) -> Iterator[Check]:
    """Whether what is confirmed is confirmed on other rows than it was chosen by."""
    words = rows_in_words(config, task)
    if blocks_of(config, task) > 1 and on_fresh_rows(policy_of(config)):
        yield Check("validation rows", Grade.OK, words, detail=True)
    elif config.trainer.kind == "subprocess":
        remedy = "Have its recipe set aside several blocks, and say val_blocks in its task.yaml."
        yield Check(
            "validation rows",
            Grade.WARN,
            words,
            remedy if task.val_blocks == 1 else "Take another acceptance.policy.",
        )


def _programs(config: Config) -> Iterator[Check]:
    """What arms run here. On a cluster they are wanted on other machines too, where nobody looks."""
    for arm in config.arms:
        program = program_of(arm) if isinstance(arm, RunsProgram) else ""
        if isinstance(arm, RunsProgram) and program:
            name, path = f"arm {arm.name}", shutil.which(program)
            sees = "sees all that you see" if arm.unconfined else "sees neither data nor campaigns"
            if path is not None:
                yield Check(
                    name, Grade.OK, f"runs {path}, which {sees}; whether it is logged in is not asked"
                )
            elif config.cluster.address != "local":
                what = f"{program!r} is not on the PATH here"
                yield Check(name, Grade.WARN, what, "Install it where agents live, or correct `command`.")


def _proxies(config: Config) -> Iterator[Check]:
    """Through which proxy arms with an endpoint of their own would ask it."""
    for arm in config.arms:
        address = arm.api_base if isinstance(arm, CallsModels) else None
        if address and (taken := proxy_of(address, os.environ)):
            what = f"{address} is asked through the proxy {taken[1]} ({taken[0]})"
            remedy = "Not meant? Name its host in no_proxy, which takes names and addresses, not networks."
            near = is_near(address)
            yield Check(f"arm {arm.name}", Grade.WARN if near else Grade.OK, what, remedy if near else "")


def _extras() -> Iterator[Check]:
    for extra in EXTRAS:
        if lacking := missing(extra):
            what = f"not here: {', '.join(lacking)}"
            yield Check(
                f"extra {extra}", Grade.OK, what, f"Where it is wanted: {command(lacking)}.", detail=True
            )
        else:
            yield Check(f"extra {extra}", Grade.OK, "all of it is here", detail=True)


def _ray() -> Iterator[Check]:
    facts = _imported("ray", RAY)
    yield facts if isinstance(facts, Check) else Check("ray", Grade.OK, facts[0])


def _torch(config: Config) -> Iterator[Check]:
    facts = _imported("torch", TORCH)
    if isinstance(facts, Check):
        yield facts
        return
    version, cuda, works, names = facts
    driver = ask_driver()
    there = visible(driver, os.environ.get("CUDA_VISIBLE_DEVICES"))
    if there and not works and config.slots.per_gpu:
        build = f"built for CUDA {cuda}" if cuda else "built without CUDA"
        yield Check(
            "torch",
            Grade.FAIL,
            f"{version}, {build}, cannot use the {there} GPUs of driver {driver.version}",
            "Install the build of torch that this driver can run, or a newer driver: docs/operations.md.",
        )
        return
    gpus = ", ".join(names) if names else driver.why or "none visible"
    yield Check(
        "torch", Grade.OK, f"{version}, GPUs: {gpus}" + (f", driver {driver.version}" if names else "")
    )


def _imported(name: str, program: str) -> list[str] | Check:
    """What ``program`` prints as JSON."""
    remedy = "Install again: `make clean install`."
    try:
        ran = subprocess.run(
            [sys.executable, "-P", "-c", program],
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
        last = (ran.stderr.strip().splitlines() or ["cannot be imported"])[-1]
        return Check(name, Grade.FAIL, last, remedy)
    facts: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return facts


def first_problem(checks: list[Check]) -> ConfigError | None:
    """What a start would be refused for, or else what will not work; None where all is well."""
    failed = [check for check in checks if check.grade is Grade.FAIL]
    if not failed:
        return None
    return next((check.cause for check in failed if check.cause), None) or ConfigError(
        f"{failed[0].name}: {failed[0].what}", failed[0].remedy
    )
