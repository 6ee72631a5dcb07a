"""A cluster of one's own machines as its file for `ray up` describes it, and how each is told to leave it.

`ray down` ends Ray on the head alone when the machines are one's own; the workers' Ray waits for a head that
may come back, and agents and trainings go on with it.
"""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import Struct

from configs.errors import ConfigError
from configs.yaml_files import read_yaml

PORT = 6379
"""Of `ray start --head` that names none."""
CONNECT_SECONDS = 10
LEAVE_SECONDS = 90.0
"""For one machine to leave, the way there included."""
SSH = (
    "ssh",
    "-o BatchMode=yes",
    "-o StrictHostKeyChecking=no",
    "-o UserKnownHostsFile=/dev/null",
    "-o LogLevel=ERROR",
    f"-o ConnectTimeout={CONNECT_SECONDS}",
)
"""As `ray up` itself: hosts are known by the file, not by their keys."""


class OwnMachines(Struct, frozen=True):
    """A cluster."""

    head: str
    workers: list[str]
    user: str
    port: int = PORT
    key: str = ""
    """File of the private key; empty for ssh's own choice."""
    proxy: str = ""
    """Command that ssh connects through; empty for none."""

    @property
    def address(self) -> str:
        """Of the cluster."""
        return f"{self.head}:{self.port}"

    def command(self, host: str) -> list[str]:
        """What has ``host`` leave the cluster."""
        words = [word for option in SSH for word in option.split(" ", 1)]
        words += ["-i", str(Path(self.key).expanduser())] if self.key else []
        words += ["-o", f"ProxyCommand={self.proxy}"] if self.proxy else []
        leaving = f"source ~/.bashrc; autoswarm leave {self.address}"  # a login shell need not read it
        return [*words, f"{self.user}@{host}", f"bash --login -c -i '{leaving}'"]


class Told(Struct, frozen=True):
    """What a machine answered."""

    host: str
    ok: bool
    words: str


def own_machines(file: Path) -> OwnMachines:
    """The cluster that the file describes. Raises ConfigError for one of rented machines, and for what is no
    such file.
    """
    config = read_yaml(file)
    provider, auth = _section(config, "provider"), _section(config, "auth")
    if provider.get("type") != "local":
        raise ConfigError(
            f"{file}: provider.type is {provider.get('type')!r}, not local",
            "`ray down` ends rented machines with all that is on them.",
        )
    head, workers = provider.get("head_ip"), provider.get("worker_ips") or []
    names = [head, *workers] if isinstance(workers, list) else [None]
    if not all(isinstance(name, str) and re.fullmatch(r"[\w.:-]+", name) for name in names):
        raise ConfigError(
            f"{file}: provider.head_ip and worker_ips must be names or addresses of machines",
            "Fill them in, as for `ray up`.",
        )
    commands = " ".join(map(str, config.get("head_start_ray_commands") or []))
    port = re.search(r"--port[= ](\d+)", commands)
    return OwnMachines(
        head=str(head),
        workers=[str(name) for name in workers],
        user=str(auth.get("ssh_user") or "root"),
        port=int(port[1]) if port else PORT,
        key=str(auth.get("ssh_private_key") or ""),
        proxy=str(auth.get("ssh_proxy_command") or ""),
    )


def _section(config: dict[str, Any], name: str) -> dict[str, Any]:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def stop(machines: OwnMachines) -> list[Told]:
    """Have every machine leave: the head first, which would start the workers' Ray again, then all others at
    once.
    """
    first = _tell(machines, machines.head)
    with ThreadPoolExecutor(max_workers=32) as pool:
        return [first, *pool.map(lambda host: _tell(machines, host), machines.workers)]


def _tell(machines: OwnMachines, host: str) -> Told:
    try:
        done = subprocess.run(
            machines.command(host),
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=LEAVE_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Told(host, False, "ssh is not installed here")
    except subprocess.TimeoutExpired:
        return Told(host, False, f"no answer within {LEAVE_SECONDS:g} s")
    lines = [line for line in f"{done.stderr}\n{done.stdout}".splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("bash: ")] or lines
    return Told(host, done.returncode == 0, said[-1].strip() if said else f"exit code {done.returncode}")
