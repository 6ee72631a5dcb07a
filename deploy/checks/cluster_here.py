"""Whether there is a Ray cluster where the configuration says, asked without Ray."""

import os
import socket
from pathlib import Path

from configs.errors import ConfigError
from configs.schema import Config

ADDRESS = "RAY_ADDRESS"
"""Variable by which Ray is told where its cluster is."""
PROCESSES = Path("/proc")
SECONDS = 5.0
"""For a connection to the head."""


def require_cluster(config: Config) -> None:
    """Raises ConfigError where nothing answers at ``cluster.address``."""
    address = config.cluster.address
    named = os.environ.get(ADDRESS, "") if address == "auto" else address
    host, _, port = named.rpartition(":")
    if "://" in named or not port.isdecimal():
        there = address != "auto" or bool(named) or is_running()
        why = "no Ray is running on this machine"
    else:
        there, why = _answers(host.strip("[]"), int(port))
    if not there:
        raise ConfigError(f"no Ray cluster at {address}: {why}", "Run this on the head node, after `ray up`.")


def is_running(processes: Path = PROCESSES) -> bool:
    """Whether a node of a Ray lives on this machine, as Ray itself looks for one. True where that cannot be
    told.
    """
    if not (processes / "self").exists():
        return True
    return any(_is_node(folder / "cmdline") for folder in processes.iterdir() if folder.name.isdigit())


def _is_node(path: Path) -> bool:
    try:
        words = path.read_bytes()
    except OSError:
        return False
    return b"raylet" in words and b"--gcs-address=" in words


def _answers(host: str, port: int) -> tuple[bool, str]:
    try:
        with socket.create_connection((host, port), SECONDS):
            return True, ""
    except OSError as error:
        return False, error.strerror or str(error)
