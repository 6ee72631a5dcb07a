"""Whether a campaign's data is here, or can be made: disk, packages, the network."""

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.store.paths import Layout
from trainer.recipe import DataNeeds
from trainer.task import Task
from trainer.task_loading import load_task

CAMPAIGN_BYTES = 0.2e9
"""Free disk that a campaign needs at least: its journal, its repository, logs of some hundred runs."""
REACH_SECONDS = 10.0
"""For an answer of whatever data is downloaded from."""


def needs_of(config: Config, task: Task) -> DataNeeds | None:
    """What making the data would take: nothing where it is there; None where its recipe does not say. Raises
    ConfigError for what this machine lacks.
    """
    if config.trainer.kind != "subprocess":
        return DataNeeds()
    return task.data_needs(Path(config.data_dir))


def in_words(config: Config, task: Task) -> str:
    """What is there, or what making it takes."""
    if config.trainer.kind != "subprocess":
        return "none: a simulation needs none"
    place, needs = Path(config.data_dir) / task.name, needs_of(config, task)
    if needs is None:
        made = place.is_dir() and any(place.iterdir())
        return f"in {place}" if made else f"to be made in {place}; its recipe does not say how large it is"
    if not needs.disk_bytes:
        return f"ready in {place}"
    fetched = f"{size(needs.download_bytes)} to download, " if needs.download_bytes else ""
    return f"to be made in {place}: {fetched}{size(needs.disk_bytes)} of disk"


def size(count: float) -> str:
    """Bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def require_data(config: Config) -> None:
    """Raises ConfigError where the data is not there and cannot be made."""
    task = load_task(config.task.name)
    needs = needs_of(config, task)
    if needs is None or not needs.disk_bytes:
        return
    folder = Path(config.data_dir)
    require_writable(folder, "data_dir=PATH")
    require_room(folder, needs.disk_bytes, f"the data of task {task.name}", "data_dir=PATH")
    if needs.address:
        _require_answer(task.name, needs.address)


def require_disk(config: Config) -> None:
    """Raises ConfigError where a campaign would soon stand still for want of disk."""
    require_room(Path(config.campaigns_dir), CAMPAIGN_BYTES, "a campaign", "campaigns_dir=PATH")


def require_room(folder: Path, wanted: float, what: str, key: str) -> None:
    """Raises ConfigError where the disk of ``folder`` has less than ``wanted`` bytes free. what: needs them.
    key: chooses another place.
    """
    place = existing(folder)
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise ConfigError(
            f"{what} needs {size(wanted)} of disk, and {size(free)} are free at {place}",
            f"Make room, or choose another disk: {key}.",
        )


def require_writable(folder: Path, key: str) -> None:
    """Raises ConfigError where a folder cannot be made or written to. key: what chooses another."""
    place = existing(folder)
    if not place.is_dir():
        raise ConfigError(f"{place} is not a folder", f"Move it away, or choose another: {key}.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write in {place}", f"Choose a folder you can write to: {key}.")


def require_parts(layout: Layout) -> None:
    """Raises ConfigError where something else lies in the place of a part of the campaign's folder, or a part
    cannot be written to.
    """
    for path in (*layout.folders, *layout.files, layout.repository):
        if not os.path.lexists(path):
            continue
        wanted, there = ("file", path.is_file()) if path in layout.files else ("folder", path.is_dir())
        if (path != layout.repository and not there) or not path.exists():
            raise ConfigError(
                f"{path} is not a {wanted}", "Move it away: it is in the place of one of the campaign's."
            )
        if path in (layout.repository, layout.secret):
            continue  # they are asked for by themselves
        if not os.access(path, os.W_OK | (os.X_OK if there and wanted == "folder" else os.R_OK)):
            raise ConfigError(
                f"cannot write to {path}",
                f"Start as the user that owns it, or `chown -R {os.getuid()} {layout.folder}`.",
            )


def existing(folder: Path) -> Path:
    """It, or the nearest above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _require_answer(task: str, address: str) -> None:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=REACH_SECONDS):
            return
    except urllib.error.HTTPError:
        return  # it answers
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise ConfigError(
            f"the data of task {task} is not here, and {address} does not answer: {why}",
            "Check the network and the proxy (https_proxy), or copy the prepared folder from another machine:"
            f" `autoswarm prepare --task {task}` makes it there.",
        ) from None
