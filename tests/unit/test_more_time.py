"""One variant tried outside any campaign, on a slow machine."""

import pytest
from msgspec.structs import replace

from evaluator.budget import Budget, Unit
from evaluator.result import Limit, Measured, RunResult, Seconds, TimedOut
from evaluator.wall_caps import MOST_TIMES, STALLED
from trainer.try_once import with_more_time, with_time_once_more

BUDGET = Budget(Unit.FLOPS, 100.0, 60.0)


class Machine:
    """Trains in ``seconds`` of real time."""

    def __init__(self, seconds: float, seen: dict[str, object] | None = None) -> None:
        self.caps: list[float] = []
        self.seconds = seconds
        self.seen = seen or {}

    def __call__(self, budget: Budget) -> RunResult:
        cap, whole = budget.wall_cap, self.seconds
        self.caps.append(cap)
        if whole <= cap:
            return RunResult(run="r", outcome=Measured(1.0), seed=1, seconds=Seconds(total=whole))
        outcome, share = TimedOut(Limit.WALL_CAP, cap), cap / whole
        seconds = Seconds(0.0, cap, 0.0, cap)
        result = RunResult(run="r", outcome=outcome, seed=1, seconds=seconds, spent=100 * share)
        return replace(result, **self.seen)


@pytest.mark.parametrize("evaluate", [0.0, 10.0])
@pytest.mark.parametrize(("seconds", "caps"), [(59, [60]), (90, [60, 180]), (500, [60, 960])])
def test_the_unmodified_surface_gets_the_time_it_would_have_needed(
    seconds: float, caps: list[float], evaluate: float
) -> None:
    machine = Machine(seconds, {"seconds": Seconds(0.0, 60.0 - evaluate, evaluate, 60.0)})
    assert isinstance(with_more_time(machine, BUDGET).outcome, Measured)
    assert machine.caps == (pytest.approx(caps) if not evaluate else machine.caps)


def test_one_that_hangs_ends_after_four_doublings() -> None:
    machine = Machine(1e9, {"spent": 0.0})
    assert isinstance(with_more_time(machine, BUDGET).outcome, TimedOut)
    assert machine.caps == [60, 120, 240, 480, 960]


def test_a_machine_that_is_far_too_slow_is_not_waited_for() -> None:
    machine = Machine(60 * MOST_TIMES + 1)
    assert isinstance(with_more_time(machine, BUDGET).outcome, TimedOut)
    assert machine.caps == [60]


def test_a_variant_that_came_on_is_tried_once_more() -> None:
    machine = Machine(90)
    assert isinstance(with_time_once_more(machine, BUDGET, None).outcome, Measured)
    assert machine.caps == pytest.approx([60, 180])


@pytest.mark.parametrize(
    "seen", [{"spent": 0.0}, {"details": {STALLED: 30.0}}, {"seconds": Seconds(0.0, 50.0, 10.0, 60.0)}]
)
def test_a_variant_that_hangs_or_was_shown_rows_gets_no_more(seen: dict[str, object]) -> None:
    machine = Machine(90, seen)
    with_time_once_more(machine, BUDGET, None)
    assert machine.caps == [60]


def test_a_variant_gets_no_more_time_under_a_clock() -> None:
    machine = Machine(90)
    with_time_once_more(machine, replace(BUDGET, unit=Unit.SECONDS), None)
    assert machine.caps == [60]


def test_a_variant_gets_ten_times_what_the_unmodified_surface_took() -> None:
    machine = Machine(450)
    assert isinstance(with_time_once_more(machine, BUDGET, 50.0).outcome, Measured)
    assert machine.caps == [500]
