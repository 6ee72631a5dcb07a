"""Part ``trust``: what judging costs beside evaluating in one's own process, what an audited run costs beside
the same run of a build before, and what the sandbox costs to find and to start.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from deploy.bench.builds import Build, Runner, build_before, this_build
from deploy.bench.one_run import PERIOD, POSITIONS, Errand, RunFacts
from deploy.bench.readings import Goal, Part, Reading
from deploy.bench.side_by_side import Runs, readings
from trainer.process.scratch import make_scratch
from trainer.process.spawn import Program
from trainer.sandbox.confine import start
from trainer.sandbox.identity import remove_scratch
from trainer.sandbox.probe import choose
from trainer.sandbox.tier import Sandbox
from trainer.sandbox.view import view_of

MOST_START_MS = 100.0
MOST_PROBE = 0.3
PAIRS = 5
"""Runs of each kind and build."""
STARTS = 15

SIX_STEPS = 1e10
"""A budget, in operations, where only what comes after the training is measured."""

IN_PROCESS = """
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
print(f"bench_in_process: {time.monotonic() - _began:.6f}", flush=True)
_began = time.monotonic()
"""
"""The same model over as many rows in the process it was trained in, its first pass not counted, as the
judge's is preceded by the training's.
"""
EVALUATED = 'print(f"bench_evaluated: {time.monotonic() - _began:.6f}", flush=True)\n'
ASKED = 'print(f"bench_asked: {time.monotonic():.6f}", flush=True)\n'

MISSING = "the repository here holds no build before it (a shallow clone?); --before COMMIT names one."

KINDS = {
    "evaluated": Errand(
        name="e",
        flops=SIX_STEPS,
        audited=False,
        before=IN_PROCESS,
        after=EVALUATED,
    ),
    "audited": Errand(name="a", before=ASKED),
    "sampled": Errand(name="s", flops=SIX_STEPS, sampled=True),
}
"""By the field of ``Runs`` that they are for."""


def part(
    folder: Path, before: str | None = None, pairs: int = PAIRS, kinds: Mapping[str, Errand] = KINDS
) -> Part:
    """Run the demo's surface under this build and one before it in turn, and start the sandbox with nothing
    in it. Needs neither Ray nor agents.

    before: the commit of that build; None for the one ``build_before`` finds. pairs: runs of each kind and
    build. kinds: as ``KINDS``. Raises RuntimeError where a run is not measured.
    """
    folder.chmod(0o711)  # a variant's uid passes through it to the code of the build before
    probe, sandbox = _probed()
    this, other = this_build(folder / "this"), build_before(folder / "before", before)
    runs, runs_before = in_turn(this, other, pairs, kinds)
    return Part(
        name="trust",
        title="What a number that can be trusted costs",
        readings=[
            *readings(runs, runs_before),
            _sandbox_start(sandbox, folder),
            Reading(what="tier probe", value=probe, unit="s", goal=Goal(MOST_PROBE, at_most=True)),
        ],
        note=_note(sandbox, pairs, this, other),
    )


def in_turn(
    this: Runner, other: Runner | None, pairs: int, kinds: Mapping[str, Errand]
) -> tuple[Runs, Runs | None]:
    """Runs of both builds, kind by kind, each one's right after the other's and the first of the two by
    turns. A run of each build goes before, to fill caches, and does not count.
    """
    builds = [this] if other is None else [this, other]
    for build in builds:
        build.run(replace(kinds["sampled"], name="first"))
    made: list[dict[str, list[RunFacts]]] = [{kind: [] for kind in kinds} for _ in builds]
    for kind, errand in kinds.items():
        for number in range(pairs):
            for index in sorted(range(len(builds)), reverse=number % 2 == 1):
                order = replace(errand, name=f"{errand.name}{number}", seed=number)
                made[index][kind].append(builds[index].run(order))
    runs = [Runs(**kinds) for kinds in made]
    return runs[0], runs[1] if other else None


def _note(sandbox: Sandbox, pairs: int, this: Build, other: Build | None) -> str:
    beside = (
        f"Before: {other.name}, run in turn with this build." if other else f"{this.name} alone: {MISSING}"
    )
    return (
        f"{beside} Tier {sandbox.tier}, the demo's surface, medians of {pairs} runs and {STARTS} starts."
        " In process:\nthe same model over as many rows as the judge's 32,768 tokens, in the process that"
        f" trained it. Audited: {POSITIONS:,} positions in mode strict, at size full\n(memory: after six"
        f" steps, every {PERIOD * 1e3:.0f} ms, shared pages divided among those that have them)."
    )


def _sandbox_start(sandbox: Sandbox, folder: Path) -> Reading:
    confined, bare = (median(_started(kind, folder) for _ in range(STARTS)) for kind in (sandbox, Sandbox()))
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
