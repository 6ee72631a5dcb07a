"""What must hold before a campaign starts, checked before anything slow begins. ``doctor`` asks the same
questions and more.
"""

import errno
import os
import shutil
import socket
from pathlib import Path

from configs.arms import RunsProgram
from configs.errors import ConfigError
from configs.schema import Config, CoordinatorConfig
from coordinator.store.journal import CampaignLock
from coordinator.store.paths import Layout
from deploy.checks.exposure import require_hidden
from deploy.checks.keys import read_env_file, require_keys
from deploy.checks.money import require_cap, require_money_left
from deploy.sandboxes import require_sandbox
from deploy.wiring import layout_of
from trainer.task import load_task


def require_startable(config: Config) -> None:
    """Raises ConfigError for the first thing that keeps this machine from starting the campaign.

    A campaign on a running cluster keeps its folder, lock and port at the head, which checks them itself, and
    its keys at the nodes.
    """
    require_git()
    load_task(config.task.name).budget(config.task.size)
    require_cap(config)
    require_money_left(config)
    if config.cluster.address == "local":
        require_sandbox(config)
        require_hidden(config)
        require_proposers(config)
        require_programs(config)
        read_env_file(os.environ)
        require_keys(config, os.environ)
        require_folder(layout_of(config).folder)
        require_free(layout_of(config))
        require_port(config.coordinator)


def require_git() -> None:
    """Raises ConfigError without git."""
    if shutil.which("git") is None:
        raise ConfigError("git is not installed", "Install it, for example with `apt-get install git`.")


def require_proposers(config: Config) -> None:
    """Raises ConfigError for an arm without its files, its charter or a model."""
    from agents.proposers.factory import make_proposers  # it brings libcst along

    task = load_task(config.task.name)
    make_proposers(config.arms, task.choices, config.campaign.charter, task.surface)


def require_programs(config: Config) -> None:
    """Raises ConfigError for an arm whose program cannot be run here as the configuration says."""
    from agents.proposers.factory import require_here

    for arm in config.arms:
        if isinstance(arm, RunsProgram):
            require_here(arm)


def require_folder(folder: Path) -> None:
    """Raises ConfigError where the campaign's folder cannot be made or written to."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise ConfigError(f"{there} is not a folder", "Move it away, or choose another: campaigns_dir=PATH.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write in {there}", "Choose a folder you can write to: campaigns_dir=PATH.")


def require_free(layout: Layout) -> None:
    """Raises CampaignBusyError when another coordinator works on the campaign."""
    if layout.folder.is_dir():
        CampaignLock(layout.folder).release()


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
        remedy = "Choose another with coordinator.metrics_port=PORT; 0 turns metrics off."
        what = f"port {address[1]} of {address[0]} cannot be used: {error.strerror}"
        raise ConfigError(what, remedy) from error
