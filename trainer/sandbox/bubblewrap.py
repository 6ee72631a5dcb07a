"""The command line of bubblewrap for a variant. Pure: a view in, arguments out.

- Every namespace bubblewrap has; the network namespace holds nothing but a loopback of its own, on which
  seccomp allows no socket.
- The root is an empty tmpfs. What the view names is bound read-only at its own place; the home is a tmpfs of
  bounded size over which ``prepare`` is bound, and to which the launcher writes the surface; nothing that is
  written there ever is on a disk.
- ``--disable-userns`` keeps it from making namespaces of its own, ``--new-session`` from typing into a
  terminal.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from trainer.sandbox.view import View


class Wrapped(Struct, frozen=True, kw_only=True):
    """What is to run inside."""

    command: Sequence[str]
    environment: Mapping[str, str]

    files: Sequence[Path]
    """Files and packages of the home, bound read-only."""

    filter_fd: int
    """Inherited descriptor of a seccomp program."""


def bubblewrap_arguments(program: str, view: View, inside: Wrapped, scratch_bytes: int) -> list[str]:
    """The whole command, ``program`` first. ``inside.command`` gets the environment named here and no other.

    scratch_bytes: most it may keep in its home, and as much again in /tmp and /dev/shm together; what is not
    used takes no memory.
    """
    return [
        program,
        *_namespaces(),
        *_file_system(view, inside.files, scratch_bytes),
        *_environment(inside.environment),
        *("--chdir", str(view.home)),
        *("--seccomp", str(inside.filter_fd)),
        "--",
        *inside.command,
    ]


def _namespaces() -> list[str]:
    kinds = ["user", "pid", "net", "ipc", "uts"]
    return [
        *(f"--unshare-{kind}" for kind in kinds),
        "--unshare-cgroup-try",
        "--disable-userns",
        *("--hostname", "variant"),
        *("--cap-drop", "ALL"),
        "--die-with-parent",
        "--new-session",
    ]


def _file_system(view: View, files: Iterable[Path], scratch_bytes: int) -> list[str]:
    small = str(scratch_bytes // 2)
    return [
        *("--perms", "1777", "--size", small, "--tmpfs", "/tmp"),  # noqa: S108 it is private; first, because code may lie below it
        *_each("--ro-bind", (path for path in view.code if not path.is_symlink())),
        *_links(view.code),
        *_each("--ro-bind", (path for path in view.read if path.parts[1] != "proc")),
        *("--proc", "/proc"),
        *("--dev", "/dev"),
        *_each("--dev-bind", (path for path in view.nodes if path.name.startswith("nvidia"))),
        *("--size", small, "--tmpfs", "/dev/shm"),  # noqa: S108 it is private too
        *("--perms", "0700", "--size", str(scratch_bytes), "--tmpfs", str(view.home)),
        *_each("--ro-bind", files),
        *("--dir", str(view.home / "tmp")),
        *("--dir", str(view.home / "cache")),
        *("--remount-ro", "/"),
    ]


def _each(option: str, paths: Iterable[Path]) -> list[str]:
    return [argument for path in paths for argument in (option, str(path), str(path))]


def _links(paths: Iterable[Path]) -> list[str]:
    """Folders that are links to others, such as /bin to /usr/bin."""
    return [
        argument
        for path in paths
        if path.is_symlink()
        for argument in ("--symlink", str(path.readlink()), str(path))
    ]


def _environment(environment: Mapping[str, str]) -> list[str]:
    return [
        "--clearenv",
        *(argument for name, value in environment.items() for argument in ("--setenv", name, value)),
    ]
