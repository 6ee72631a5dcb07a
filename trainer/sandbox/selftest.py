"""Enters a sandbox once, to see whether it can be done: ``python -m trainer.sandbox.selftest [FOLDER]``, a
``Sandbox`` as JSON on stdin.

A process of its own, because its caller may have threads and must not fork. Starts this Python, as a
variant's would be started, with nothing to do; exit code 0 when that ended well, else what was said about it
is on stderr.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from trainer.process.environment import ROOT, small_environment
from trainer.process.spawn import Program
from trainer.sandbox.confine import exit_code, start
from trainer.sandbox.tier import Sandbox
from trainer.sandbox.view import view_of

SECONDS = 10.0
"""A trial takes a tenth of one; a machine where it takes this long is not going to be quick later."""


def try_out(sandbox: Sandbox, scratch: Path | None) -> str:
    """Why ``sandbox`` cannot be entered with a home in ``scratch`` (None: the system's temporary folder), in
    one line; empty when it can.
    """
    environment = small_environment(os.environ) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "trainer.sandbox.selftest", *([str(scratch)] if scratch else [])]
    try:
        ended = subprocess.run(
            command,
            input=msgspec.json.encode(sandbox),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be tried: {error}"
    words = ended.stderr.decode(errors="replace").strip().splitlines()
    return "" if ended.returncode == 0 else (words[-1] if words else f"it ended with {ended.returncode}")


def enter(sandbox: Sandbox, scratch: Path) -> int:
    """Start a Python that does nothing in ``sandbox`` and wait for it. Returns its exit code."""
    home = scratch / "variant"
    home.mkdir(mode=0o700)
    program = Program(
        command=[sys.executable, "-S", "-P", "-c", ""],
        environment={},
        folder=home,
        output=2,
        errors=2,
        inherit=(),
    )
    pid = start(sandbox, program, view_of(home, ROOT / "trainer" / "run" / "launch.py"), scratch)
    return exit_code(sandbox, os.waitpid(pid, 0)[1])


def main() -> None:
    """Entry of the process."""
    sandbox = msgspec.json.decode(sys.stdin.buffer.read(), type=Sandbox)
    parent = sys.argv[1] if sys.argv[1:] else None
    with tempfile.TemporaryDirectory(prefix="autoswarm-", dir=parent) as scratch:
        sys.exit(0 if enter(sandbox, Path(scratch).resolve()) == 0 else 1)


if __name__ == "__main__":
    main()
