"""Surfaces that misbehave, run for real. Whatever they do: one outcome, and nothing of them left."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from evaluator.result import Crashed, CrashKind, Limit, Lost, Measured, Progress, RunResult, TimedOut
from tests.integration.standin import HONEST, LOG_BYTES, an_order, log_of, standin_trainer, train
from tests.run_folder import read_result
from trainer.contract import RunOrder
from trainer.process import cgroups, charged
from trainer.process.descendants import PROC
from trainer.process.environment import ROOT
from trainer.run.runlog import LAST_PART

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc"),
]

HANG = """
import time
from prepare import batch
batch()
print("hanging", flush=True)
while True:
    time.sleep(60)
"""

LEAVE_BEHIND = """
import os, signal, subprocess, time
from prepare import batch

def tell(pid):
    os.write(1, b"left %d\\n" % pid)  # in one piece: print takes several

def linger():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(os.getpid())
    while True:
        time.sleep(60)

def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            linger()
        os._exit(0)

batch()
daemon()
nameless = subprocess.Popen(["sleep", "60"], env={}, start_new_session=True)
tell(nameless.pid)
for _ in range(3):
    if os.fork() == 0:
        for _ in range(3):
            if os.fork() == 0:
                linger()
        linger()
time.sleep(0.2)
"""
"""Leaves a daemon, a process without environment and a tree of twelve."""


def outcome_of(folder: Path, source: str, wall_cap: float = 20.0) -> RunResult:
    """Run ``source`` to its end and see that nothing is left of it."""
    order = an_order(folder, source, wall_cap=wall_cap)
    result = train(standin_trainer(folder), order)
    assert_nothing_left(folder, order)
    assert read_result(order.directory) == result
    return result


def assert_nothing_left(folder: Path, order: RunOrder) -> None:
    assert not carrying(str(folder / "scratch"))
    assert not list((folder / "scratch").iterdir())
    assert not [pid for pid in left_by(order) if alive(pid)]


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def carrying(marker: str) -> list[int]:
    """Pids of the living processes whose environment holds ``marker``."""
    return [int(path.name) for path in PROC.iterdir() if path.name.isdigit() and marker in environment(path)]


def environment(process: Path) -> str:
    try:
        return (process / "environ").read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


def left_by(order: RunOrder) -> list[int]:
    return (
        [int(pid) for pid in re.findall(r"left (\d+)", log_of(order))]
        if (order.directory / "train.log").exists()
        else []
    )


def all_there(order: RunOrder) -> bool:
    """Whether a surface that hangs, or leaves a daemon, a nameless process and a tree of twelve, has got that
    far.
    """
    return (order.directory / "train.log").exists() and (
        "hanging" in log_of(order) or len(left_by(order)) == 14
    )


def until(true: Callable[[], bool], seconds: float) -> float:
    """Wait for it; returns how long that took, or fails."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, "waited in vain"
        time.sleep(0.02)
    return time.monotonic() - start


def test_an_honest_surface_is_measured_and_its_phases_timed(tmp_path: Path) -> None:
    result = outcome_of(tmp_path, HONEST)
    assert isinstance(result.outcome, Measured)
    assert result.steps == 8
    assert 0 < result.seconds.startup < result.seconds.total < 5
    assert result.seconds.total >= result.seconds.startup + result.seconds.train + result.seconds.evaluate
    assert result.peak_memory > 1_000_000
    assert result.started_at <= result.finished_at
    assert result.log_bytes == (tmp_path / "r1" / "train.log").stat().st_size


def test_an_exception_after_the_first_batch_is_told_by_its_last_line(tmp_path: Path) -> None:
    result = outcome_of(tmp_path, "from prepare import batch\nbatch()\nraise ValueError('bad shape')")
    assert result.outcome == Crashed(CrashKind.EXCEPTION, "ValueError: bad shape")
    assert "Traceback" in result.tail


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("print('FAIL'); exit(1)", "exit code 1. FAIL"),
    ],
)
def test_a_surface_that_ends_before_its_first_batch_does_not_start(
    tmp_path: Path, source: str, message: str
) -> None:
    assert outcome_of(tmp_path, source).outcome == Crashed(CrashKind.DOES_NOT_START, message)


def test_a_printed_number_is_no_result(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, "from prepare import batch\nbatch()\nprint('---\\nval_bpb: 0.1')").outcome
    assert outcome == Crashed(CrashKind.NO_RESULT, "it ended without evaluating")


def test_a_hanging_surface_is_ended_at_the_wall_cap(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, HANG, wall_cap=0.6).outcome
    assert isinstance(outcome, TimedOut)
    assert outcome.limit is Limit.WALL_CAP
    assert 0.6 <= outcome.seconds < 1.0


def test_a_surface_that_goes_on_after_its_budget_is_the_judge_s_to_end(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, "from prepare import batch\nwhile True: batch()").outcome
    assert outcome == TimedOut(Limit.BUDGET, 0.0)


@pytest.mark.skipif(
    not Path("/proc/vmstat").exists(),
    reason="only Linux tells how often the kernel ended a process for memory",
)
def test_a_surface_killed_from_outside_is_lost_and_not_charged(tmp_path: Path) -> None:
    outcome = outcome_of(
        tmp_path,
        "import os, signal\nfrom prepare import batch\nbatch()\nos.kill(os.getpid(), signal.SIGKILL)",
    ).outcome
    assert outcome == Lost("its process was killed from outside", killed=True)


def test_a_surface_that_asks_for_too_much_memory_ran_out_of_it(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, "from prepare import batch\nbatch()\nbytearray(1 << 60)").outcome
    assert outcome == Crashed(CrashKind.OUT_OF_MEMORY, "MemoryError")


def test_a_segmentation_fault_is_a_crash(tmp_path: Path) -> None:
    outcome = outcome_of(
        tmp_path, "import ctypes\nfrom prepare import batch\nbatch()\nctypes.string_at(0)"
    ).outcome
    assert outcome == Crashed(CrashKind.EXCEPTION, "killed by SIGSEGV.")


def test_what_was_measured_stands_though_the_surface_crashes_afterwards(tmp_path: Path) -> None:
    result = outcome_of(tmp_path, HONEST + "raise RuntimeError('in the summary')")
    assert isinstance(result.outcome, Measured)


def test_everything_a_surface_leaves_behind_is_ended(tmp_path: Path) -> None:
    result = outcome_of(tmp_path, LEAVE_BEHIND + "from prepare import evaluate\nevaluate(1.5)")
    assert result.outcome == Measured(1.5)
    assert len(set(left_by(an_order(tmp_path)))) == 14


def test_a_daemon_that_holds_the_judge_s_socket_does_not_keep_the_run_alive(tmp_path: Path) -> None:
    result = outcome_of(tmp_path, LEAVE_BEHIND)
    assert result.outcome == Crashed(CrashKind.NO_RESULT, "it ended without evaluating")
    assert result.seconds.total < 3


def test_a_process_that_forks_and_ends_without_end_is_caught(tmp_path: Path) -> None:
    """It lives under one pid for a millisecond only, each time in a new session, and says so in a file."""
    trail = tmp_path / "trail"
    hopping = (
        "import os, time\nfrom prepare import evaluate\n"
        f"trail, end = os.open({str(trail)!r}, os.O_WRONLY | os.O_CREAT), time.time() + 8\n"
        "if os.fork() == 0:\n"
        "    while time.time() < end:\n"
        "        os.setsid() if os.getpid() != os.getsid(0) else None\n"
        "        os.write(trail, b'.')\n"
        "        os.fork() and os._exit(0)\n"
        "    os._exit(0)\n"
        "time.sleep(0.2)\nevaluate(1.5)\n"
    )
    assert outcome_of(tmp_path, hopping).outcome == Measured(1.5)
    steps = trail.stat().st_size
    assert steps > 20
    time.sleep(0.2)
    assert trail.stat().st_size == steps


def test_a_scratch_folder_is_removed_though_it_was_locked(tmp_path: Path) -> None:
    locking = (
        "import os\nos.makedirs('a/b/c')\nopen('a/b/c/file', 'w').close()\nos.chmod('a/b', 0)\nos.chmod('.',"
        " 0)\n"
    )
    outcome_of(tmp_path, locking)


def test_a_supervisor_told_to_end_loses_the_run(tmp_path: Path) -> None:
    order, results = an_order(tmp_path, HANG), list[RunResult]()
    thread = Thread(target=lambda: results.append(train(standin_trainer(tmp_path), order)))
    thread.start()
    until(lambda: all_there(order), 5)
    os.kill(guard_and_supervisor(tmp_path)[1], signal.SIGTERM)
    thread.join(5)
    assert [result.outcome for result in results] == [Lost("supervisor was told to end")]
    assert_nothing_left(tmp_path, order)


def test_a_gigabyte_of_output_is_harmless(tmp_path: Path) -> None:
    flood = "import os\nfor _ in range(1024): os.write(1, b'x' * (1 << 20))\nos.write(1, b'the end\\n')\n"
    result = outcome_of(tmp_path, "print('the start', flush=True)\n" + flood + HONEST)
    log = log_of(an_order(tmp_path))
    assert isinstance(result.outcome, Measured)
    assert result.log_bytes > 1 << 30
    assert len(log) < LOG_BYTES + 100
    assert log.startswith("the start\nxxx")
    assert "the end\nstep 00000" in log
    left_out = re.search(r"\n\.\.\. (\d+) bytes left out \.\.\.\n", log)
    assert left_out is not None
    assert int(left_out[1]) == result.log_bytes - LOG_BYTES
    assert len(log) - left_out.end() == LAST_PART


def test_secrets_of_the_caller_do_not_reach_the_surface(tmp_path: Path) -> None:
    """A caller that holds a key in its environment; the surface looks in its own, its parents' and the
    judge's.
    """
    surface = tmp_path / "spy.py"
    surface.write_text(
        "import os, pathlib\n"
        "parent, seen = os.getppid(), dict(os.environ)\n"
        "print('mine:', seen)\n"
        "for process in pathlib.Path('/proc').iterdir():\n"
        "    if process.name.isdigit() and f'\\nPPid:\\t{parent}\\n' in (process / 'status').read_text():\n"
        "        print('sibling:', (process / 'environ').read_bytes())\n"
        "print('parent:', pathlib.Path(f'/proc/{parent}/environ').read_bytes())\n"
    )
    with a_caller(tmp_path, surface, OPENAI_API_KEY="sk-planted", ACCOUNT="planted-too") as caller:
        caller.wait(timeout=10)
    log = log_of(an_order(tmp_path))
    assert "mine:" in log
    assert log.count("sibling:") == 2
    assert "parent: b'" in log
    assert "AUTOSWARM_JUDGE_FD" in log
    assert "planted" not in log


def test_nothing_of_ours_is_importable_in_a_surface(tmp_path: Path) -> None:
    source = (
        "import importlib.util\nprint('ours:', [name for name in ('agents', 'coordinator', 'deploy',"
        " 'trainer', 'evaluator', 'configs') if importlib.util.find_spec(name)])\nimport msgspec,"
        " __main__\nprint(__main__.__file__)\n"
    )
    outcome_of(tmp_path, source)
    assert "ours: []\n" in log_of(an_order(tmp_path))
    assert "variant/home/train.py\n" in log_of(an_order(tmp_path))


def test_a_judge_that_fails_loses_the_run_and_says_why(tmp_path: Path) -> None:
    outcome = outcome_of(
        tmp_path, "from prepare import ask\nask('crash')\nimport time\ntime.sleep(60)"
    ).outcome
    assert outcome == Lost("judge crashed: the judge had enough")
    assert (tmp_path / "r1" / "judge.log").read_text() == "the judge had enough\n"


def test_a_judge_that_cannot_be_started_loses_the_run(tmp_path: Path) -> None:
    order = an_order(tmp_path)
    outcome = train(standin_trainer(tmp_path, judge_module="evaluator.no_such_judge"), order).outcome
    assert isinstance(outcome, Lost)
    assert "No module named evaluator.no_such_judge" in outcome.reason
    assert_nothing_left(tmp_path, order)


def test_cancel_ends_a_run_at_once(tmp_path: Path) -> None:
    order, cancel, results = an_order(tmp_path, HANG), Event(), list[RunResult]()
    thread = Thread(
        target=lambda: results.append(standin_trainer(tmp_path).train(order, lambda _: None, cancel))
    )
    thread.start()
    until(lambda: all_there(order), 5)
    cancel.set()
    start = time.monotonic()
    thread.join(5)
    assert time.monotonic() - start < 0.5
    assert [result.outcome for result in results] == [Lost("cancelled")]
    assert_nothing_left(tmp_path, order)


def test_progress_is_read_from_the_judge_and_the_log(tmp_path: Path) -> None:
    source = HONEST.replace("    print(", "    import time; time.sleep(0.15)\n    print(")
    reports = list[Progress]()
    standin_trainer(tmp_path).train(an_order(tmp_path, source), reports.append, Event())
    assert 2 <= len(reports) <= 6
    assert reports[-1].share > 0
    assert reports[-1].step is not None
    assert reports[-1].loss is not None


def test_two_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    """Lifelines must not leak from one supervisor into the other: the first run ends while the second
    hangs.
    """
    cancel, results = Event(), dict[str, RunResult]()

    def run(name: str, source: str) -> None:
        results[name] = standin_trainer(tmp_path).train(
            an_order(tmp_path, source, run=name), lambda _: None, cancel
        )

    threads = [Thread(target=run, args=("hanging", HANG)), Thread(target=run, args=("honest", HONEST))]
    for thread in threads:
        thread.start()
    until(lambda: "honest" in results, 5)
    assert "hanging" not in results
    cancel.set()
    for thread in threads:
        thread.join(5)
    assert isinstance(results["honest"].outcome, Measured)
    assert results["hanging"].outcome == Lost("cancelled")


@contextmanager
def a_caller(folder: Path, surface: Path, **secrets: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own that trains ``surface``, as an agent does."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **secrets}
    caller = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.standin", str(surface), str(folder)], env=environment
    )
    try:
        yield caller
    finally:
        caller.kill()
        caller.wait()


@pytest.mark.parametrize("source", [HANG, LEAVE_BEHIND + "time.sleep(60)"], ids=["alone", "with_daemons"])
def test_nothing_is_left_two_seconds_after_the_caller_was_killed(tmp_path: Path, source: str) -> None:
    surface, order = tmp_path / "surface.py", an_order(tmp_path)
    surface.write_text(source)
    with a_caller(tmp_path, surface) as caller:
        until(lambda: all_there(order), 5)
        assert carrying(str(tmp_path / "scratch"))
        caller.kill()
        caller.wait()
        until(lambda: not carrying(str(tmp_path / "scratch")), 2)
    assert_nothing_left(tmp_path, order)
    result = read_result(order.directory)
    assert result is not None
    assert result.outcome == Lost("trainer died")


@pytest.mark.parametrize("source", [HANG, LEAVE_BEHIND + "time.sleep(60)"], ids=["alone", "with_daemons"])
def test_a_killed_supervisor_leaves_nothing_and_loses_the_run(tmp_path: Path, source: str) -> None:
    order, results = an_order(tmp_path, source), list[RunResult]()
    thread = Thread(target=lambda: results.append(train(standin_trainer(tmp_path), order)))
    thread.start()
    until(lambda: all_there(order), 5)
    _, supervisor = guard_and_supervisor(tmp_path)
    os.kill(supervisor, signal.SIGKILL)
    thread.join(8)
    assert [result.outcome for result in results] == [Lost("supervisor died")]
    assert read_result(order.directory) == results[0]
    assert_nothing_left(tmp_path, order)


def test_a_killed_guard_changes_nothing(tmp_path: Path) -> None:
    order, cancel, results = an_order(tmp_path, LEAVE_BEHIND + "time.sleep(60)"), Event(), list[RunResult]()
    thread = Thread(
        target=lambda: results.append(standin_trainer(tmp_path).train(order, lambda _: None, cancel))
    )
    thread.start()
    until(lambda: all_there(order), 5)
    guard, supervisor = guard_and_supervisor(tmp_path)
    os.kill(guard, signal.SIGKILL)
    until(lambda: not alive(guard), 1)
    assert alive(supervisor)
    cancel.set()
    thread.join(5)
    assert [result.outcome for result in results] == [Lost("cancelled")]
    assert_nothing_left(tmp_path, order)


def test_supervisor_and_guard_killed_together_leave_no_control_group(tmp_path: Path) -> None:
    order, results = an_order(tmp_path, HANG), list[RunResult]()
    thread = Thread(target=lambda: results.append(train(standin_trainer(tmp_path), order)))
    thread.start()
    until(lambda: all_there(order), 5)
    [scratch] = (tmp_path / "scratch").iterdir()
    for pid in guard_and_supervisor(tmp_path):
        os.kill(pid, signal.SIGKILL)
    thread.join(8)
    assert [result.outcome for result in results] == [Lost("supervisor died")]
    assert not list((tmp_path / "scratch").iterdir())
    assert cgroups.find(scratch.name) is None
    assert charged.find(scratch.name, "") is None


def guard_and_supervisor(folder: Path) -> tuple[int, int]:
    """Their pids; the guard is the older one and the other's parent."""
    pids = [
        pid
        for pid in carrying(str(folder / "scratch"))
        if b"trainer.run.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    guard, supervisor = sorted(pids)
    assert f"PPid:\t{guard}\n" in Path(f"/proc/{supervisor}/status").read_text()
    return guard, supervisor
