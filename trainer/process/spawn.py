"""Starting a process from a process with one thread: by fork and exec, so that things can be set between the
two.

Python marks its file descriptors as not inheritable; a child gets the three standard ones and those it is
given by number, nothing else.
"""

import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from trainer.process import cgroups
from trainer.process.descendants import die_with

FIRST_TO_GO = 1000
"""oom_score_adj of a variant: when the machine runs out of memory the kernel takes it, not its neighbours."""


class Program(Struct, frozen=True, kw_only=True):
    """What to start."""

    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    output: int
    errors: int

    inherit: Sequence[int]
    """Descriptors it keeps under their numbers."""

    expendable: bool = False
    """The kernel's first choice when memory runs out."""

    input: Path | int = Path(os.devnull)
    """Its stdin: a file, or a descriptor."""

    cgroup: Path | None = None
    """Folder of the control group that it enters before anything else, and with it all that it starts."""

    confine: Callable[[], None] | None = None
    """The last thing done in the new process before it becomes the command; what it raises as OSError ends
    the process with 127.
    """


def spawn(program: Program) -> int:
    """Start ``program`` in a session of its own, to die with this process. Returns its pid. A command that
    cannot be run exits with 127.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(program, parent)
    return pid


def _become(program: Program, parent: int) -> NoReturn:
    try:
        os.setsid()
        die_with(parent)
        if program.cgroup:
            cgroups.enter(program.cgroup)
        _limit(program)
        _plug(program)
        signal.signal(
            signal.SIGPIPE, signal.SIG_DFL
        )  # Python ignores it, and what is ignored stays so over an exec
        if program.confine:
            program.confine()
            die_with(parent)  # another uid forgets it
        os.chdir(program.folder)
        os.execve(program.command[0], program.command, program.environment)
    except OSError as error:
        os.write(2, f"{program.command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _limit(program: Program) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    score = Path("/proc/self/oom_score_adj")
    if program.expendable and score.exists():
        score.write_text(str(FIRST_TO_GO))


def _plug(program: Program) -> None:
    given = program.input if isinstance(program.input, int) else os.open(program.input, os.O_RDONLY)
    for number, descriptor in enumerate((given, program.output, program.errors)):
        os.dup2(descriptor, number)
    for descriptor in program.inherit:
        os.set_inheritable(descriptor, True)
