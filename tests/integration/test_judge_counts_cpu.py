"""A real judge that reads the CPU seconds of a real variant from the kernel: what its count does not explain,
and what it does while it answers, is paid for.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from evaluator.baseline_facts import BaselineFacts
from evaluator.result import Measured, TimedOut
from tests.integration.judged import BUDGET, TINY, Run, edited, run_variant, tiny_data

LONG = msgspec.structs.replace(BUDGET, wall_cap=300.0)
"""CPU seconds do not depend on how busy a machine is; how long they take does."""

FACTS = BaselineFacts(train_cpu=2.0, train_tokens=46 * 128, evaluate_cpu=0.3)
"""Of a baseline far slower than the tiny surface is anywhere: ten times what it uses on a quiet core."""

WORK = """
import time

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

"""
"""CPU that no count shows."""
STEP = "    steps += 1\n"
FORWARD = "        h = self.embedding(x)\n"


def own_group() -> Path | None:
    """Folder of this process's control group in the hierarchy of version 2, or None."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    roots = [fields[4] for fields in mounts if fields[fields.index("-") + 1] == "cgroup2"]
    groups = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"]
    return Path(roots[0] + groups[0].rstrip("/")) if roots and groups else None


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of its own, empty again at the end."""
    parent = own_group()
    if parent is None or not os.access(parent, os.W_OK):
        pytest.skip("no control group of version 2 that this process may divide")
    folder = parent / f"autoswarm-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()


def within(group: Path) -> Callable[[], None]:
    """What puts a process there."""

    def enter() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    return enter


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "tiny"
    tiny_data(folder)
    return folder


def run(source: str, data: Path, folder: Path, group: Path, baseline: BaselineFacts = FACTS) -> Run:
    stat = group / "cpu.stat"
    return run_variant(
        source, data, folder, budget=LONG, enter=within(group), cpu_stat=stat, baseline=baseline
    )


def test_a_run_whose_cpu_fits_its_count_is_priced_by_the_count_alone(
    data: Path, tmp_path: Path, group: Path
) -> None:
    plain = run_variant(TINY, data, tmp_path / "plain", budget=LONG).final
    final = run(TINY, data, tmp_path / "run", group).final
    assert (final.outcome, final.spent) == (plain.outcome, plain.spent)
    assert final.details["price_factor"] == 1.0
    assert 0 < float(final.details["train_cpu"]) < 2.0
    assert 0 < float(final.details["evaluate_cpu"]) < 0.3
    assert final.details["step_price"] == pytest.approx(final.spent / final.steps)


def test_work_that_nobody_counts_is_paid_for_and_the_run_is_measured(
    data: Path, tmp_path: Path, group: Path
) -> None:
    """A fifth of a second at every step: four times the baseline's CPU, were it to take all its steps."""
    final = run(WORK + edited(STEP, f"    work(0.2)\n{STEP}"), data, tmp_path / "run", group).final
    assert isinstance(final.outcome, Measured), final
    assert float(final.details["price_factor"]) > 3
    assert final.steps < 15
    assert float(final.details["train_cpu"]) < 1.5 * 2.0


def test_work_in_the_last_step_is_no_way_round_it(data: Path, tmp_path: Path, group: Path) -> None:
    hiding = WORK + edited(STEP, f"{STEP}    if steps == 40:\n        work(6.0)\n")
    final = run(hiding, data, tmp_path / "run", group).final
    assert isinstance(final.outcome, TimedOut), final


def test_work_after_the_last_batch_is_no_way_round_it(data: Path, tmp_path: Path, group: Path) -> None:
    hiding = WORK + edited("val_bpb = evaluate", "work(6.0)\nval_bpb = evaluate")
    assert isinstance(run(hiding, data, tmp_path / "run", group).final.outcome, TimedOut)


@pytest.mark.parametrize("when", ["not hasattr(self, 'late')", "True"])
def test_work_in_a_forward_without_gradients_is_paid_for(
    data: Path, tmp_path: Path, group: Path, when: str
) -> None:
    """In the first one, or the same in each."""
    seconds = 3.0 if "late" in when else 0.4
    training = (
        f"        if not torch.is_grad_enabled() and {when}:\n            self.late = work({seconds})\n"
    )
    final = run(WORK + edited(FORWARD, training + FORWARD), data, tmp_path / "run", group).final
    assert isinstance(final.outcome, TimedOut), final
    assert float(final.details["evaluation_excess"]) > 0.3


def test_without_a_baseline_nothing_is_priced_anew(data: Path, tmp_path: Path, group: Path) -> None:
    dear = WORK + edited(STEP, f"    work(0.05)\n{STEP}")
    alone = msgspec.structs.replace(FACTS, train_cpu=None, evaluate_cpu=None)
    final = run(dear, data, tmp_path / "run", group, alone).final
    assert isinstance(final.outcome, Measured), final
    assert final.details["price_factor"] == 1.0
    assert float(final.details["train_cpu"]) > 2.0
