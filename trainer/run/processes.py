"""The two processes of a run: the judge, and the variant that talks to it over a socket pair.

The scratch folder holds a folder for each. A variant's stays ours and holds its home; where it has a uid of
its own only that may pass through. What keeps a hostile variant in its home is the sandbox that the result
names.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from evaluator.job import JudgeJob
from evaluator.judging.wire import pair
from trainer.process import cgroups
from trainer.process.cgroups import Bound, ControlGroup
from trainer.process.environment import ROOT, our_environment, variant_environment
from trainer.process.scratch import remove_folder
from trainer.process.spawn import Program, spawn
from trainer.run.job import SupervisorJob
from trainer.sandbox.confine import start
from trainer.sandbox.gpu import device_nodes, installed_gpus
from trainer.sandbox.identity import recorded, sweep
from trainer.sandbox.limits import PROCESSES, memory_bound
from trainer.sandbox.tier import Tier
from trainer.sandbox.view import view_of
from trainer.sandbox.watch import Bounds, Watch

LOG_PIPE = 1 << 20
"""Bytes the log pipe holds: the most an unprivileged process may ask for, so that a flood needs few
wake-ups.
"""

VARIANT = "variant"
"""Name of the live variant among the processes of a run."""

TWIN = "twin"
"""Name of the twin among them."""
HOME = "home"
"""In the folder of that name."""

LAUNCHER = ROOT / "trainer" / "run" / "launch.py"
"""First code of every variant's process."""

JUDGE_LOG = "judge.log"
"""Name in the run's directory, if the judge wrote anything."""


class Started(Struct, frozen=True):
    """A process that waits for the text of its surface."""

    pid: int

    surface: int
    """Where that is written."""


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

    group: ControlGroup | None = None
    """Of all that runs the surface, with a child for each of its names; None where there can be none."""


def start_processes(job: SupervisorJob) -> Processes:
    """Lay out the scratch folder and start the judge, then the variant. Raises OSError."""
    group = cgroups.make(job.scratch.name, (VARIANT, TWIN), _bound(job))
    _lay_out_judge(job, group)
    (judge_end, variant_end), (second_end, twin_end) = pair(), pair()
    log, log_in = pipe(LOG_PIPE)
    report, report_in = pipe()
    with judge_end, variant_end, second_end, (job.order.directory / JUDGE_LOG).open("wb") as judge_log:
        judge = spawn(_judge(job, (judge_end.fileno(), second_end.fileno(), report_in), judge_log.fileno()))
        variant = start_variant(job, VARIANT, variant_end.fileno(), log_in)
    os.close(log_in)
    os.close(report_in)
    hand_surface(job, variant)
    return Processes(judge, variant.pid, log, report, twin_end.detach(), group)


def _bound(job: SupervisorJob) -> Bound:
    return Bound(memory=memory_bound(job.slot.machine_share), processes=PROCESSES)


def group_of(job: SupervisorJob) -> ControlGroup | None:
    """The run's control group, if it has one."""
    return cgroups.find(job.scratch.name)


def remove_group(job: SupervisorJob) -> None:
    """End what the run's control group still holds and remove it."""
    if group := group_of(job):
        group.remove()


def start_variant(job: SupervisorJob, name: str, fd: int, log: int, modules: Sequence[str] = ()) -> Started:
    """Start a process for the run's surface, in a sandbox and a scratch home of its own, that runs only our
    launcher until it is handed that; may be called more than once in a run. Raises OSError.

    name: of its folder, unique in the run. fd: its end of the judge's socket, the one descriptor it inherits.
    log: what it writes goes there. modules: what it imports before it waits.
    """
    home = _lay_out_home(job, name)
    view = view_of(home, LAUNCHER, device_nodes(job.slot.gpu, installed_gpus()))
    group = group_of(job)
    text, surface = os.pipe()
    program = _variant(job, home, (fd, text, log), modules, group.child(name).path if group else None)
    try:
        return Started(start(job.sandbox, program, view, job.scratch), surface)
    except OSError:
        os.close(surface)
        raise
    finally:
        os.close(text)


def hand_surface(job: SupervisorJob, to: Started) -> None:
    """Give a process that waits for it the surface; nothing happens to one that has ended."""
    with suppress(BrokenPipeError), os.fdopen(to.surface, "wb") as pipe:
        pipe.write(job.order.source.encode())


def remove_home(job: SupervisorJob, name: str) -> bool:
    """Remove the folder of a variant of which no process is left, and what it could leave elsewhere. Returns
    whether it is gone.
    """
    try:
        sweep(recorded(job.scratch))
        return remove_folder(job.scratch / name)
    except OSError:
        return False


def watch_over(job: SupervisorJob, name: str, pid: int) -> Watch:
    """A watch over the variant started under that name, for what its sandbox does not bound by itself."""
    group = group_of(job)
    return Watch(
        pid,
        None if job.sandbox.tier is Tier.A else job.scratch / name,
        Bounds(memory=memory_bound(job.slot.machine_share)),
        group.child(name) if group else None,
    )


def _lay_out_judge(job: SupervisorJob, group: ControlGroup | None) -> None:
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
        cpu_stat=group.child(VARIANT).cpu_stat if group else None,
        twin_cpu_stat=group.child(TWIN).cpu_stat if group else None,
    )
    _judge_job_path(job).write_bytes(msgspec.json.encode(judge_job, enc_hook=str))


def _lay_out_home(job: SupervisorJob, name: str) -> Path:
    home = job.scratch / name / HOME
    for folder in (home.parent, home, home / "tmp", home / "cache"):
        folder.mkdir(mode=0o700)
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


def _variant(
    job: SupervisorJob,
    home: Path,
    ends: tuple[int, int, int],
    modules: Sequence[str],
    group: Path | None,
) -> Program:
    """ends: of the judge's socket, of the pipe the surface comes from, of its log."""
    judge, text, log = ends
    return Program(
        command=[sys.executable, "-u", "-S", "-P", str(LAUNCHER), str(home / job.surface), *modules],
        environment=variant_environment(os.environ, job.slot, home, judge),
        folder=home,
        input=text,
        output=log,
        errors=log,
        inherit=(judge,),
        expendable=True,
        cgroup=group,
    )
