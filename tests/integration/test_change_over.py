"""What is left of a live variant when its twin is handed the surface, and of what it wrote once it had been
shown validation rows: real supervisor, judge and twin.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from evaluator.audit_plan import AuditPlan
from evaluator.classify import WHILE_EVALUATED
from evaluator.result import Crashed, CrashKind, Measured, RunResult
from tests.integration.judged import BUDGET, TINY, edited, tiny_data, uncompiled
from trainer.contract import RunOrder, Slot
from trainer.process import charged
from trainer.run.launch import STAND_BY
from trainer.run.processes import LAUNCHER
from trainer.run.variant_log import EVALUATION_LOG
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task_loading import load_task

TASK = load_task(str(Path(__file__).parents[1] / "tasks" / "tiny"))
EVALUATE = "val_bpb = evaluate_bpb(model, tokenizer, 5)"
ROW = "a row of the validation text"

LEAVES_MUCH = """
import fcntl, json, os, pathlib, signal, time
_trail, _home = pathlib.Path(@TRAIL@), pathlib.Path.cwd()
_live = _home.parts[-2] == "variant"

def _locked():
    lock = open(_trail / "lock", "w")
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False

def _daemon():
    if os.fork():
        return
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    lock = open(_trail / "lock", "w")
    fcntl.lockf(lock, fcntl.LOCK_EX)
    (_trail / "daemon").write_text(str(os.getpid()))
    while True:
        time.sleep(0.01)
        for stopped in (int((_trail / "parent").read_text()),):
            os.kill(stopped, signal.SIGCONT)

if _live:
    (_trail / "parent").write_text(str(os.getpid()))
    _daemon()
    while not (_trail / "daemon").exists():
        time.sleep(0.01)
    (_home / "left").write_text("for my twin")
    (_trail / "live").write_text(json.dumps(str(_home)))
else:
    _left = [int((_trail / name).read_text()) for name in ("parent", "daemon")]
    _there = json.loads((_trail / "live").read_text())
    (_trail / "twin").write_text(json.dumps({
        "alive": [pid for pid in _left if os.path.exists(f"/proc/{pid}")],
        "home": os.path.exists(_there), "above": os.path.exists(os.path.dirname(_there)),
        "locked": _locked(),
    }))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "tiny"
    tiny_data(folder, floor=None)
    return folder


def run(source: str, data: Path, folder: Path, *, audited: bool, sandbox: str = "auto") -> RunResult:
    plan = AuditPlan(positions=64, merge_below=100.0 if audited else 0.0, share=0.0)
    order = RunOrder(
        run="r1", source=uncompiled(source), seed=1, budget=BUDGET, directory=folder / "run", audit=plan
    )
    trainer = SubprocessTrainer(TASK, data, Slot("test"), 1 << 20, sandbox=sandbox)
    return trainer.train(order, lambda _: None, Event())


def log(folder: Path, name: str) -> str:
    path = folder / "run" / name
    return path.read_text() if path.exists() else ""


def test_nothing_is_left_of_a_live_variant_when_its_twin_gets_the_surface(data: Path, tmp_path: Path) -> None:
    """In the tier that keeps nothing apart, so that the twin could see it: a daemon that holds a lock, wakes
    its parent all the time and does not hear signals, and a home with a file in it.
    """
    source = LEAVES_MUCH.replace("@TRAIL@", repr(str(tmp_path))) + TINY
    result = run(source, data, tmp_path, audited=True, sandbox="F")
    assert isinstance(result.outcome, Measured), (result.outcome, result.tail)
    assert result.audit is not None
    assert result.audit.kind == "twin"
    assert json.loads((tmp_path / "twin").read_text()) == {
        "alive": [],
        "home": False,
        "above": False,
        "locked": False,
    }


@pytest.mark.parametrize("audited", [False, True])
def test_what_is_written_after_the_first_row_is_for_people_alone(
    audited: bool, data: Path, tmp_path: Path
) -> None:
    says = f'        if reduction == "none" and not torch.is_grad_enabled():\n            print("{ROW}")\n'
    source = edited("        return loss.view", f"{says}        return loss.view")
    source = edited(EVALUATE, f'print("trained")\n{EVALUATE}', source)
    result = run(source, data, tmp_path, audited=audited)
    assert isinstance(result.outcome, Measured), (result.outcome, result.tail)
    assert "trained" in result.tail
    assert "trained" in log(tmp_path, "train.log")
    assert ROW not in log(tmp_path, "train.log") + result.tail + str(result)
    assert log(tmp_path, EVALUATION_LOG).startswith("What the variant wrote after")
    assert ROW in log(tmp_path, EVALUATION_LOG)
    assert result.log_bytes >= len(ROW)


def test_a_crash_with_a_row_in_its_message_is_told_by_its_class_alone(data: Path, tmp_path: Path) -> None:
    says = f'        if reduction == "none":\n            raise ValueError("{ROW}")\n'
    result = run(
        edited("        return loss.view", f"{says}        return loss.view"), data, tmp_path, audited=True
    )
    assert result.outcome == Crashed(CrashKind.EXCEPTION, WHILE_EVALUATED)
    assert ROW not in str(result)
    assert f"ValueError: {ROW}" in log(tmp_path, EVALUATION_LOG)


def test_a_standby_runs_nothing_until_it_has_the_surface_and_finds_it_at_its_place(tmp_path: Path) -> None:
    surface = tmp_path / "train.py"
    command = [sys.executable, "-S", "-P", str(LAUNCHER), str(surface), STAND_BY, "fractions"]
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(command, stdin=its.fileno(), stdout=subprocess.PIPE, text=True)
    with ours:
        assert ours.recv(1) == b"."
        assert not surface.exists()
        ours.sendall(
            b"import inspect, sys\ndef f(): pass\nprint(inspect.getsource(f), sys.argv, __file__,"
            b" 'fractions' in sys.modules, repr(sys.stdin.read()))\n"
        )
    said, _ = process.communicate(timeout=20)
    assert said == f"def f(): pass\n ['{surface}'] {surface} True ''\n"
    assert process.returncode == 0


ASKS_FOR_MANY = (
    "import os, sys; sys.stdin.read(); [os.path.exists(f'{sys.argv[1]}/{i}') for i in range(20000)]"
)


@pytest.mark.alone
def test_what_a_variant_asked_the_file_system_for_is_forgotten_with_it(tmp_path: Path) -> None:
    """A name that is not there is looked up twice as fast the second time, and there is no end of names."""
    name = f"autoswarm-test-{os.getpid()}"
    if not charged.make(name, ["variant"]):
        pytest.skip("no memory group can be made here")
    group = charged.find(name, "variant")
    assert group is not None
    try:
        command = [sys.executable, "-S", "-c", ASKS_FOR_MANY, str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert group.take_in(process.pid)
        before = names_not_there()
        process.communicate()
        remembered = names_not_there()
        group.empty()
        assert remembered - before > 15_000
        assert remembered - names_not_there() > 15_000
    finally:
        charged.remove(name)
    assert charged.find(name, "variant") is None


def names_not_there() -> int:
    """Negative entries of the kernel's directory cache."""
    return int(Path("/proc/sys/fs/dentry-state").read_text().split()[4])
