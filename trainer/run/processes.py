"""The two processes of a run: the judge, and the variant that talks to it over a socket pair.

The scratch folder holds a folder for each. What keeps a hostile variant in its own is the sandbox that the
result names.
"""

import fcntl
import os
import shutil
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from evaluator.job import JudgeJob
from evaluator.judging.wire import pair
from trainer.process.environment import ROOT, our_environment, variant_environment
from trainer.process.spawn import Program, spawn
from trainer.run.job import SupervisorJob
from trainer.sandbox.confine import start
from trainer.sandbox.gpu import device_nodes, installed_gpus
from trainer.sandbox.tier import Tier
from trainer.sandbox.view import view_of
from trainer.sandbox.watch import Bounds, Watch

LOG_PIPE = 1 << 20
"""Bytes the log pipe holds: the most an unprivileged process may ask for, so that a flood needs few
wake-ups.
"""

VARIANT = "variant"
"""Name of the live variant among the processes of a run."""

LAUNCHER = ROOT / "trainer" / "run" / "launch.py"
"""First code of every variant's process."""

JUDGE_LOG = "judge.log"
"""Name in the run's directory, if the judge wrote anything."""


class Processes(Struct, frozen=True):
    """Pids, and the ends of pipes we read, not blocking."""

    judge: int
    variant: int

    log: int
    """What the variant writes."""

    report: int
    """What the judge says."""

    twin: int
    """The twin's end of its socket."""


def start_processes(job: SupervisorJob) -> Processes:
    """Lay out the scratch folder and start the judge, then the variant. Raises OSError."""
    _lay_out_judge(job)
    (judge_end, variant_end), (second_end, twin_end) = pair(), pair()
    log, log_in = pipe(LOG_PIPE)
    report, report_in = pipe()
    with judge_end, variant_end, second_end, (job.order.directory / JUDGE_LOG).open("wb") as judge_log:
        judge = spawn(_judge(job, (judge_end.fileno(), second_end.fileno(), report_in), judge_log.fileno()))
        variant = start_variant(job, VARIANT, variant_end.fileno(), log_in)
    os.close(log_in)
    os.close(report_in)
    return Processes(judge, variant, log, report, twin_end.detach())


def start_variant(job: SupervisorJob, name: str, fd: int, log: int) -> int:
    """Start the run's surface in a sandbox and a scratch home of its own; may be called more than once in a
    run. Returns its pid; raises OSError.

    name: of its home, unique in the run. fd: its end of the judge's socket, the one descriptor it inherits.
    log: what it writes goes there.
    """
    home = _lay_out_home(job, name)
    view = view_of(home, LAUNCHER, device_nodes(job.slot.gpu, installed_gpus()))
    return start(job.sandbox, _variant(job, home, fd, log), view, job.scratch)


def watch_over(job: SupervisorJob, name: str, pid: int) -> Watch:
    """A watch over the variant started under that name, for what its sandbox does not bound by itself."""
    return Watch(pid, None if job.sandbox.tier is Tier.A else job.scratch / name, Bounds())


def _lay_out_judge(job: SupervisorJob) -> None:
    order = job.order
    (job.scratch / "judge").mkdir(mode=0o700)
    judge_job = JudgeJob(
        run=order.run,
        data=job.data,
        budget=order.budget,
        seed=order.seed,
        audit=order.audit,
        baseline=order.baseline,
        blocks=order.blocks,
        cores=job.slot.cores,
    )
    _judge_job_path(job).write_bytes(msgspec.json.encode(judge_job, enc_hook=str))


def _lay_out_home(job: SupervisorJob, name: str) -> Path:
    home = job.scratch / name
    for folder in (home, home / "tmp", home / "cache"):
        folder.mkdir(mode=0o700)
    (home / job.surface).write_text(job.order.source, encoding="utf-8")
    shutil.copyfile(job.shim, home / "prepare.py")
    return home


def _judge_job_path(job: SupervisorJob) -> Path:
    return job.scratch / "judge" / "job.json"


def pipe(size: int = 0) -> tuple[int, int]:
    """A pipe that is read without blocking, for children to write into. size: bytes it holds, where that can
    be chosen.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if size and sys.platform == "linux":
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, size)
    return reading, writing


def _judge(job: SupervisorJob, ends: tuple[int, int, int], log: int) -> Program:
    """ends: of the variant's socket, of the twin's, and of the pipe it reports on."""
    variant, twin, report = map(str, ends)
    arguments = [str(_judge_job_path(job)), "--variant-fd", variant, "--twin-fd", twin, "--report-fd", report]
    return Program(
        command=[sys.executable, "-P", "-m", job.judge_module, *arguments],
        environment=our_environment(os.environ, job.scratch / "judge"),
        folder=job.scratch / "judge",
        output=log,
        errors=log,
        inherit=ends,
    )


def _variant(job: SupervisorJob, home: Path, judge: int, log: int) -> Program:
    return Program(
        command=[sys.executable, "-u", "-S", "-P", str(LAUNCHER), str(home / job.surface)],
        environment=variant_environment(
            os.environ, job.slot, home, judge, counted=job.order.budget.unit.deterministic
        ),
        folder=home,
        output=log,
        errors=log,
        inherit=(judge,),
        expendable=True,
    )
