"""Which folders modules are imported from, in which order, whatever folder a command is typed in.

The standard library comes first, then our packages, then installed ones, and what a shell names
(``PYTHONPATH``, the current folder) last: there may lie a ``configs``, a ``torch.py`` or a ``logging.py`` of
the user's. It is not left out, for a package may be installed there alone.

Imports nothing that a user's folder could have in its place: ``os``, ``site`` and ``sys`` are part of the
interpreter itself.
"""

from __future__ import annotations

import os
import site
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Folder that our packages are imported from."""

STANDARD = os.path.dirname(os.path.abspath(os.__file__))

AGAIN = "AUTOSWARM_STARTED_AGAIN"
"""Variable that keeps a command from starting itself again more than once."""

SPAWNED = "--multiprocessing-fork"
"""In the command line of every process that multiprocessing begins (``multiprocessing.spawn.is_forking``)."""

BY_SITE = {"sitecustomize", "usercustomize"}
"""Modules that are meant to be a user's."""


def settle() -> None:
    """Put the import path of this process, and of all it starts, in order. Where a user's folder has already
    given a module in the place of an installed one, the command is started again.

    Leaves no standard stream closed, for what is opened next would get its number.
    """
    open_streams()
    first, last = ordered(sys.path, shell_folders(os.environ, sys.path))
    sys.path[:] = [*first, *last]
    if "PYTHONPATH" in os.environ:
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    again = os.environ.pop(AGAIN, None)
    if again is None and not is_spawned() and given_by(sys.modules, last):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), AGAIN: "1"}
        command = [sys.executable, "-P", os.path.join(HOME, "autoswarm", "__main__.py"), *sys.argv[1:]]
        os.execve(sys.executable, command, environment)


def is_spawned() -> bool:
    """Whether multiprocessing began this process, with the import path of another of ours: it is to do what
    it was begun for, not the command once more.
    """
    return SPAWNED in sys.orig_argv


def shell_folders(environment: Mapping[str, str], path: Sequence[str]) -> set[str]:
    """Folders of the path that are there because of the shell: of PYTHONPATH, and the first where that is the
    script's or the current one.
    """
    named = environment.get("PYTHONPATH", "").split(os.pathsep)
    return {_absolute(name) for name in (*named, *([] if sys.flags.safe_path else path[:1]))}


def ordered(path: Iterable[str], named: set[str]) -> tuple[list[str], list[str]]:
    """The folders of an import path in two parts, once each: those of the installation, and those of the
    shell. named: absolute.
    """
    folders = list(dict.fromkeys(_absolute(folder) for folder in path))
    standard = [folder for folder in folders if _is_standard(folder)]
    installed = [
        folder for folder in folders if (folder not in named or folder in _sites()) and folder != HOME
    ]
    first = list(dict.fromkeys([*standard, HOME, *installed]))
    return first, [folder for folder in folders if folder not in first]


def given_by(modules: Mapping[str, ModuleType], folders: Iterable[str]) -> list[str]:
    """Modules without a dot in their name that lie in one of the folders."""
    where = set(folders)
    return [
        name
        for name, module in dict(modules).items()
        if "." not in name and name not in BY_SITE | {"__main__"} and _folder(module) in where
    ]


def open_streams() -> None:
    """Open what of stdin, stdout and stderr is closed, on nothing. What a terminal has no letter for is shown
    as ``?``: an arrow in a title must end no command.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        elif (reconfigure := getattr(getattr(sys, name), "reconfigure", None)) is not None:
            reconfigure(errors="replace")


def _folder(module: ModuleType) -> str:
    """Folder that a module was found in; empty for one of the interpreter itself."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return ""
    folder, name = os.path.split(os.path.abspath(file))
    return os.path.dirname(folder) if name.startswith("__init__.") else folder


def _is_standard(folder: str) -> bool:
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    return folder in (STANDARD, os.path.join(STANDARD, "lib-dynload")) or os.path.basename(folder) == archive


def _sites() -> set[str]:
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return {os.path.abspath(folder) for folder in (*site.getsitepackages(), *own)}


def _absolute(folder: str) -> str:
    try:
        return os.path.abspath(folder)
    except FileNotFoundError:  # the current folder is gone
        return folder
