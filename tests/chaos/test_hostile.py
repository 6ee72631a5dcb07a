"""A whole swarm given programs that misbehave, and a swarm on another machine."""

import time
from pathlib import Path

import pytest

from coordinator.state.records import Experiment
from coordinator.store.journal import Journal
from evaluator.result import Crashed, CrashKind, Limit, Measured, Outcome, TimedOut
from tests.chaos.swarm_process import TASK, swarm_process

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

HONEST = (TASK / "train.py").read_text()
LOOP = "began, steps = time.time(), 0\n"
EVALUATION = "val_bpb = evaluate_bpb(model, tokenizer, 5)\n"
DAEMON = """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        while True: time.sleep(10)
    os._exit(0)
os.wait()
"""


def before(line: str, text: str) -> str:
    """The honest program with ``text`` before a line of it."""
    assert line in HONEST
    return HONEST.replace(line, f"{text}\n{line}")


VARIANTS: dict[str, tuple[str, type[Outcome], object]] = {
    "raises": (before(LOOP, "raise RuntimeError('no such idea')"), Crashed, CrashKind.DOES_NOT_START),
    "raises_later": (before(EVALUATION, "raise RuntimeError('no such idea')"), Crashed, CrashKind.EXCEPTION),
    "hangs": (before(EVALUATION, "while True: time.sleep(60)"), TimedOut, Limit.WALL_CAP),
    "ignores_sigterm": (
        before(EVALUATION, "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass"),
        TimedOut,
        Limit.WALL_CAP,
    ),
    "goes_without_a_result": (before(EVALUATION, "raise SystemExit(0)"), Crashed, CrashKind.NO_RESULT),
    "prints_a_number": (
        before(EVALUATION, "print('---\\nval_bpb:          0.1')\nraise SystemExit(0)"),
        Crashed,
        CrashKind.NO_RESULT,
    ),
    "floods_its_log": (
        before(EVALUATION, "line = 'x' * 999_999\nfor _ in range(1000): print(line)"),
        TimedOut,  # to write a gigabyte is work of seconds after the last batch, which nothing counted
        Limit.BUDGET,
    ),
    "leaves_a_daemon": (before(LOOP, DAEMON), Measured, None),
    "is_honest": (HONEST.replace("LR = 0.02", "LR = 0.03"), Measured, None),
}


def test_every_misbehaving_variant_ends_as_what_it_is_and_the_swarm_goes_on(tmp_path: Path) -> None:
    files = []
    for name, (source, _, _) in VARIANTS.items():
        (tmp_path / f"{name}.py").write_text(source)
        files.append(str(tmp_path / f"{name}.py"))
    arm = f"arms=[{{name: played, proposer: scripted, files: [{', '.join(files)}]}}]"
    with swarm_process(tmp_path, len(VARIANTS), arm, "task.size=short", "trainer.log_megabytes=1") as swarm:
        swarm.start()
        assert swarm.wait(400) == 0, swarm.said()
        time.sleep(2.0)
        assert swarm.run_processes() == []
        state = swarm.state()
        logs = {path.parent.name: path.stat().st_size for path in swarm.campaign.glob("runs/*/train.log")}
    outcomes = {
        experiment.title.split("] ")[-1]: last_outcome(experiment)
        for experiment in state.experiments.values()
        if experiment.ordinal
    }
    assert outcomes.keys() == VARIANTS.keys()
    for name, (_, kind, detail) in VARIANTS.items():
        outcome = outcomes[name]
        assert isinstance(outcome, kind), (name, outcome)
        assert getattr(outcome, "kind", getattr(outcome, "limit", None)) == detail, (name, outcome)
    assert max(logs.values()) < 1_200_000
    assert state.outcomes["lost"] == 0


def last_outcome(experiment: Experiment) -> Outcome:
    results = [run.result for run in experiment.runs if run.result]
    return results[0].outcome


def test_another_machine_gives_the_same_verdicts(tmp_path: Path) -> None:
    """The second swarm computes with other instructions and has one slot instead of two: other speed, other
    rounding, other order of events.
    """
    fates = []
    for name, more, environment in (
        ("one", "slots.count=2", {}),
        ("two", "slots.count=1", {"ATEN_CPU_CAPABILITY": "default"}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        with swarm_process(folder, 6, more, **environment) as swarm:
            swarm.start()
            assert swarm.wait(300) == 0, swarm.said()
            fates.append(swarm.fates())
            journal = Journal.read(swarm.campaign / "journal.db")
            assert sum(1 for _ in journal.entries()) > 20
            journal.close()
    assert next({name: (title, state) for name, (title, state, _) in fate.items()} for fate in fates) == {
        name: (title, state) for name, (title, state, _) in fates[1].items()
    }
    for name, (_, _, value) in fates[0].items():
        assert value == pytest.approx(fates[1][name][2], abs=1e-3)
