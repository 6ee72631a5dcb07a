"""What the benchmark of judging reads from runs of two builds."""

import math

import pytest

from deploy.bench.one_run import Errand, RunFacts
from deploy.bench.readings import Goal, Reading
from deploy.bench.side_by_side import BEFORE, MIB, MOST_TIMES, Runs, cpu, ratios, readings, standard_error
from deploy.bench.trust import in_turn


def evaluated(in_process: float, judged: float) -> RunFacts:
    return RunFacts(marks={"in_process": in_process, "evaluated": judged})


def audited(seconds: float, used: float = 3.0) -> RunFacts:
    return RunFacts(marks={"asked": 100.0}, finished=100.0 + seconds, cpu=used)


def sampled(mebibytes: float) -> RunFacts:
    return RunFacts(peak=mebibytes * MIB)


THIS = Runs(
    evaluated=[evaluated(1.0, 1.2), evaluated(2.0, 2.2), evaluated(1.0, 1.3)],
    audited=[audited(4.0), audited(8.0), audited(4.0, used=9.0)],
    sampled=[sampled(300.0), sampled(310.0), sampled(290.0)],
)
OTHER = Runs(
    evaluated=[evaluated(1.0, 1.1), evaluated(1.0, 1.1), evaluated(1.0, 1.1)],
    audited=[audited(5.0), audited(10.0), audited(4.0)],
    sampled=[sampled(600.0), sampled(620.0), sampled(580.0)],
)


def by_name(runs: Runs, before: Runs | None) -> dict[str, Reading]:
    return {reading.what: reading for reading in readings(runs, before)}


def test_judged_evaluation_stands_beside_that_in_process_and_that_of_the_build_before() -> None:
    first, times, *_ = readings(THIS, OTHER)
    assert first.value == pytest.approx(1.3)
    assert first.references == {"in process": 1.0, BEFORE: pytest.approx(1.1)}
    assert times.value == pytest.approx(1.2)
    assert times.references == {BEFORE: pytest.approx(1.1)}
    assert times.goal == Goal(MOST_TIMES, at_most=True)
    assert times.met is True


def test_a_ratio_to_the_build_before_is_the_middle_one_of_neighbors() -> None:
    """Not that of the medians, which a machine that slows down in the middle would spoil."""
    _, _, verdict, times, *_ = readings(THIS, OTHER)
    assert (verdict.value, verdict.references) == (4.0, {BEFORE: 5.0})
    assert times.value == pytest.approx(0.8)
    assert times.goal == Goal(1.0, at_most=True)  # two of three are the same


def test_memory_is_held_to_the_build_before_without_a_tolerance() -> None:
    *_, memory, times, used = readings(THIS, OTHER)
    assert (memory.value, memory.references) == (300.0, {BEFORE: 600.0})
    assert times.goal == Goal(1.0, at_most=True)
    assert times.value == pytest.approx(0.5)
    assert (used.value, used.references) == (3.0, {BEFORE: 3.0})


def test_without_a_build_before_there_are_its_own_figures_only() -> None:
    alone = by_name(THIS, None)
    assert not any(BEFORE in reading.references for reading in alone.values())
    assert not any("build before" in what for what in alone)
    assert alone["peak memory of an audited run"].value == 300.0


def test_what_a_run_did_not_show_is_not_known_and_meets_no_goal() -> None:
    silent = Runs(evaluated=[RunFacts()], audited=[RunFacts()], sampled=[RunFacts()])
    assert all(math.isnan(reading.value) for reading in readings(silent, silent) if reading.goal)
    assert not any(reading.met for reading in readings(silent, silent) if reading.goal)


def test_runs_without_a_partner_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios(cpu, THIS.audited, OTHER.audited[:1])


def test_a_ratio_is_allowed_its_own_spread_and_no_more_than_a_tenth() -> None:
    one = [audited(10.0)] * 5
    for spread, bound in ((0.01, 1.0 + 2 * 1.2533 * 1.4826 * 0.01 / math.sqrt(5)), (0.5, 1.1)):
        runs = Runs(audited=[audited(10.0 * (1 + number * spread)) for number in (-2, -1, 0, 1, 2)])
        times = readings(runs, Runs(audited=one))[3]
        assert times.goal is not None
        assert times.goal.bound == pytest.approx(bound)
    assert standard_error([math.nan, 1.0]) == 0.0


class Watched:
    """A build that notes whose turn it is."""

    def __init__(self, name: str, turns: list[str]) -> None:
        self._name, self._turns = name, turns

    def run(self, errand: Errand) -> RunFacts:
        self._turns.append(f"{self._name} {errand.name}")
        return RunFacts(cpu=float(errand.seed))


def test_builds_take_turns_and_neither_is_always_the_first() -> None:
    turns: list[str] = []
    kinds = {"evaluated": Errand(name="e"), "audited": Errand(name="a"), "sampled": Errand(name="s")}
    runs, before = in_turn(Watched("this", turns), Watched("other", turns), 2, kinds)
    assert turns[:6] == ["this first", "other first", "this e0", "other e0", "other e1", "this e1"]
    assert len(turns) == 2 + 2 * 2 * 3
    assert before is not None
    assert [run.cpu for run in before.audited] == [run.cpu for run in runs.audited] == [0.0, 1.0]


def test_one_build_alone_has_no_runs_beside_it() -> None:
    runs, before = in_turn(Watched("this", []), None, 3, {"sampled": Errand(name="s")})
    assert before is None
    assert len(runs.sampled) == 3
