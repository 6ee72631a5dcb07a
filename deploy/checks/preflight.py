"""What must hold before a campaign starts, checked before anything slow begins: one list, for ``run``,
``run --dry-run`` and ``doctor`` alike. Whatever one of them refuses the others refuse, in the same words.
"""

import errno
import importlib.util
import os
import shutil
import socket
from collections.abc import Callable, Iterator

from msgspec import Struct

from configs.arms import RunsProgram
from configs.errors import ConfigError
from configs.schema import Config, CoordinatorConfig
from coordinator.service.opening import gate_of
from coordinator.store.repository import require_usable
from deploy.checks.cluster_here import require_cluster
from deploy.checks.data_here import require_data, require_disk, require_parts, require_writable
from deploy.checks.exposure import require_hidden
from deploy.checks.gpus import require_gpus
from deploy.checks.keys import read_env_file, require_keys
from deploy.checks.money import require_cap, require_money_left
from deploy.checks.resuming import require_resumable
from deploy.ray_environment import require_folder_for_sockets
from deploy.sandboxes import require_sandbox
from deploy.wiring import card_of, layout_of
from trainer.task_loading import load_task


class Step(Struct, frozen=True):
    """One question before a start."""

    name: str
    require: Callable[[Config], None]
    """Raises ConfigError for what is in the way."""


class Asked(Struct, frozen=True):
    """A question and what is in the way; None where nothing is."""

    name: str
    problem: ConfigError | None


def steps(config: Config) -> tuple[Step, ...]:
    """Every question, in order: those that others rest on first.

    A campaign on a running cluster keeps its folder, lock and port at the head, which asks for them itself,
    and its keys, programs and GPUs at the nodes.
    """
    return EVERYWHERE + (HERE if config.cluster.address == "local" else ELSEWHERE)


def preflight(config: Config) -> Iterator[Asked]:
    """Each question answered. What only repeats an earlier problem is left out."""
    said: set[str] = set()
    for step in steps(config):
        try:
            step.require(config)
        except ConfigError as error:
            if str(error) not in said:
                said.add(str(error))
                yield Asked(step.name, error)
        else:
            yield Asked(step.name, None)


def require_startable(config: Config) -> None:
    """Raises ConfigError for the first thing that keeps this machine from starting the campaign."""
    for asked in preflight(config):
        if asked.problem is not None:
            raise asked.problem


def require_git() -> None:
    """Raises ConfigError without git."""
    if shutil.which("git") is None:
        raise ConfigError("git is not installed", "Install it, for example with `apt-get install git`.")


def require_task(config: Config) -> None:
    """Raises ConfigError for a task or a size that there is not, and for a surface no proposal could pass
    with.
    """
    task = load_task(config.task.name)
    task.budget(config.task.size)
    gate_of(card_of(task))


def require_packages(config: Config) -> None:
    """Raises ConfigError for a package that trainings or agents import and that is not installed here."""
    own = ["ray", *(["torch"] if config.trainer.kind == "subprocess" else [])]
    for name in own:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(f"{name} is not installed", "Install again: `make clean install`.")
    task = load_task(config.task.name)
    for name in task.imports if config.trainer.kind == "subprocess" else ():
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            raise ConfigError(
                f"task {task.name} offers variants the package {name}, which is not installed",
                "Install it where trainings run, or take it out of `imports` in its task.yaml.",
            )


def require_proposers(config: Config) -> None:
    """Raises ConfigError for an arm without its files, its charter or a model."""
    from agents.proposers.factory import make_proposers  # it brings libcst along

    task = load_task(config.task.name)
    charter = config.campaign.charter
    make_proposers(config.arms, task.choices, charter, task.surface, patterns=task.patterns)


def require_programs(config: Config) -> None:
    """Raises ConfigError for an arm whose program cannot be run here as the configuration says."""
    from agents.proposers.factory import program_of, require_here

    for arm in config.arms:
        if isinstance(arm, RunsProgram):
            require_here(arm)
            program = program_of(arm)
            if program and shutil.which(program) is None:
                raise ConfigError(
                    f"arm {arm.name!r}: {program!r} is not on the PATH here",
                    "Install it, correct `command`, or take the arm out of `arms`.",
                )


def require_own_keys(config: Config) -> None:
    """Raises ConfigError for an arm without a key, in the environment and in ``.env``, which is read."""
    read_env_file(os.environ)
    require_keys(config, os.environ)


def require_folder(config: Config) -> None:
    """Raises ConfigError where the campaign's folder cannot be made or written to."""
    require_writable(layout_of(config).folder, "campaigns_dir=PATH")


def require_port(coordinator: CoordinatorConfig) -> None:
    """Raises ConfigError when the metrics cannot be served where the configuration says."""
    address = (coordinator.metrics_host, coordinator.metrics_port)
    if not address[1]:
        return
    try:
        with socket.create_server(address):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return  # the next free one is taken
        remedy = "Choose another port with coordinator.metrics_port=PORT; 0 serves none."
        if error.errno not in (errno.EACCES, errno.EPERM):
            remedy = f"Choose an address of this machine with coordinator.metrics_host=ADDRESS. {remedy}"
        what = f"port {address[1]} of {address[0]} cannot be used: {error.strerror or error}"
        raise ConfigError(what, remedy) from error


MOST_SLOTS = {"subprocess": 8, "simulated": 128}
"""On one CPU core: beyond that every run ends at its wall cap, or agents (90 MB each) fill the memory."""


def require_cores(config: Config) -> None:
    """Raises ConfigError for more slots without a GPU than this machine could ever carry."""
    cores = os.cpu_count() or 1
    most = MOST_SLOTS[config.trainer.kind] * cores
    if not config.slots.per_gpu and config.slots.count > most:
        raise ConfigError(
            f"slots.count is {config.slots.count}, and this machine has {cores} CPU cores",
            f"Set slots.count to {most} or less; as many slots as there are cores train fastest.",
        )


EVERYWHERE = (
    Step("parts", lambda config: require_parts(layout_of(config))),
    Step("git", lambda _: require_git()),
    Step("task", require_task),
    Step("cap", require_cap),
)
HERE = (
    Step("parts", lambda config: require_parts(layout_of(config))),
    Step("campaign", require_resumable),
    Step("money", require_money_left),
    Step("folder", require_folder),
    Step("repository", lambda config: require_usable(layout_of(config).repository)),
    Step("temporary files", lambda _: require_folder_for_sockets(os.environ)),
    Step("disk", require_disk),
    Step("packages", require_packages),
    Step("gpus", require_gpus),
    Step("slots", require_cores),
    Step("sandbox", require_sandbox),
    Step("hidden", require_hidden),
    Step("arms", require_proposers),
    Step("programs", require_programs),
    Step("keys", require_own_keys),
    Step("metrics port", lambda config: require_port(config.coordinator)),
    Step("data", require_data),
)
ELSEWHERE = (Step("cluster", require_cluster), Step("money", require_money_left))
