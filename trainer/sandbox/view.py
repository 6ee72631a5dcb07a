"""What a variant may see of the machine: a list of folders and files, the same for namespaces and for
Landlock.

- Code is read-only: the Python it runs in, the packages it imports, the system's libraries and compilers.
- Nothing of the swarm is in it but the launcher: no data, no campaign, no other run's scratch, no home
  folder.
- Pure but for looking which paths exist.
"""

import os
import site
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from trainer.sandbox.gpu import DEVICE_FILES, DRIVER_FILES

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
"""Programs and libraries of the distribution."""

SETTINGS = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/OpenCL",
    "/etc/vulkan",
)
"""Of /etc: what the linker, compilers and the clock read. No names of users, no hosts, no keys."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

PROCESSOR = ("/sys/devices/system/cpu", "/sys/devices/system/node")
"""Read by torch and OpenMP to count cores and caches."""

MACHINE = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm",
    "/proc/sys/kernel/random",
)
"""Facts of the machine in a /proc that shows other processes too."""


class View(Struct, frozen=True, kw_only=True):
    """What one variant sees."""

    home: Path
    """Its own folder, the one place it may write."""

    code: tuple[Path, ...]
    """To read and execute."""

    read: tuple[Path, ...]
    """To read."""

    nodes: tuple[Path, ...]
    """Devices, to read and write."""


def view_of(
    home: Path, launcher: Path, nodes: Iterable[Path] = (), environment: Mapping[str, str] = os.environ
) -> View:
    """The view of a variant with that home. nodes: of its GPU; with any, what /sys says of devices and the
    driver's files are in view as well.
    """
    gpu = tuple(nodes)
    return View(
        home=home,
        code=existing([*SYSTEM, *python_folders(), *_library_folders(environment), launcher]),
        read=existing([*SETTINGS, *((*DEVICE_FILES, *DRIVER_FILES) if gpu else PROCESSOR)]),
        nodes=(*existing(DEVICES), *gpu),
    )


def python_folders() -> list[str]:
    """Folders this Python and its packages lie in."""
    return [sys.base_prefix, sys.prefix, *site.getsitepackages()]


def _library_folders(environment: Mapping[str, str]) -> list[str]:
    """Where the GPU driver or a compiler's libraries lie, if the environment says so."""
    return [
        folder
        for folder in environment.get("LD_LIBRARY_PATH", "").split(os.pathsep)
        if Path(folder).is_absolute()
    ]


def existing(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    """Those that exist, once each, without what lies in a folder named before. A link counts as itself, not
    as what it leads to.
    """
    kept: list[Path] = []
    for path in map(Path, paths):
        if path.exists() and not any(path == parent or path.is_relative_to(parent) for parent in kept):
            kept.append(path)
    return tuple(kept)
