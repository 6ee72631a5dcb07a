"""One run of the demo's surface under whichever build PYTHONPATH names, measured from outside it: ``python
one_run.py``, an ``Errand`` on stdin, ``RunFacts`` on stdout, both JSON.

It stands alone, because it is run by this build's text and the code of a build before: of the packages it
uses only what both have, and nothing of ``deploy``.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import msgspec
from msgspec import Struct, field

from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget, Unit
from evaluator.result import Measured
from trainer.contract import RunOrder, Slot
from trainer.process.descendants import adopt_orphans
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task_loading import load_task

EVALUATION = "val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)\n"
"""How the demo's surface evaluates itself."""

MARK = re.compile(r"^bench_([a-z_]+): ([\d.]+)$", re.MULTILINE)
"""A figure that the surface prints."""

POSITIONS = 2048
"""Audited: the default of a campaign for what would be merged."""

LOG_BYTES = 1 << 20

JUDGE = b"evaluator.judging.judge"
"""In its command line."""

PERIOD = 0.02
"""Seconds between two looks at the run's memory."""

REAP_SECONDS = 10.0
"""For what is left of a run to be waited for, so that nothing of it uses CPU any more."""

UNIFIED = re.compile(r"^cgroup2? (\S+) cgroup2 ", re.MULTILINE)
"""Where control groups of version 2 are mounted, in /proc/mounts."""

OWN = re.compile(r"^0::(\S+)$", re.MULTILINE)
"""A process's own, in /proc/self/cgroup."""

USED = re.compile(r"^usage_usec (\d+)$", re.MULTILINE)
"""Microseconds, in a group's cpu.stat."""


class Errand(Struct, frozen=True, kw_only=True):
    """What to run."""

    folder: str = ""
    """The build's own, absolute: its data and its runs lie in it."""

    name: str
    """Of the run."""

    seed: int = 0

    flops: float | None = None
    """Its budget; None for that of the task's size ``full``."""

    audited: bool = True
    """As a run that would be merged, in mode strict; else no position is drawn."""

    sampled: bool = False
    """Whether its memory is looked at while it runs, which costs CPU."""

    before: str = ""
    """Lines of Python put in front of the surface's call of ``evaluate_bpb``."""

    after: str = ""
    """And behind it."""


class RunFacts(Struct, frozen=True, kw_only=True):
    """What was seen of it."""

    marks: dict[str, float] = field(default_factory=dict)
    """What the surface printed as ``bench_NAME: NUMBER``."""

    details: dict[str, float] = field(default_factory=dict)
    """Numbers among the result's details."""

    finished: float = 0.0
    """When the result was there and nothing of the run was left, by the monotonic clock."""

    cpu: float | None = None
    """CPU seconds of all its processes, the judge's among them, and of its starter; None where no control
    group of version 2 counts them.
    """

    peak: float | None = None
    """Bytes of all its processes but the judge at once, shared pages divided among those that have them
    (PSS); None where that was not looked at or cannot be read.
    """


def run(errand: Errand) -> RunFacts:
    """Make the run. Raises RuntimeError where it is not measured."""
    task, folder = load_task("demo"), Path(errand.folder)
    trainer = SubprocessTrainer(task, task.prepare(folder / "data"), Slot("bench"), LOG_BYTES)
    order = RunOrder(
        run=errand.name,
        source=_with_lines(task.source, errand),
        seed=errand.seed,
        budget=task.budget("full") if errand.flops is None else Budget(Unit.FLOPS, errand.flops, 120.0),
        directory=folder / errand.name,
        audit=AuditPlan(
            positions=POSITIONS, share=0.0, merge_below=1e9 if errand.audited else None, mode="strict"
        ),
    )
    adopt_orphans()
    sampler = _Sampler()
    with _counted() as cpu:
        if errand.sampled:
            sampler.start()
        result = trainer.train(order, lambda _: None, Event())
        finished, peak = time.monotonic(), sampler.finish()
        _reap()
        used = cpu()
    if not isinstance(result.outcome, Measured):
        raise RuntimeError(f"the demo's surface was not measured: {result.outcome}")
    return RunFacts(
        marks=_marks(order.directory),
        details={name: value for name, value in result.details.items() if isinstance(value, float)},
        finished=finished,
        cpu=used,
        peak=peak if errand.sampled else None,
    )


def _with_lines(source: str, errand: Errand) -> str:
    """The surface with the errand's lines around its evaluation. Raises RuntimeError."""
    if source.count(EVALUATION) != 1:
        raise RuntimeError("the demo's surface evaluates in another way than this benchmark knows")
    return source.replace(EVALUATION, f"{errand.before}{EVALUATION}{errand.after}")


def _marks(folder: Path) -> dict[str, float]:
    """Of every log: what is printed after the first row is kept beside what was printed before."""
    logs = (path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.log")))
    return {name: float(number) for log in logs for name, number in MARK.findall(log)}


# -------------------------------------------------------------------------- what it uses


class _Sampler(Thread):
    """Looks at the memory of all processes below this one until it is told to finish."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = Event()
        self._peak: float | None = 0.0

    def run(self) -> None:
        """The largest sum over all looks."""
        due = time.monotonic()
        while self._peak is not None and not self._over.wait(max(0.0, due - time.monotonic())):
            due = max(due + PERIOD, time.monotonic())
            with suppress(PermissionError):
                self._peak = max(self._peak, proportional_bytes(os.getpid()))
                continue
            self._peak = None

    def finish(self) -> float | None:
        """The peak; None where it cannot be read."""
        self._over.set()
        if self.ident is not None:
            self.join()
        return self._peak


def proportional_bytes(root: int) -> float:
    """PSS of all processes below ``root``, without the judge. Raises PermissionError."""
    return sum(_pss(pid) for pid in _below(root))


def _below(root: int) -> Iterator[int]:
    for task in _entries(Path(f"/proc/{root}/task")):
        with suppress(FileNotFoundError, ProcessLookupError):
            for pid in map(int, (task / "children").read_text().split()):
                if JUDGE not in Path(f"/proc/{pid}/cmdline").read_bytes():
                    yield pid
                    yield from _below(pid)


def _entries(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return list(folder.iterdir())
    return []


def _pss(pid: int) -> float:
    """Bytes; nothing of a process that is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024.0 * int(line.split()[1])
    return 0.0


@contextmanager
def _counted() -> Iterator[Callable[[], float | None]]:
    """Put this process and what it starts into a control group of its own; yields what reads its CPU seconds.
    What waits for its children cannot be asked: not everything between a run and its starter does.
    """
    mount, own = (
        UNIFIED.search(Path("/proc/mounts").read_text()),
        OWN.search(Path("/proc/self/cgroup").read_text()),
    )
    home = Path(mount[1] + own[1]) if mount and own else None
    group = home / f"bench-{os.getpid()}" if home else None
    try:
        if group:
            group.mkdir()
            (group / "cgroup.procs").write_text(str(os.getpid()))
    except OSError:
        group = None
    yield lambda: _used(group) if group else None
    if group and home:
        with suppress(OSError):
            (home / "cgroup.procs").write_text(str(os.getpid()))
            group.rmdir()


def _used(group: Path) -> float | None:
    """Seconds."""
    used = USED.search((group / "cpu.stat").read_text())
    return int(used[1]) / 1e6 if used else None


def _reap() -> None:
    """Wait for what the run left to its starter, a guard that is about to end for one."""
    deadline = time.monotonic() + REAP_SECONDS
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(PERIOD)


if __name__ == "__main__":
    facts = run(msgspec.json.decode(sys.stdin.buffer.read(), type=Errand))
    sys.stdout.buffer.write(msgspec.json.encode(facts))
