"""Has the memory of a run's GPU overwritten, by a process of ours, before anything foreign runs there.

It fails without consequence: what an earlier process left is then as far away as the driver keeps it, and
the result says so.
"""

import os
import signal
import sys
import time

from trainer.process.descendants import ended, send
from trainer.process.environment import our_environment
from trainer.process.spawn import Program, spawn
from trainer.run.job import SupervisorJob
from trainer.run.processes import pipe

LONGEST = 15.0
"""Seconds for it; a driver that takes longer has a fault that no retry repairs."""

LOOK = 0.005

OUTPUT_BYTES = 4096

Said = dict[str, float | str]


def scrub(job: SupervisorJob) -> Said:
    """Overwrite what is free on the slot's GPU, and say what came of it: bytes and seconds, or why not.
    Nothing where the slot has none. Raises OSError.
    """
    if not job.slot.gpu:
        return {}
    began = time.monotonic()
    reading, writing = pipe()
    pid = spawn(_program(job, job.slot.gpu, writing))
    os.close(writing)
    in_time = _wait(pid, began + LONGEST)
    said = _read(reading).strip()
    if in_time and said.isdigit():
        return {"scrub_bytes": float(said), "scrub_seconds": time.monotonic() - began}
    return {"scrub": said.splitlines()[-1][:200] if in_time and said else "it did not end in time"}


def _program(job: SupervisorJob, gpu: str, output: int) -> Program:
    return Program(
        command=[sys.executable, "-P", "-m", "trainer.sandbox.device_memory"],
        environment=our_environment(os.environ, job.scratch) | {"CUDA_VISIBLE_DEVICES": gpu},
        folder=job.scratch,
        output=output,
        errors=output,
        inherit=(),
    )


def _wait(pid: int, deadline: float) -> bool:
    """Whether a child ended by itself; it is reaped with the others."""
    while ended(pid) is None:
        if time.monotonic() > deadline:
            send(signal.SIGKILL, [pid])
            return False
        time.sleep(LOOK)
    return True


def _read(descriptor: int) -> str:
    try:
        return os.read(descriptor, OUTPUT_BYTES).decode(errors="replace")
    except BlockingIOError:
        return ""
    finally:
        os.close(descriptor)
