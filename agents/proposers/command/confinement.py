"""What a command does not see: bubblewrap gives it a view of the machine in which the campaigns, the data
they are judged on, files of keys and every temporary folder but its own are empty, and in which no process is
but its own.

All else is as it is for the person whose tool it is: HOME with its logins, other files, the network. So it
keeps out an agent that looks around, and is no wall against a program that attacks the machine;
docs/command.md says what is left.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from configs.errors import ConfigError
from trainer.process.environment import small_environment

AS_ANYBODY = ("--unshare-user", "--cap-drop", "ALL")
AS_ROOT = ((*AS_ANYBODY, "--cap-add", "CAP_SETFCAP"), ("--cap-drop", "ALL"))
"""Tried in this order. Without the one capability root could not map itself into a user namespace further
down, as coding agents' own sandboxes do; anybody else can, and bubblewrap inside would object to it. The
second is for root where there are no user namespaces. In none of them can a mount be taken away again.
"""
AS_SHELLS_DO = ("/bin/sh", "-c", 'exec "$@"', "sh")
"""Starts the command: 126 or 127 where it cannot be executed or is not there; bubblewrap itself says 1."""
TRY_SECONDS = 20.0

UNCONFINED = "or let the arm's command see all that you see: unconfined: true"
INSTALL = "Install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap) where agents live"
ALLOW = (
    "Allow user namespaces there (in a container: --security-opt seccomp=unconfined --security-opt"
    " systempaths=unconfined, or --cap-add SYS_ADMIN)"
)


class Confinement(Struct, frozen=True):
    """How commands are confined on this machine."""

    program: str
    """Bubblewrap's path."""

    way: tuple[str, ...]
    """Its options of namespaces and capabilities."""

    def wrapped(self, command: Sequence[str], hidden: Iterable[Path], own: Path, folder: Path) -> list[str]:
        """The command line that starts ``command`` in ``folder`` without sight of ``hidden``, as
        ``hidden_now`` gives it, but of ``own``, which may lie in there.
        """
        return [
            *(self.program, "--unshare-pid", "--die-with-parent", *self.way),
            *("--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
            *(word for path in hidden for word in _covered(path)),
            *("--bind", str(own), str(own), "--chdir", str(folder)),
            *("--", *AS_SHELLS_DO, *command),
        ]


def _covered(path: Path) -> tuple[str, ...]:
    return (
        ("--perms", "0700", "--tmpfs", str(path)) if path.is_dir() else ("--ro-bind", os.devnull, str(path))
    )


def confinement() -> Confinement:
    """The best way of this machine, entered once. Raises ConfigError where there is none."""
    if sys.platform != "linux":
        raise ConfigError("commands cannot be confined here: that needs Linux", f"Use Linux, {UNCONFINED}.")
    program = shutil.which("bwrap")
    if program is None:
        raise ConfigError(
            "commands cannot be confined: bubblewrap is not installed", f"{INSTALL}, {UNCONFINED}."
        )
    why = ""
    for way in AS_ROOT if os.getuid() == 0 else (AS_ANYBODY,):
        candidate = Confinement(program, way)
        refusal = _refusal(candidate)
        if not refusal:
            return candidate
        why = why or refusal
    raise ConfigError(f"commands cannot be confined here: {why}", f"{ALLOW}, {UNCONFINED}.")


def _refusal(candidate: Confinement) -> str:
    """Why it cannot be entered; empty where it can."""
    line = candidate.wrapped(["true"], hidden_now([Path(tempfile.gettempdir())]), Path("/usr"), Path("/"))
    try:
        ran = subprocess.run(
            line,
            env=small_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return "" if ran.returncode == 0 else words[0] if words else f"it ended with {ran.returncode}"


def hidden_now(paths: Iterable[Path]) -> list[Path]:
    """What of ``paths`` is there, without links and without what lies in another of them."""
    there = sorted({path.resolve() for path in paths if path.exists()})
    return [path for path in there if not any(other in path.parents for other in there)]


def in_the_way(hidden: Iterable[Path], needed: Iterable[Path]) -> tuple[Path, Path] | None:
    """The first of what a command needs that lies in something hidden, and that; None when all is well."""
    hides = list(hidden)
    return next(
        (
            (need, hide)
            for need in needed
            for hide in hides
            if hide in (need.resolve(), *need.resolve().parents, *need.absolute().parents)
        ),
        None,
    )
