"""Measures what single edits of the demo surface are worth: ``python -m trainer.tasks.demo.measured_edits``.

The table goes to stdout as Markdown, progress to stderr. Gains are in σ, the standard deviation between seeds
of the unchanged surface, and positive when the edit is better. A full table at size ``ci`` is fifty runs of
about five seconds each on a quiet core.
"""

import re
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from threading import Event

import click
import msgspec
from msgspec import Struct

from configs.errors import ConfigError
from evaluator.result import Measured, RunResult, outcome_name
from trainer.contract import RunOrder, Slot
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task import Task
from trainer.task_loading import load_task

EDITS: dict[str, dict[str, str]] = {
    "depth 2": {"DEPTH": "2"},
    "MLP × 2": {"MLP_RATIO": "2"},
    "width 48": {"WIDTH": "48"},
    "Adam rate × 4": {"ADAM_LR": "0.012"},
    "batch ÷ 4": {"BATCH_SIZE": "4"},
    "batch ÷ 2": {"BATCH_SIZE": "8"},
    "Muon rate × 2": {"MUON_LR": "0.04"},
    "five together": {"DEPTH": "2", "MLP_RATIO": "2", "WIDTH": "48", "ADAM_LR": "0.012", "BATCH_SIZE": "8"},
    "SwiGLU": {"ACTIVATION": '"swiglu"'},
    "GELU": {"ACTIVATION": '"gelu"'},
    "β2 .99": {"BETA2": "0.99"},
    "no softcap": {"SOFTCAP": "0.0"},
    "warm-up .1": {"WARMUP": "0.1"},
    "warm-down .75": {"WARMDOWN": "0.75"},
    "linear MLP": {"ACTIVATION": '"linear"'},
    "depth 6": {"DEPTH": "6"},
    "AdamW for Muon": {"OPTIMIZER": '"adamw"'},
    "batch × 2": {"BATCH_SIZE": "32"},
    "no positions": {"POSITIONS": '"none"'},
    "learned positions": {"POSITIONS": '"learned"'},
    "Muon rate ÷ 10": {"MUON_LR": "0.002"},
}
"""New literals by constant."""

BASELINE_SEEDS = range(1, 9)
"""Seeds of the unchanged surface, of which σ is estimated: within a quarter, eight of them."""
LOG_BYTES = 1 << 20


class MeasuredEdit(Struct, frozen=True):
    """One row."""

    name: str
    mean: float | None

    gain: float | None
    """In σ, positive is better, None when a run gave no value."""

    note: str = ""


def edited(source: str, edit: Mapping[str, str]) -> str:
    """``source`` with other literals for its module constants. Raises ValueError for a constant that it does
    not set exactly once.
    """
    for constant, literal in edit.items():
        source, count = re.subn(
            rf"^{constant} = .*?(?=  #|$)", f"{constant} = {literal}", source, flags=re.MULTILINE
        )
        if count != 1:
            raise ValueError(f"the surface sets {constant} {count} times")
    return source


class Bench:
    """Trains surfaces of a task at one size, several at a time, each on one core."""

    def __init__(self, task: Task, data: Path, size: str | None, slots: int, runs: Path) -> None:
        """slots: surfaces trained at a time. runs: folder for what they leave."""
        self._task, self._budget, self._runs = task, task.budget(size), runs
        self._trainer = SubprocessTrainer(task, data, Slot("measured-edits"), LOG_BYTES)
        self._pool = ThreadPoolExecutor(slots)

    def measure(self, name: str, source: str, seeds: range) -> list[RunResult]:
        """One run per seed, in their order."""
        return list(self._pool.map(lambda seed: self._run(name, source, seed), seeds))

    def _run(self, name: str, source: str, seed: int) -> RunResult:
        run = re.sub(r"\W+", "-", f"{name}-{seed}")
        order = RunOrder(run=run, source=source, seed=seed, budget=self._budget, directory=self._runs / run)
        result = self._trainer.train(order, lambda _: None, Event())
        value = (
            f"{result.outcome.value:.4f}"
            if isinstance(result.outcome, Measured)
            else outcome_name(result.outcome)
        )
        click.echo(
            f"{name}, seed {seed}: {value} in {result.seconds.total:.1f} s and {result.steps} steps", err=True
        )
        return result


def measured(name: str, results: list[RunResult], center: float, sigma: float) -> MeasuredEdit:
    """What an edit did, against the baseline's mean and σ."""
    values = [result.outcome.value for result in results if isinstance(result.outcome, Measured)]
    if len(values) < len(results):
        return MeasuredEdit(name, None, None, ", ".join(outcome_name(result.outcome) for result in results))
    return MeasuredEdit(name, mean(values), (center - mean(values)) / sigma)


def table(center: float, sigma: float, floor: float | None, edits: list[MeasuredEdit]) -> str:
    """The edits, best first, as Markdown."""
    lines = ["| edit | val_bpb | change | gain in σ |", "|---|---|---|---|"]
    lines.append(f"| unchanged | {center:.4f} | | σ = {sigma:.4f} ({sigma / center:.2%}) |")
    for edit in sorted(edits, key=lambda edit: -(edit.gain if edit.gain is not None else float("-inf"))):
        if edit.mean is None or edit.gain is None:
            lines.append(f"| {edit.name} | {edit.note} | | |")
        else:
            lines.append(
                f"| {edit.name} | {edit.mean:.4f} | {edit.mean / center - 1:+.1%} | {edit.gain:+.1f} |"
            )
    return "\n".join([*lines, f"| (floor) | {floor:.4f} | {floor / center - 1:+.1%} | |"] if floor else lines)


@click.command()
@click.option("--size", default="ci", show_default=True, help="Budget, by its name in task.yaml.")
@click.option("--seeds", default=2, show_default=True, help="Runs of each edit.")
@click.option("--slots", default=1, show_default=True, help="Runs at a time, each on one core.")
@click.option(
    "--data",
    default=Path("data"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of prepared data.",
)
@click.option("--only", multiple=True, type=click.Choice(list(EDITS)), help="Measure these edits only.")
def main(size: str, seeds: int, slots: int, data: Path, only: tuple[str, ...]) -> None:
    """Measure what single edits of the demo surface are worth."""
    task = load_task("demo")
    with tempfile.TemporaryDirectory(prefix="measured-edits-") as runs:
        bench = Bench(task, task.prepare(data), size, slots, Path(runs))
        baseline = bench.measure("unchanged", task.source, BASELINE_SEEDS)
        values = [result.outcome.value for result in baseline if isinstance(result.outcome, Measured)]
        if len(values) < len(baseline):
            raise ConfigError(
                "the unchanged surface does not train here",
                f"Look at its outcome: {msgspec.json.encode(baseline[0]).decode()}",
            )
        center, sigma = mean(values), stdev(values)
        seeds_of_edits = range(101, 101 + seeds)
        edits = [
            measured(
                name, bench.measure(name, edited(task.source, EDITS[name]), seeds_of_edits), center, sigma
            )
            for name in only or EDITS
        ]
    click.echo(table(center, sigma, baseline[0].floor, edits))


if __name__ == "__main__":
    try:
        main()
    except ConfigError as error:
        click.echo(f"{error}\n{error.remedy}", err=True)
        sys.exit(3)
