"""What has to be so before Ray is imported, and while it starts. Imported first by all that import Ray.

- Ray reads its settings when it is imported; what a person has set stays.
- Ray tells its workers to import from the folder it is started in, before all others; that is ours for the
  moment of the start.
- Sockets lie in Ray's folder of temporary files, and their paths may have 107 bytes.
"""

import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from configs.errors import ConfigError
from deploy.packages import HOME

SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
    "RAY_worker_oom_score_adjustment": "0",
}
"""The last two: Ray's workers would run at niceness 15 and be the kernel's first choice when memory runs out,
and all that they start with them, coordinator and judge no less than the variant.
"""

LONGEST = 30
"""Bytes of a folder of temporary files: Ray adds up to 77 to it for the path of a socket."""

PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - Ray makes a folder of its own there
"""Where else Ray's files can lie."""

PROBE = bytes(1 << 16)
"""Is written and removed: a full disk takes no byte."""

ENTER = getattr(os, "O_PATH", os.O_RDONLY)
"""Opens a folder that may be entered and not read."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def prepare(environment: MutableMapping[str, str]) -> None:
    """Set what a person has not set."""
    for name, value in SETTINGS.items():
        environment.setdefault(name, value)
    if "RAY_TMPDIR" not in environment:
        folder = usable_folder([environment.get("TMPDIR", ""), *PLACES])
        environment["RAY_TMPDIR"] = folder or PLACES[0]
    keep_loopback_direct(environment)


def keep_loopback_direct(environment: MutableMapping[str, str]) -> None:
    """Let no connection within this machine go through a proxy. Nothing changes where none is set."""
    names = {name.lower() for name, value in environment.items() if value}
    if not names & {*PROXIES}:
        return
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [host.strip() for host in environment.get(name, "").split(",") if host.strip()]
        if "*" not in hosts:
            environment[name] = ",".join([*hosts, *(host for host in LOOPBACK if host not in hosts)])


def usable_folder(folders: Iterable[str]) -> str | None:
    """The first folder in which Ray's files can lie."""
    return next((folder for folder in folders if folder and problem_of(folder) is None), None)


def problem_of(folder: str) -> str | None:
    """Why Ray's files cannot lie in a folder, in words; None where they can."""
    if len(os.fsencode(folder)) > LONGEST:
        return f"has more than {LONGEST} bytes, too many for the sockets in it"
    if not Path(folder).is_absolute():
        return "is no absolute path"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(PROBE)
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return None


def require_folder_for_sockets(environment: Mapping[str, str]) -> None:
    """Raises ConfigError where Ray's files cannot lie where they would."""
    folder = environment.get("RAY_TMPDIR", PLACES[0])
    if (problem := problem_of(folder)) is not None:
        raise ConfigError(
            f"RAY_TMPDIR {folder} {problem}" if folder not in PLACES else f"{folder} {problem}",
            f"Set RAY_TMPDIR to a folder you can write to, with room and a path of at most {LONGEST} bytes.",
        )


@contextmanager
def started_here() -> Iterator[None]:
    """While Ray is started: in the folder of our packages, with a token that can be read."""
    back = os.open(".", ENTER | os.O_DIRECTORY)  # it may be gone, and have no name any more
    try:
        os.chdir(HOME)
        yield
    finally:
        os.fchdir(back)
        os.close(back)


@contextmanager
def own_token(environment: MutableMapping[str, str]) -> Iterator[None]:
    """A token for a Ray of our own, where the one at home can be neither read nor made."""
    if _has_token(environment):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="autoswarm-token-") as folder:
        path = Path(folder) / "auth_token"
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="utf-8")
        environment["RAY_AUTH_TOKEN_PATH"] = str(path)
        try:
            yield
        finally:
            del environment["RAY_AUTH_TOKEN_PATH"]


def _has_token(environment: Mapping[str, str]) -> bool:
    if environment.get("RAY_AUTH_TOKEN") or environment.get("RAY_AUTH_TOKEN_PATH"):
        return True
    if not environment.get("HOME"):
        return False
    folder = Path(environment["HOME"]) / ".ray"
    try:
        if (folder / "auth_token").exists():
            return bool((folder / "auth_token").read_bytes().strip())
        folder.mkdir(exist_ok=True)  # as Ray would; not its parents: a home that is not there is no home
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


prepare(os.environ)
