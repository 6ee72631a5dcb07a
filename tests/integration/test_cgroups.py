"""Control groups of the kernel's own: what they count, what leads out of them, and their end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from evaluator.result import Measured, RunResult
from tests.integration.standin import an_order, log_of, standin_trainer, train
from tests.integration.test_sandbox import having
from trainer.process.cgroups import Bound, find, make, offered
from trainer.process.control_group import ControlGroup
from trainer.process.spawn import Program, spawn
from trainer.sandbox.tier import Tier

NONE = offered().why
pytestmark = pytest.mark.skipif(bool(NONE), reason=f"there are no control groups: {NONE}")

WORKED = 1.0
"""Seconds of CPU that a surface's children use in all."""

GONE_BEFORE_A_LOOK = f"""
import os, signal, time
from prepare import batch, evaluate
batch()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(50):
    if os.fork() == 0:
        while time.process_time() < {WORKED / 50}:
            pass
        os._exit(0)
    time.sleep(0.02)
time.sleep(1.0)
evaluate(1.0)
"""
"""Children that nobody waits for, each gone in a fiftieth of a second: the kernel adds them to no parent."""

WALKS_OUT = """
import os
from pathlib import Path
from prepare import batch, evaluate
batch()
for folder, _, _ in os.walk("/sys/fs/cgroup"):
    for name in ("cgroup.procs", "cgroup.threads"):
        try:
            Path(folder, name).write_text("0")
            print("LEFT by", folder)
        except OSError:
            pass
try:
    os.mkdir("/sys/fs/cgroup/unified/mine")
    print("LEFT by a group of its own")
except OSError:
    pass
evaluate(1.0)
"""

STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.setsid()
for _ in range(5):
    os.fork()
os.write(1, b".")
time.sleep(600)
"""


@contextmanager
def a_group(*children: str) -> Iterator[ControlGroup]:
    group = make(f"autoswarm-test-{os.getpid()}", children, Bound(memory=1 << 33, processes=256))
    assert group is not None
    try:
        yield group
    finally:
        group.remove()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def run(folder: Path, tier: Tier, source: str) -> tuple[RunResult, str]:
    order = an_order(folder, source)
    return train(standin_trainer(folder, sandbox=tier), order), log_of(order)


@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.C, Tier.F))
def test_children_that_nobody_waits_for_are_counted(tier: Tier, tmp_path: Path) -> None:
    result, log = run(tmp_path, tier, GONE_BEFORE_A_LOOK)
    assert isinstance(result.outcome, Measured), log
    assert result.cpu is not None
    assert result.cpu.counted
    assert 0.8 * WORKED < result.cpu.train < 3 * WORKED


@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.C, Tier.B_MINUS, Tier.C_MINUS))
def test_no_variant_leaves_its_group(tier: Tier, tmp_path: Path) -> None:
    result, log = run(tmp_path, tier, WALKS_OUT)
    assert isinstance(result.outcome, Measured)
    assert "LEFT" not in log


def test_a_group_is_gone_with_its_run_also_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    run(tmp_path, Tier.F, "from prepare import evaluate\nevaluate(1.0)\n")
    order = an_order(tmp_path, "import time\nprint('here', flush=True)\ntime.sleep(60)\n", run="r2")
    thread = Thread(target=train, args=(standin_trainer(tmp_path), order))
    thread.start()
    log = order.directory / "train.log"
    until(lambda: log.exists() and "here" in log.read_text())
    (scratch,) = (tmp_path / "scratch").iterdir()
    group = find(scratch.name)
    assert group is not None
    assert group.child("variant").populated()
    os.kill(supervisor_of(group), signal.SIGKILL)
    thread.join(10)
    assert find(scratch.name) is None


def supervisor_of(group: ControlGroup) -> int:
    (pid, *_) = (group.child("variant").path / "cgroup.procs").read_text().split()
    stat = Path("/proc", pid, "stat").read_text()
    return int(stat[stat.rindex(")") + 2 :].split()[1])


def test_a_process_enters_its_group_before_it_becomes_the_command() -> None:
    with a_group("variant") as group:
        reading, writing = os.pipe()
        pid = spawn(
            Program(
                command=["/bin/cat", "/proc/self/cgroup"],
                environment={},
                folder=Path("/"),
                output=writing,
                errors=2,
                inherit=(),
                cgroup=group.child("variant").path,
            )
        )
        os.waitpid(pid, 0)
        os.close(writing)
        with os.fdopen(reading) as said:
            assert f"/{group.path.name}/variant\n" in said.read()
        assert group.cpu_seconds() > 0.0


def test_a_tree_that_ignores_signals_is_ended_at_once() -> None:
    with a_group("variant") as group:
        enter = f"open({str(group.child('variant').path / 'cgroup.procs')!r}, 'w').write('0')\n"
        with subprocess.Popen([sys.executable, "-c", enter + STUBBORN], stdout=subprocess.PIPE) as started:
            try:
                assert started.stdout is not None
                assert started.stdout.read(32) == b"." * 32
                assert len((group.child("variant").path / "cgroup.procs").read_text().split()) == 32
            finally:
                assert group.kill(10.0)
            assert started.wait(10) == -signal.SIGKILL
        assert not group.populated()
        assert group.child("variant").cpu_seconds() > 0.0
        assert group.remove()
        assert not group.path.exists()
