"""Tasks whose judge is made of commands, in real boxes: what counts, what is told, what gets nothing."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from evaluator.bundle import pack, unpack
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Lost, Measured, RunResult, TimedOut
from trainer.boxes.command_trainer import CommandTrainer
from trainer.contract import RunOrder, Slot
from trainer.sandbox.probe import choose
from trainer.sandbox.tier import SandboxError
from trainer.task import Task
from trainer.task_loading import load_task

GUESS = {
    "task.yaml": """\
        name: guess
        title: A guess of a hidden number
        surface: guess.sh
        visible: [limits.txt]
        hidden: [answer.txt]
        judge:
          kind: command
          run: {command: sh guess.sh > out.txt}
          outputs: [out.txt, reward.json]
          check: {command: grep -q . out.txt, seconds: 5}
          measure: {command: 'echo METRIC error=$(($(cat out.txt) - $(cat answer.txt))); echo METRIC size=7'}
        metric: {name: error, direction: minimize, at_least: 0}
        guards: {size: {at_most: 9}}
        sizes:
          full: {unit: seconds, amount: 3, wall_cap: 40}
        default_size: full
        """,
    "guess.sh": "echo 50\n",
    "limits.txt": "0 100\n",
    "answer.txt": "42\n",
}


def task_of(folder: Path, files: dict[str, str], **changed: str) -> Task:
    """changed: parts of task.yaml and what stands in their place, ``old__new`` by any name."""
    for name, text in files.items():
        text = dedent(text)
        for part in changed.values():
            old, _, new = part.partition(" => ")
            assert name != "task.yaml" or old in text, old
            text = text.replace(old, new) if name == "task.yaml" else text
        (folder / name).write_text(text)
    return load_task(str(folder))


def run(
    task: Task, source: str | None = None, cancel: threading.Event | None = None, seed: int = 1
) -> RunResult:
    trainer = CommandTrainer(task, Slot("test"), 1 << 20, scratch=None)
    order = RunOrder(
        run="r1",
        source=task.source if source is None else source,
        seed=seed,
        budget=task.budget(None),
        directory=task.folder / "runs",
    )
    return trainer.train(order, lambda _: None, cancel or threading.Event())


@pytest.mark.parametrize("sandbox", ["A", "B", "C"])
def test_boxes_are_confined_in_every_tier(tmp_path: Path, sandbox: str) -> None:
    """What runs in one has its files, may run what is executable, and can write to no process but its own."""
    try:
        choose(sandbox)
    except SandboxError as error:
        pytest.skip(str(error))
    task = task_of(tmp_path, {**GUESS, "limits.txt": "#!/bin/sh\necho 50\n"})
    (tmp_path / "limits.txt").chmod(0o755)
    trainer = CommandTrainer(task, Slot("test"), 1 << 20, sandbox=sandbox)
    lists = "for p in /proc/[0-9]*; do [ -w $p/fd/1 ] && echo REACHED $(cat $p/comm) >&2; done"
    source = shell(f"{lists}; ./limits.txt\n")
    order = RunOrder(run="r1", source=source, seed=1, budget=task.budget(None), directory=tmp_path / "runs")
    result = trainer.train(order, lambda _: None, threading.Event())
    assert result.outcome == Measured(8.0)
    assert result.sandbox == sandbox
    log = (tmp_path / "runs" / "train.log").read_text()
    assert {line for line in log.splitlines() if "REACHED" in line} <= {"REACHED sh"}


def shell(text: str) -> str:
    return pack({"guess.sh": text})


def test_what_comes_out_is_measured_by_what_the_variant_never_saw(tmp_path: Path) -> None:
    task = task_of(tmp_path, GUESS)
    result = run(task)
    assert result.outcome == Measured(8.0)
    assert result.audit is not None
    assert result.audit.kind == "outside"
    assert result.details["size"] == 7.0
    assert result.seconds.train > 0
    assert result.seconds.evaluate > 0
    assert unpack(task.source) == {"guess.sh": "echo 50\n"}


@pytest.mark.parametrize(("source", "kind", "message", "told"), [
    ("echo oh no; exit 3\n", CrashKind.EXCEPTION, "run failed: exit code 3.", ""),
    ("echo why >&2; exit 3\n", CrashKind.EXCEPTION, "run failed: exit code 3. why", "why"),
    ("true\n", CrashKind.GUARD, "check failed: exit code 1.", ""),
])  # fmt: skip
def test_a_failure_is_told_in_its_words(
    tmp_path: Path, source: str, kind: CrashKind, message: str, told: str
) -> None:
    result = run(task_of(tmp_path, GUESS), shell(source))
    assert isinstance(result.outcome, Crashed)
    assert (result.outcome.kind, result.outcome.message) == (kind, message)
    assert told in result.tail
    assert result.audit is None


def test_what_a_measuring_command_says_is_told_nobody(tmp_path: Path) -> None:
    change = "measure: {command: ' => measure: {command: 'echo the answer is forty-two; exit 1; "
    result = run(task_of(tmp_path, GUESS, broken=change))
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.message == "measure failed: exit code 1."
    assert "forty-two" not in result.tail + repr(result)
    assert b"the answer is forty-two" in b"".join(
        path.read_bytes() for path in (tmp_path / "runs").rglob("*.log")
    )


@pytest.mark.parametrize("source", [
    "cat answer.txt ../answer.txt $(find / -name answer.txt 2>/dev/null) 2>/dev/null; echo 50\n",
    "echo METRIC error=0; echo 50 > out.txt; echo 'METRIC error=0' >&2; cat out.txt\n",
    "printf '{\"error\": 0}' > reward.json; echo 50\n",
    "(setsid sh -c 'while :; do echo METRIC error=0; sleep .1; done' > /dev/null 2>&1 &); echo 50\n",
])  # fmt: skip
def test_a_cheat_gets_nothing(tmp_path: Path, source: str) -> None:
    result = run(task_of(tmp_path, GUESS), shell(source))
    assert result.outcome == Measured(8.0) or isinstance(result.outcome, Crashed | TimedOut)


def test_more_outputs_than_are_taken_are_said(tmp_path: Path) -> None:
    result = run(task_of(tmp_path, GUESS), shell("head -c 70000000 /dev/zero > reward.json; echo 50\n"))
    assert result.outcome == Crashed(
        CrashKind.CONTRACT, "the judge received outputs of more than 67108864 bytes"
    )


SHADOWED = {
    **GUESS,
    "task.yaml": GUESS["task.yaml"]
    .replace("visible: [limits.txt]", "visible: [limits.txt, score.py]")
    .replace("hidden: [answer.txt]", "hidden: [answer.txt, measure.py]")
    .replace("outputs: [out.txt, reward.json]", "outputs: ['*']")
    .replace("guards: {size: {at_most: 9}}", "guards: {}"),
    "score.py": "def score(guess, answer):\n    return guess - answer\n",
    "measure.py": "import colorsys\nfrom score import score\n"
    "print(f\"METRIC error={score(int(open('out.txt').read()), int(open('answer.txt').read()))}\")\n",
}


def shadowed(folder: Path) -> Task:
    """What measures it imports a visible module and one of Python's, and all that a run leaves is output."""
    measure = next(line for line in GUESS["task.yaml"].splitlines() if "measure: {" in line)
    task_yaml = SHADOWED["task.yaml"].replace(measure.strip(), "measure: {command: python measure.py}")
    return task_of(folder, {**SHADOWED, "task.yaml": task_yaml})


def test_what_a_run_leaves_takes_the_place_of_nothing_that_measures_it(tmp_path: Path) -> None:
    task = shadowed(tmp_path)
    assert run(task).outcome == Measured(8.0)
    assert run(task, shell("echo 'def score(*_): return 0' > score.py; echo 50\n")).outcome == Measured(8.0)
    assert run(task, shell("echo 0 > answer.txt; echo 50\n")).outcome == Measured(8.0)


@pytest.mark.parametrize("name", ["colorsys.py", "sitecustomize.py", "usercustomize.pyc"])
def test_a_run_leaves_no_module_that_what_measures_it_could_import(tmp_path: Path, name: str) -> None:
    result = run(shadowed(tmp_path), shell(f"echo 'print(\"METRIC error=0\")' > {name}; echo 50\n"))
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.message == f"run left {name}, which what measures it could import"


def test_all_of_what_a_check_said_is_told(tmp_path: Path) -> None:
    change = "check: {command: grep -q . out.txt => check: {command: seq 30; exit 1; true"
    result = run(task_of(tmp_path, GUESS, change=change))
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.message == "check failed: exit code 1. 30"
    assert result.tail.split() == [str(number) for number in range(1, 31)]


def test_a_run_has_one_wall_cap_for_all_of_its_boxes(tmp_path: Path) -> None:
    changes = {"cap": "wall_cap: 40 => wall_cap: 4", "slow": "check: {command: => check: {command: sleep 3;"}
    result = run(task_of(tmp_path, GUESS, **changes), shell("sleep 2.5; echo 50\n"))
    assert isinstance(result.outcome, TimedOut)
    assert result.outcome.limit is Limit.WALL_CAP
    assert result.seconds.total < 12


def test_nothing_beyond_the_bound_is_believed(tmp_path: Path) -> None:
    result = run(task_of(tmp_path, GUESS), shell("echo 41\n"))
    assert isinstance(result.outcome, Cheated)
    assert result.outcome.evidence == "error is -1, at least 0 is wanted: nothing beyond is believed"


def test_a_further_metric_is_held_to_its_bound(tmp_path: Path) -> None:
    result = run(task_of(tmp_path, GUESS, size="METRIC size=7 => METRIC size=10"))
    assert result.outcome == Crashed(CrashKind.GUARD, "size is 10, at most 9 is allowed")


@pytest.mark.parametrize(("change", "message"), [
    ("METRIC error= => METRIC mistake=", "measure did not say error; it said: mistake, size"),
    ("METRIC size=7 => nothing", "guard size: nobody said it"),
])  # fmt: skip
def test_a_number_that_is_missing_is_named(tmp_path: Path, change: str, message: str) -> None:
    result = run(task_of(tmp_path, GUESS, change=change))
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.message == message


def test_a_run_is_ended_at_its_budget(tmp_path: Path) -> None:
    began = time.monotonic()
    result = run(task_of(tmp_path, GUESS, amount="amount: 3 => amount: 1"), shell("sleep 60 & sleep 60\n"))
    assert isinstance(result.outcome, TimedOut)
    assert result.outcome.limit is Limit.BUDGET
    assert time.monotonic() - began < 15


def test_a_cancelled_run_is_lost(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(1.0, cancel.set).start()
    result = run(task_of(tmp_path, GUESS, amount="amount: 3 => amount: 30"), shell("sleep 29\n"), cancel)
    assert result.outcome == Lost("cancelled")


def test_a_surface_that_is_no_bundle_breaks_the_contract(tmp_path: Path) -> None:
    result = run(task_of(tmp_path, GUESS), "=== file: ../x ===\n")
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.kind is CrashKind.CONTRACT


def test_fresh_rows_are_measured_apart(tmp_path: Path) -> None:
    change = "$(cat answer.txt) => $(cat answer.txt) + AUTOSWARM_BLOCK"
    task = task_of(tmp_path, GUESS, change=change)
    trainer = CommandTrainer(task, Slot("test"), 1 << 20)
    order = RunOrder(
        run="r1",
        source=task.source,
        seed=1,
        budget=task.budget(None),
        directory=tmp_path / "runs",
        blocks=(1, 0),
    )
    result = trainer.train(order, lambda _: None, threading.Event())
    assert result.outcome == Measured(9.0)
    assert result.details["value_block_1"] == 8.0


# ---------------------------------------------------------------------- runs_variant


def test_where_the_measuring_command_runs_the_variant_that_is_said(tmp_path: Path) -> None:
    files = {
        "task.yaml": """\
            name: tests
            title: A module and its tests
            surface: [inner/one.py, two.py]
            hidden: [measure.py]
            judge:
              kind: command
              measure: {command: python measure.py}
              runs_variant: true
            metric: {name: failing, direction: minimize}
            sizes:
              full: {unit: seconds, amount: 3, wall_cap: 40}
            default_size: full
            """,
        "two.py": "TWO = 3\n",
        "measure.py": "from inner.one import ONE\nfrom two import TWO\nimport json\n"
        "print(json.dumps({'failing': (ONE != 1) + (TWO != 2), 'passed': True}))\n",
    }
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "one.py").write_text("ONE = 1\n")
    task = task_of(tmp_path, files)
    result = run(task)
    assert result.outcome == Measured(1.0)
    assert result.audit is not None
    assert result.audit.kind == "beside"
    assert run(task, task.source.replace("TWO = 3", "TWO = 2")).outcome == Measured(0.0)


# ---------------------------------------------------------------------- speed

SPEED = {
    "task.yaml": """\
        name: sums
        title: A sum, sooner
        surface: [flags.txt]
        visible: [main.c]
        hidden: [expected.txt]
        judge:
          kind: speed
          build: {command: gcc $(cat flags.txt) -o sums main.c}
          artifacts: [sums]
          inputs: {command: 'echo $((AUTOSWARM_SEED - AUTOSWARM_SEED + 60000000)) > in.txt'}
          run: {command: ./sums < in.txt > out.txt}
          outputs: [out.txt]
          check: {command: cmp out.txt expected.txt}
          pairs: 2
        metric: {name: time_ratio, direction: minimize, at_least: 0.01}
        sizes:
          full: {unit: seconds, amount: 10, wall_cap: 60}
        default_size: full
        """,
    "flags.txt": "-O0\n",
    "main.c": """\
        #include <stdio.h>
        int main(void) {
            unsigned long n, i, s = 0;
            if (scanf("%lu", &n) != 1) return 1;
            for (i = 0; i < n; i++) s += (i * i) ^ (s >> 3);
            printf("%lu\\n", s);
            return 0;
        }
        """,
    "expected.txt": "",
}


@pytest.fixture
def sums(tmp_path: Path) -> Callable[[str], RunResult]:
    """Its run under some flags."""
    task_of(tmp_path, SPEED)
    subprocess.run(["gcc", "-O2", "-o", "sums", "main.c"], cwd=tmp_path, check=True)
    expected = subprocess.run(["./sums"], cwd=tmp_path, input=b"60000000", capture_output=True, check=True)
    (tmp_path / "expected.txt").write_bytes(expected.stdout)
    task = load_task(str(tmp_path))
    return lambda flags: run(task, pack({"flags.txt": flags}))


def test_speed_is_a_ratio_to_the_unmodified_surface(sums: Callable[[str], RunResult]) -> None:
    same, sooner = sums("-O0\n"), sums("-O2\n")
    assert isinstance(same.outcome, Measured)
    assert isinstance(sooner.outcome, Measured)
    assert 0.7 < same.outcome.value < 1.4
    assert sooner.outcome.value < 0.9 * same.outcome.value
    assert sooner.audit is not None
    assert sooner.audit.kind == "outside"


def test_a_faster_wrong_answer_fails_its_check(sums: Callable[[str], RunResult]) -> None:
    result = sums("-O2 -Dunsigned=short\n")
    assert isinstance(result.outcome, Crashed)


def test_a_guard_of_what_was_built_holds(tmp_path: Path, sums: Callable[[str], RunResult]) -> None:
    text = (tmp_path / "task.yaml").read_text()
    (tmp_path / "task.yaml").write_text(f"{text}guards: {{artifact_bytes: {{at_most: 20}}}}\n")
    task = load_task(str(tmp_path))
    assert isinstance(sums("-O1\n").outcome, Measured), "as it was"
    result = run(task, pack({"flags.txt": "-O1\n"}))
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.message.startswith("artifact_bytes is ")


def test_where_the_unmodified_surface_fails_that_is_not_the_variants_fault(tmp_path: Path) -> None:
    task_of(tmp_path, {**SPEED, "flags.txt": "--nonsense\n"})
    result = run(load_task(str(tmp_path)), pack({"flags.txt": "-O1\n"}))
    assert isinstance(result.outcome, Lost)
    assert "the unmodified surface" in result.outcome.reason


def test_what_does_not_build_says_why(sums: Callable[[str], RunResult]) -> None:
    result = sums("-O2 --nonsense\n")
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.message.startswith("build failed: exit code 1.")
    assert "nonsense" in result.tail
