"""Part ``trust``: what judging costs beside evaluating in one's own process, and what the sandbox costs to
find and to start.
"""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from threading import Event

from deploy.bench.readings import Goal, Part, Reading
from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget, Unit
from evaluator.result import Measured, RunResult
from trainer.contract import RunOrder, Slot
from trainer.process.spawn import Program
from trainer.run.scratch import make_scratch, remove_scratch
from trainer.sandbox.confine import start
from trainer.sandbox.probe import choose
from trainer.sandbox.tier import Sandbox
from trainer.sandbox.view import view_of
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task import Task, load_task

MOST_TIMES = 1.2
MOST_START_MS = 100.0
MOST_PROBE = 0.3
RUNS = 3
STARTS = 15
POSITIONS = 2048

BUDGET = Budget(Unit.FLOPS, 1e10, 120.0)
"""Six steps: only what comes after them is measured."""

EVALUATION = "val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)\n"
IN_PROCESS = """
import os as _os
_rows = torch.randint(vocab_size, (512 + 1, MAX_SEQ_LEN + 1), device=device)
def _evaluated():
    total = 0.0
    with torch.no_grad():
        for first in range(0, 512, EVAL_BATCH_SIZE):
            block = _rows[first : first + EVAL_BATCH_SIZE]
            total += float(model(block[:, :-1], block[:, 1:], reduction="none").double().sum())
    return total
_evaluated()
_began = time.monotonic()
_evaluated()
print(f"in_process_seconds: {time.monotonic() - _began:.6f}")
"""
"""The same model over as many rows in the process it was trained in, its first pass not counted, as the
judge's is preceded by the training's.
"""


def part(folder: Path) -> Part:
    """Judge and audit the demo's surface a few times, and start the sandbox with nothing in it. Needs neither
    Ray nor agents.
    """
    probe, sandbox = _probed()
    task = load_task("demo")
    data = task.prepare(folder / "data")
    results = [_judged(task, data, folder, number) for number in range(RUNS)]
    readings = [
        *_evaluation(results),
        *_audit(results),
        _start(sandbox, folder),
        Reading(what="tier probe", value=probe, unit="s", goal=Goal(MOST_PROBE, at_most=True)),
    ]
    note = (
        f"Tier {sandbox.tier}, the demo's surface, 32,768 tokens of validation text, medians of {RUNS} runs"
        f" and {STARTS} starts; in process:\nthe same model over as many rows in the process that trained it."
        " The audit comes on top, for what would be merged and a few more."
    )
    return Part(name="trust", title="What a number that can be trusted costs", readings=readings, note=note)


def _evaluation(results: Sequence[RunResult]) -> list[Reading]:
    alone = median(_in_process(result) for result in results)
    claimed = _median(results, "claim_seconds") + _median(results, "hand_over_seconds")
    goal = Goal(MOST_TIMES, at_most=True)
    return [
        Reading(
            what="evaluation, claimed to the judge", value=claimed, unit="s", references={"in process": alone}
        ),
        Reading(what="times the evaluation in process", value=claimed / alone, goal=goal),
    ]


def _audit(results: Sequence[RunResult]) -> list[Reading]:
    audit, twin = _median(results, "audit_seconds"), _median(results, "twin_start_seconds")
    return [
        Reading(what=f"audit at {POSITIONS} positions, its twin started", value=audit, unit="s"),
        Reading(what="of that, starting the twin", value=twin, unit="s"),
    ]


def _start(sandbox: Sandbox, folder: Path) -> Reading:
    confined = median(_started(sandbox, folder) for _ in range(STARTS))
    bare = median(_started(Sandbox(), folder) for _ in range(STARTS))
    return Reading(
        what="sandbox start",
        value=(confined - bare) * 1e3,
        unit="ms",
        goal=Goal(MOST_START_MS, at_most=True),
        references={"a bare start": bare * 1e3},
    )


def _probed() -> tuple[float, Sandbox]:
    """Seconds to find the best tier, and that tier."""
    began = time.perf_counter()
    sandbox = choose()
    return time.perf_counter() - began, sandbox


def _judged(task: Task, data: Path, folder: Path, number: int) -> RunResult:
    """One run, audited as one that would be merged."""
    if task.source.count(EVALUATION) != 1:
        raise RuntimeError("the demo's surface evaluates in another way than this benchmark knows")
    source = task.source.replace(EVALUATION, f"{IN_PROCESS}{EVALUATION}")
    audit = AuditPlan(positions=POSITIONS, merge_below=1e9)
    order = RunOrder(
        run=f"b{number}",
        source=source,
        seed=number,
        budget=BUDGET,
        directory=folder / f"b{number}",
        audit=audit,
    )
    result = SubprocessTrainer(task, data, Slot("bench"), 1 << 20).train(order, lambda _: None, Event())
    if not isinstance(result.outcome, Measured):
        raise RuntimeError(f"the demo's surface was not measured: {result.outcome}")
    return result


def _in_process(result: RunResult) -> float:
    line = re.search(r"in_process_seconds: ([\d.]+)", result.tail)
    return float(line[1]) if line else float("nan")


def _median(results: Sequence[RunResult], name: str) -> float:
    """Of one of the judge's details over several runs."""
    return median(_detail(result, name) for result in results)


def _detail(result: RunResult, name: str) -> float:
    value = result.details.get(name)
    return value if isinstance(value, float) else float("nan")


def _started(sandbox: Sandbox, folder: Path) -> float:
    """Seconds until a program that does nothing has been started and has ended."""
    scratch = make_scratch(folder)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        home = scratch / "home"
        for place in (home, home / "tmp", home / "cache"):
            place.mkdir(mode=0o700)
        program = Program(
            command=["/bin/true"], environment={}, folder=home, output=nothing, errors=nothing, inherit=()
        )
        began = time.perf_counter()
        os.waitpid(start(sandbox, program, view_of(home, home), scratch), 0)
        return time.perf_counter() - began
    finally:
        os.close(nothing)
        remove_scratch(scratch)
