"""What every trainer promises an agent, asked of the real one and of the simulated one."""

from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import pytest

from evaluator.result import Crashed, Lost, Measured, Progress, RunResult
from tests.integration.standin import HONEST, an_order, standin_trainer, train
from tests.run_folder import read_result
from trainer.contract import RunOrder, Trainer
from trainer.run.result_file import LOG
from trainer.simulated.trainer import SimulatedTrainer

SLOW = "import time\nfrom prepare import batch\nbatch()\ntime.sleep(60)\n"


BROKEN = "raise RuntimeError('no such layer')\n"


class Kind(Protocol):
    """Makes a trainer for a surface: runs of SLOW take a minute, runs of BROKEN crash, others are quick."""

    def __call__(self, folder: Path, surface: str = HONEST) -> Trainer: ...


def real(folder: Path, surface: str = HONEST) -> Trainer:  # noqa: ARG001 a surface itself does what it does
    return standin_trainer(folder)


def simulated(folder: Path, surface: str = HONEST) -> Trainer:  # noqa: ARG001 it needs no folder
    seconds = 60.0 if surface == SLOW else 0.7
    return SimulatedTrainer(HONEST, seconds=seconds, crash_ratio=1.0 if surface == BROKEN else 0.0)


@pytest.fixture(params=[real, simulated])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


def test_the_result_is_that_of_the_run_asked_for_and_is_kept(kind: Kind, tmp_path: Path) -> None:
    order = an_order(tmp_path, seed=7, run="run-9")
    result = train(kind(tmp_path), order)
    assert (result.run, result.seed) == ("run-9", 7)
    assert isinstance(result.outcome, Measured)
    assert read_result(order.directory) == result
    assert (order.directory / LOG).read_text().endswith(result.tail)


def test_nothing_of_a_run_is_left_but_its_directory(kind: Kind, tmp_path: Path) -> None:
    order = an_order(tmp_path)
    train(kind(tmp_path), order)
    rest = {path for path in tmp_path.rglob("*") if not path.is_relative_to(order.directory)}
    assert rest <= {tmp_path / "scratch"}


def test_a_variant_that_fails_is_an_outcome(kind: Kind, tmp_path: Path) -> None:
    order = an_order(tmp_path, BROKEN)
    result = train(kind(tmp_path, BROKEN), order)
    assert isinstance(result.outcome, Crashed)
    assert read_result(order.directory) == result


def test_the_same_order_gives_the_same_value(kind: Kind, tmp_path: Path) -> None:
    first, second = (train(kind(tmp_path), an_order(tmp_path, run=run)) for run in ("a", "b"))
    assert first.outcome == second.outcome


def test_another_seed_gives_another_value(kind: Kind, tmp_path: Path) -> None:
    first, second = (
        train(kind(tmp_path), an_order(tmp_path, seed=seed, run=f"seed-{seed}")) for seed in (1, 2)
    )
    assert isinstance(first.outcome, Measured)
    assert isinstance(second.outcome, Measured)
    assert first.outcome.value != second.outcome.value


def test_shares_grow_from_0_to_1_at_most(kind: Kind, tmp_path: Path) -> None:
    reports = list[Progress]()
    source = HONEST.replace("    print(", "    import time; time.sleep(0.1)\n    print(")
    kind(tmp_path).train(an_order(tmp_path, source), reports.append, Event())
    shares = [progress.share for progress in reports]
    assert len(shares) >= 2
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.0 < shares[-1] <= 1.0


def test_cancel_ends_a_run_early_as_lost(kind: Kind, tmp_path: Path) -> None:
    result = cancelled_after_first_progress(kind(tmp_path, SLOW), an_order(tmp_path, SLOW))
    assert result.outcome == Lost("cancelled")
    assert result.finished_at - result.started_at < 5.0


def cancelled_after_first_progress(trainer: Trainer, order: RunOrder) -> RunResult:
    results, cancel, begun = list[RunResult](), Event(), Event()
    thread = Thread(target=lambda: results.append(trainer.train(order, lambda _: begun.set(), cancel)))
    thread.start()
    assert begun.wait(5)
    cancel.set()
    thread.join(5)
    assert not thread.is_alive()
    return results[0]


def test_a_run_cancelled_before_it_began_is_lost_too(kind: Kind, tmp_path: Path) -> None:
    cancel = Event()
    cancel.set()
    assert kind(tmp_path, SLOW).train(an_order(tmp_path, SLOW), lambda _: None, cancel).outcome == Lost(
        "cancelled"
    )
