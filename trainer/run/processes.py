"""The two processes of a run: the judge, and the variant that talks to it over a socket pair.

The scratch folder holds a folder for each. A variant's stays ours and holds its home; where it has a uid of
its own only that may pass through. What keeps a hostile variant in its home is the sandbox that the result
names.
"""

import fcntl
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from evaluator.job import JudgeJob
from evaluator.judging.wire import pair
from trainer.process import cgroups, charged
from trainer.process.cgroups import Bound
from trainer.process.control_group import ControlGroup
from trainer.process.environment import ROOT, our_environment, variant_environment
from trainer.process.scratch import remove_folder
from trainer.process.spawn import Program, spawn
from trainer.run.job import SupervisorJob
from trainer.sandbox.confine import start
from trainer.sandbox.gpu import device_nodes, installed_gpus
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

MARK_BYTES = 16
"""Nobody guesses them."""

HOME = "home"
"""In the folder of that name."""

KILLED = 3.0
"""Seconds for what a group still holds to go."""

LAUNCHER = ROOT / "trainer" / "run" / "launch.py"
"""First code of every variant's process."""

JUDGE_LOG = "judge.log"
"""Name in the run's directory, if the judge wrote anything."""


class Started(Struct, frozen=True):
    """A process that waits for the text of its surface."""

    pid: int

    surface: int
    """Socket into which that goes; a standby says in it when it waits."""


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

    marks: tuple[bytes, bytes]
    """What the judge writes into the log before it shows validation rows, and where the run is looked at."""

    group: ControlGroup | None = None
    """Of all that runs the surface, with a child for each of its names; None where there can be none."""

    charged: bool = False
    """Whether the variant is charged with what it brings into the kernel's caches."""


def start_processes(job: SupervisorJob) -> Processes:
    """Lay out the scratch folder and start the judge, then the variant. Raises OSError."""
    group = cgroups.make(job.scratch.name, (VARIANT, TWIN), _bound(job))
    marks = secrets.token_bytes(MARK_BYTES), secrets.token_bytes(MARK_BYTES)
    charged.make(job.scratch.name, (VARIANT, TWIN))
    (judge_end, variant_end), (second_end, twin_end) = pair(), pair()
    log, log_in = pipe(LOG_PIPE)
    report, report_in = pipe()
    with judge_end, variant_end, second_end, (job.order.directory / JUDGE_LOG).open("wb") as judge_log:
        _lay_out_judge(job, group, log_in, marks)
        ends = (judge_end.fileno(), second_end.fileno(), report_in)
        judge = spawn(_judge(job, ends, log_in, judge_log.fileno()))
        variant = start_variant(job, VARIANT, variant_end.fileno(), log_in)
    os.close(log_in)
    os.close(report_in)
    taken = hand_surface(job, VARIANT, variant)
    return Processes(judge, variant.pid, log, report, twin_end.detach(), marks, group, taken)


def _bound(job: SupervisorJob) -> Bound:
    return Bound(memory=memory_bound(job.slot.machine_share), processes=PROCESSES)


def group_of(job: SupervisorJob) -> ControlGroup | None:
    """The run's control group, if it has one."""
    return cgroups.find(job.scratch.name)


def remove_group(job: SupervisorJob) -> None:
    """End what the run's control group still holds, have it give back what that brought into the kernel's
    caches, and remove it.
    """
    if group := group_of(job):
        group.kill(KILLED)
        for name in (VARIANT, TWIN):
            group.child(name).give_back()
        group.remove()


def start_variant(job: SupervisorJob, name: str, fd: int, log: int, arguments: Sequence[str] = ()) -> Started:
    """Start a process for the run's surface, in a sandbox and a scratch home of its own, that runs only our
    launcher until it is handed that; may be called more than once in a run. Raises OSError.

    name: of its folder, unique in the run. fd: its end of the judge's socket, the one descriptor it inherits.
    log: what it writes goes there. arguments: further ones of the launcher.
    """
    home = _lay_out_home(job, name)
    view = view_of(home, LAUNCHER, device_nodes(job.slot.gpu, installed_gpus()))
    group = group_of(job)
    ours, its = socket.socketpair()
    with ours, its:
        ends = home, (fd, its.fileno(), log), arguments
        program = _variant(job, *ends, group.child(name).path if group else None)
        pid = start(job.sandbox, program, view, job.scratch)
        return Started(pid, ours.detach())


def hand_surface(job: SupervisorJob, name: str, to: Started) -> bool:
    """Give a process that waits for it the surface, and charge it from now on with what it brings into the
    kernel's caches. Returns whether it is; nothing happens to one that has ended.
    """
    group = charged.find(job.scratch.name, name)
    taken = group is not None and group.take_in(to.pid)
    with socket.socket(fileno=to.surface) as surface, suppress(BrokenPipeError, ConnectionResetError):
        surface.sendall(job.order.source.encode())
    return taken


def remove_home(job: SupervisorJob, name: str) -> bool:
    """Remove the folder of a variant of which no process is left. Returns whether it is gone. What one in
    tier D leaves where everybody may write is looked for at the run's end: that can take minutes.
    """
    try:
        return remove_folder(job.scratch / name)
    except OSError:
        return False


def forget(job: SupervisorJob, name: str) -> int | None:
    """Have the kernel drop what a variant, of which no process is left, brought into its caches. Returns the
    bytes it kept; None where it was not charged with any.
    """
    group = charged.find(job.scratch.name, name)
    return group.empty() if group else None


def watch_over(job: SupervisorJob, name: str, pid: int, judge: int) -> Watch:
    """A watch over the variant started under that name, for what its sandbox does not bound by itself. judge:
    pid of the one process that is not its.
    """
    group = group_of(job)
    return Watch(
        pid,
        None if job.sandbox.tier is Tier.A else job.scratch / name,
        Bounds(memory=memory_bound(job.slot.machine_share)),
        group.child(name) if group else None,
        spare=[judge],
    )


def _lay_out_judge(
    job: SupervisorJob, group: ControlGroup | None, log: int, marks: tuple[bytes, bytes]
) -> None:
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
        log=log,
        mark=marks[0].hex(),
        look_at=order.early.at if order.early else 0.0,
        look_mark=marks[1].hex(),
    )
    _judge_job_path(job).write_bytes(msgspec.json.encode(judge_job, enc_hook=str))


def _lay_out_home(job: SupervisorJob, name: str) -> Path:
    home = job.scratch / name / HOME
    for folder in (home.parent, home, home / "tmp", home / "cache"):
        folder.mkdir(mode=0o700)
    shutil.copyfile(job.shim, home / "prepare.py")
    for path in job.beside:
        _put_beside(path, home / path.name)
    return home


def _put_beside(path: Path, copy: Path) -> None:
    """A copy that a variant with a uid of its own can read, whatever ours may."""
    if not path.is_dir():
        shutil.copyfile(path, copy)
        return
    shutil.copytree(path, copy, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))
    for below in (copy, *copy.rglob("*")):
        below.chmod(0o755 if below.is_dir() else 0o644)


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


def _judge(job: SupervisorJob, ends: tuple[int, int, int], marks: int, log: int) -> Program:
    """ends: of the variant's socket, of the twin's, and of the pipe it reports on. marks: the variant's log,
    in which it sets a mark.
    """
    variant, twin, report = map(str, ends)
    arguments = [str(_judge_job_path(job)), "--variant-fd", variant, "--twin-fd", twin, "--report-fd", report]
    return Program(
        command=[sys.executable, "-P", "-m", job.judge_module, *arguments],
        environment=our_environment(os.environ, job.scratch / "judge"),
        folder=job.scratch / "judge",
        output=log,
        errors=log,
        inherit=(*ends, marks),
    )


def _variant(
    job: SupervisorJob,
    home: Path,
    ends: tuple[int, int, int],
    arguments: Sequence[str],
    group: Path | None,
) -> Program:
    """ends: of the judge's socket, of the pipe the surface comes from, of its log."""
    judge, text, log = ends
    return Program(
        command=[sys.executable, "-u", "-S", "-P", str(LAUNCHER), str(home / job.surface), *arguments],
        environment=variant_environment(
            os.environ, job.slot, home, judge, counted=job.order.budget.unit.deterministic
        ),
        folder=home,
        input=text,
        output=log,
        errors=log,
        inherit=(judge,),
        expendable=True,
        cgroup=group,
    )
