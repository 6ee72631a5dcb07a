"""Policies compared: the figures of a case that can be computed by hand, and their page."""

from math import sqrt

import pytest
from rich.console import Console

from configs.errors import ConfigError
from coordinator.domain import Direction, Metric
from deploy.simulate.comparison import Cell, Estimate, estimate, ratio, rows
from deploy.simulate.comparison_page import comparison_page
from deploy.simulate.measuring import Conditions
from deploy.simulate.played import Played, play
from deploy.simulate.progress_line import ProgressLine
from deploy.simulate.request import Request, compared
from deploy.simulate.workers import CHUNK_RUNS, Job, chunks, fitting
from tests.unit.swarm_of_rules import RULES
from tests.unit.test_simulate import CONFIRM, NAIVE, SCENARIO, scenario

METRIC = Metric("val_bpb", Direction.MINIMIZE)


def end(true: float, merges: int, false: int, reported: float | None = None) -> Played:
    return Played(
        true=true,
        reported=true if reported is None else reported,
        merges=merges,
        false=false,
        said=0.5 * merges,
        said_of=merges,
        runs=10,
        gpu_hours=1.0,
        hours=1.0,
        proposals=8,
        staleness=0.0,
        rebased=2,
        conflicts=0,
    )


def is_close(value: Estimate | None, mean: float, error: float) -> bool:
    return (
        value is not None
        and value.mean == pytest.approx(mean)
        and value.error == pytest.approx(error, abs=1e-12)
    )


def test_a_case_computed_by_hand() -> None:
    """Differences .02 and .04: mean .03, standard deviation .0141, two pairs: error .01. False: 1 of 4 and 2
    of 4 merges.
    """
    naive = [end(1.0, 4, 1, reported=0.99), end(1.1, 4, 2, reported=1.08)]
    confirm = [end(1.02, 2, 0), end(1.14, 2, 0)]
    first, second = rows({"naive": naive, "confirm": confirm})
    assert first.less is None
    assert first.true.mean == pytest.approx(1.05)
    assert is_close(first.gap, -0.015, 0.005)
    assert is_close(first.false, 3 / 8, 1 / 8)
    assert is_close(second.less, 0.03, 0.01)
    assert second.false == Estimate(0.0, 0.0)
    assert second.merges == Estimate(2.0, 0.0)
    assert is_close(second.rebased, 0.25, 0.0)


def test_a_mean_has_an_error_where_there_are_two_values() -> None:
    assert estimate([3.0]) == Estimate(3.0, None)
    assert estimate([1.0, 2.0, 3.0]).error == pytest.approx(1 / sqrt(3))
    assert ratio([0, 0], [0, 0]) is None
    assert ratio([1], [4]) == Estimate(0.25)


def request(**changes: object) -> Request:
    wanted = {
        "rules": RULES,
        "policies": {"naive": NAIVE, "confirm": CONFIRM},
        "model": SCENARIO.model,
        "conditions": Conditions(),
        "sigmas": (0.0005, 0.001),
        "slots": SCENARIO.slots,
        "runs": (40, 60),
        "hours": 0.0,
        "thinking": 1.0,
        "repetitions": 3,
        "seed": 5,
    }
    return Request(**{**wanted, **changes})  # type: ignore[arg-type]


def test_every_cell_is_played_with_the_same_seeds() -> None:
    told: list[tuple[float, int]] = []
    cells = compared(request(), 1, lambda done, of: told.append((done, of)))
    assert [(cell.sigma, cell.runs) for cell in cells] == [
        (0.0005, 40),
        (0.0005, 60),
        (0.001, 40),
        (0.001, 60),
    ]
    assert told[-1] == (24, 24)
    by_hand = [play(scenario(CONFIRM, runs=60), seed).true for seed in (5, 6, 7)]
    assert cells[3].rows[1].true == estimate(by_hand)
    assert [row.policy for row in cells[0].rows] == ["naive", "confirm"]


def test_jobs_are_handed_out_in_stretches_that_hold_all_of_them() -> None:
    jobs = [Job(scenario(runs=runs), seed) for runs in (100, 2000, 20000) for seed in range(9)]
    spans = list(chunks(jobs))
    assert [number for span in spans for number in span] == list(range(len(jobs)))
    assert max(sum(jobs[number].scenario.runs for number in span) for span in spans) < CHUNK_RUNS + 20001


def test_no_more_processes_are_taken_than_there_is_memory_for() -> None:
    jobs = [Job(scenario(runs=1_000_000), seed) for seed in range(9)]
    assert fitting(jobs, 4, has=2**40) == 4
    assert fitting(jobs, 4, has=9 * 2**30) == 2
    with pytest.raises(ConfigError, match="takes about 4 GiB of memory, and this machine has 1 GiB"):
        fitting(jobs, 4, has=2**30)


def test_progress_is_said_now_and_then() -> None:
    lines: list[str] = []
    times = iter((0.0, 1.0, 6.0, 7.0, 20.0, 40.0))
    line = ProgressLine(lines.append, clock=lambda: next(times))
    for done in (1, 2, 3, 4, 8):
        line.tell(done, 10)
    assert lines == [
        "2 of 10 campaigns, about 24 s more",
        "4 of 10 campaigns, about 30 s more",
        "8 of 10 campaigns, about 10 s more",
    ]
    alone = ProgressLine(lines.append, clock=iter((0.0, 30.0)).__next__)
    alone.tell(0.25, 1)
    assert lines[-1] == "25% of the campaign, about 1 min 30 s more"


def test_a_long_campaign_says_how_far_it_is() -> None:
    shares: list[float] = []
    play(scenario(runs=6000), 1, shares.append)
    assert shares == sorted(shares)
    assert 0.2 < shares[0] < 0.7


@pytest.mark.parametrize("slots", [1, 64])
def test_a_page_fits_eighty_columns(slots: int) -> None:
    policies = {"naive": NAIVE, "trunk:still=12:refresh_every=3": CONFIRM}
    wanted = request(policies=policies, slots=SCENARIO.slots * slots, sigmas=(0.002,))
    cells = compared(wanted, 1, lambda *_: None)
    wide = Console(width=80, record=True, file=None, no_color=True)
    with wide.capture() as shown:
        wide.print(comparison_page(METRIC, cells))
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert "GPU-h" in shown.get()
    assert "\nrefresh_every=3" in shown.get()
    assert all(line.count("±") in (0, 1, 2) for line in lines)
    assert isinstance(cells[0], Cell)
