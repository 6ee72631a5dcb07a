"""Starting a program inside a sandbox: what each tier is made of, put together.

- Everything that can be prepared is prepared before the fork; between fork and exec there are only system
  calls.
- The order in the new process is: bind mounts, uid, limits, no new privileges, Landlock, seccomp. Each
  needs what the next takes away.
- A variant never runs as root with capabilities: with no uid of its own it keeps the uid and loses them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from trainer.process.spawn import Program, spawn
from trainer.sandbox import identity, landlock, seccomp
from trainer.sandbox.bind_mounts import Mounted, behind, mount_all, timed
from trainer.sandbox.bubblewrap import Wrapped, bubblewrap_arguments
from trainer.sandbox.gpu import visible_inside
from trainer.sandbox.limits import COUNT_LIMIT, FILE_LIMITS, scratch_bytes, set_limits
from trainer.sandbox.tier import Sandbox, Tier
from trainer.sandbox.view import View

VISIBLE = "CUDA_VISIBLE_DEVICES"

SHELL_SIGNAL = 128
"""What bubblewrap adds to a signal's number to make an exit code, as shells do."""

NO_WORKERS = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
"""Where there is no /dev/shm, a pool of compile workers could not even make its locks."""


class _Steps(Struct, frozen=True, kw_only=True):
    """What the new process does to itself."""

    uid: int | None
    mounts: dict[Path, list[Path]]
    quiet: list[Mounted]
    limits: dict[int, int]
    view: View

    landlock: int = 0
    """ABI, 0 for none."""

    filter: bytes = b""

    wrapped: bool = False
    """It becomes bubblewrap, which needs what root can do and drops it itself."""

    def take(self) -> None:
        """Confine this process. Raises OSError."""
        os.umask(0o022)
        mount_all(self.mounts, self.quiet)
        set_limits(self.limits)
        if self.uid is not None:
            identity.become(self.uid)
        elif not self.wrapped:
            identity.drop_capabilities()
        seccomp.forbid_new_privileges()
        if self.landlock:
            landlock.enter(self.view, self.landlock)
        if self.filter:
            seccomp.load(self.filter)


def start(sandbox: Sandbox, program: Program, view: View, scratch: Path) -> int:
    """Start ``program`` confined, its home being ``view.home`` in ``scratch``. Returns its pid, or
    bubblewrap's. Raises OSError.
    """
    if sandbox.tier is Tier.F:
        return spawn(structs.replace(program, confine=lambda: set_limits(FILE_LIMITS)))
    uid = _uid_for(sandbox, view.home, scratch) if sandbox.own_uid else None
    if sandbox.tier is Tier.A:
        return _start_wrapped(sandbox, program, view, uid)
    return spawn(_with_steps(sandbox, program, view, uid))


def _uid_for(sandbox: Sandbox, home: Path, scratch: Path) -> int:
    uid = identity.fresh_uid()
    if sandbox.tier is Tier.D:
        identity.record(scratch, uid)  # the other tiers let it leave nothing that would have to be looked for
    identity.give(home, uid)
    if home.parent != scratch:
        identity.let_through(home.parent, uid)
    scratch.chmod(0o711)  # it may pass through, not look
    return uid


def _with_steps(sandbox: Sandbox, program: Program, view: View, uid: int | None) -> Program:
    if sandbox.landlock:
        landlock.supported_abi()  # loads what must not be loaded after the fork
    environment = {**program.environment, **(NO_WORKERS if sandbox.landlock else {})}
    return structs.replace(
        program,
        environment=environment,
        confine=_steps(view, uid, landlock=sandbox.landlock, filter=sandbox.filter).take,
    )


def _steps(view: View, uid: int | None, **others: Any) -> _Steps:
    # the folder above the home is open to this uid, and to no other
    paths = [*view.code, *view.read, view.home.parent]
    wrapped = bool(others.get("wrapped"))
    return _Steps(
        uid=uid,
        mounts={} if uid is None else behind(paths),
        quiet=[] if uid is None or wrapped else timed(paths, Path("/proc/self/mountinfo").read_text()),
        limits=FILE_LIMITS if uid is None else FILE_LIMITS | COUNT_LIMIT,
        view=view,
        **others,
    )


def _start_wrapped(sandbox: Sandbox, program: Program, view: View, uid: int | None) -> int:
    with _readable(sandbox.filter) as filter_fd:
        files = sorted(path for path in view.home.iterdir() if _is_code(path))
        environment = {**program.environment, VISIBLE: visible_inside(program.environment.get(VISIBLE))}
        inside = Wrapped(command=program.command, environment=environment, files=files, filter_fd=filter_fd)
        wrapped = structs.replace(
            program,
            command=bubblewrap_arguments(sandbox.bubblewrap, view, inside, scratch_bytes()),
            environment={},
            inherit=(*program.inherit, filter_fd),
            confine=_steps(view, uid, wrapped=True).take,
        )
        return spawn(wrapped)


def _is_code(path: Path) -> bool:
    """Whether it is a file or a package: the other folders of a home are empty ones to write to."""
    return path.is_file() or (path / "__init__.py").is_file()


def exit_code(sandbox: Sandbox, status: int) -> int:
    """Exit code of what was started in ``sandbox``, negative for a signal. status: as from ``os.wait`` for
    the pid that ``start`` returned.
    """
    code = os.waitstatus_to_exitcode(status)
    return SHELL_SIGNAL - code if sandbox.tier is Tier.A and code > SHELL_SIGNAL else code


@contextmanager
def _readable(content: bytes) -> Iterator[int]:
    """A descriptor ``content`` can be read from, once."""
    descriptor = os.memfd_create("filter")
    try:
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
