from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import fmean, stdev
from threading import Event

import pytest

from evaluator.budget import Budget, Unit
from evaluator.result import Crashed, CrashKind, Lost, Measured, Progress
from tests.run_folder import read_result
from trainer.contract import RunOrder
from trainer.simulated.landscape import effect
from trainer.simulated.trainer import BEAT, SimulatedTrainer

BASELINE = '''"""A surface."""
DEPTH = 4
MATRIX_LR = 0.02
BATCH = 2**14
BETAS = (0.8, 0.95)
WARMUP = 0.0
COMPILE = False

def model(x):
    return x * DEPTH
'''


def value(source: str, seed: int = 0, **changes: float) -> float:
    outcome = SimulatedTrainer(BASELINE, **{"sigma": 0.0} | changes).outcome(source, seed)  # type: ignore[arg-type]
    assert isinstance(outcome, Measured)
    return outcome.value


def with_lr(lr: float) -> str:
    return BASELINE.replace("0.02", str(lr))


def test_the_baseline_scores_the_baseline() -> None:
    assert value(BASELINE, baseline=1.25) == 1.25


def test_comments_and_layout_do_nothing() -> None:
    assert value(BASELINE.replace("DEPTH = 4", "DEPTH  =  4  # layers")) == value(BASELINE)


def test_a_constant_has_one_optimum_and_harms_on_both_sides_of_it() -> None:
    values = [value(with_lr(0.02 * 2.0 ** (step / 4))) for step in range(-24, 25)]
    best = values.index(min(values))
    assert values[: best + 1] == sorted(values[: best + 1], reverse=True)
    assert values[best:] == sorted(values[best:])
    assert min(values) < value(BASELINE) < max(values)


def test_an_expression_of_numbers_is_a_constant() -> None:
    assert value(BASELINE.replace("2**14", "16384")) == value(BASELINE)
    assert value(BASELINE.replace("2**14", "2**15")) == value(BASELINE.replace("2**14", "4 * 8_192"))


@pytest.mark.parametrize(
    "expression", ["9**9**9**9", "1 / 0", "10 ** -400", "True", "'4'", "-(" * 50 + "1" + ")" * 50]
)
def test_an_odd_expression_is_at_worst_another_change(expression: str) -> None:
    assert value(BASELINE.replace("DEPTH = 4", f"DEPTH = {expression}")) > 0.0


def test_a_constant_that_was_zero_can_be_moved() -> None:
    assert value(BASELINE.replace("WARMUP = 0.0", "WARMUP = 0.1")) != value(BASELINE)


def test_other_changes_are_small_mostly_and_each_its_own() -> None:
    values = [value(BASELINE.replace("x * DEPTH", f"x * DEPTH + {number}")) for number in range(200)]
    assert len(set(values)) == 200
    assert 0.99 < sorted(values)[100] < 1.01
    assert 0 < sum(one < 1.0 for one in values) < 100


def test_the_sign_says_which_way_is_better() -> None:
    lower, higher = value(with_lr(0.9), sign=1), value(with_lr(0.9), sign=-1)
    assert lower - 1.0 == pytest.approx(1.0 - higher)
    assert lower > 1.0


def test_another_landscape_has_other_optima() -> None:
    assert effect(with_lr(0.03), BASELINE, 1) != effect(with_lr(0.03), BASELINE, 2)


def test_noise_between_seeds_is_normal_with_the_sigma_given() -> None:
    values = [value(BASELINE, seed, sigma=0.01) for seed in range(400)]
    assert fmean(values) == pytest.approx(1.0, abs=0.002)
    assert stdev(values) == pytest.approx(0.01, rel=0.15)


def test_a_share_of_sources_crashes_always_the_same_ones_and_never_the_baseline() -> None:
    trainer = SimulatedTrainer(BASELINE, crash_ratio=0.3)
    outcomes = [[trainer.outcome(with_lr(lr / 1000), seed) for lr in range(1, 201)] for seed in (1, 2)]
    crashes = [[isinstance(outcome, Crashed) for outcome in row] for row in outcomes]
    assert crashes[0] == crashes[1]
    assert 35 <= sum(crashes[0]) <= 85
    assert isinstance(SimulatedTrainer(BASELINE, crash_ratio=1.0).outcome(BASELINE, 1), Measured)


@pytest.mark.parametrize("source", ["def broken(:", "x = 1\0", "(" * 5000])
def test_text_that_is_no_program_does_not_start(source: str) -> None:
    outcome = SimulatedTrainer(BASELINE).outcome(source, 0)
    assert isinstance(outcome, Crashed)
    assert outcome.kind is CrashKind.DOES_NOT_START


class Clock:
    """A manual clock that pauses advance; ``cancel_at`` sets the event at that time."""

    def __init__(self, cancel_at: float = float("inf")) -> None:
        self.time = 1000.0
        self._cancel_at = cancel_at

    def pause(self, cancel: Event, seconds: float) -> bool:
        self.time += seconds
        if self.time >= self._cancel_at:
            cancel.set()
        return cancel.is_set()

    def now(self) -> float:
        return self.time


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[RunOrder]:
    budget = Budget(Unit.FLOPS, 100.0, 60.0)
    return (
        RunOrder(run=f"r{n}", source=BASELINE, seed=n, budget=budget, directory=tmp_path / f"r{n}")
        for n in count()
    )


def test_a_simulated_training_takes_its_seconds_and_tells_its_progress(orders: Iterator[RunOrder]) -> None:
    clock, reports, order = Clock(), list[Progress](), next(orders)
    result = SimulatedTrainer(BASELINE, seconds=4 * BEAT, pause=clock.pause, clock=clock.now).train(
        order, reports.append, Event()
    )
    assert result.seconds.total == result.finished_at - result.started_at == 4 * BEAT
    assert [progress.share for progress in reports] == [0.0, 0.25, 0.5, 0.75]
    assert (result.spent, result.sandbox) == (100.0, "simulated")
    assert read_result(order.directory) == result


def test_a_cancelled_simulation_stops_where_it_is(orders: Iterator[RunOrder]) -> None:
    clock = Clock(cancel_at=1000.0 + 2 * BEAT)
    result = SimulatedTrainer(BASELINE, seconds=4 * BEAT, pause=clock.pause, clock=clock.now).train(
        next(orders), lambda _: None, Event()
    )
    assert result.outcome == Lost("cancelled")
    assert (result.seconds.total, result.spent) == (2 * BEAT, 25.0)


def test_a_simulation_of_no_seconds_is_measured_at_once(orders: Iterator[RunOrder]) -> None:
    clock = Clock()
    result = SimulatedTrainer(BASELINE, seconds=0.0, pause=clock.pause, clock=clock.now).train(
        next(orders), lambda _: None, Event()
    )
    assert isinstance(result.outcome, Measured)
    assert result.seconds.total == 0.0
