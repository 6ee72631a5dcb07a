"""The benchmarks run, at toy size. Nothing here says how fast anything should be."""

import math
from pathlib import Path

import msgspec
import pytest

from agents.edits.apply import apply
from agents.edits.outcome import Edited, Problem
from agents.proposers.llm.prompt import first_messages
from coordinator.domain import Direction, Metric, State
from coordinator.protocol import Brief
from deploy.bench import cost, reports
from deploy.bench.endpoint import edit
from deploy.bench.ideas import nudged
from deploy.bench.intervals import Busy
from deploy.bench.model_calls import experiment, fill, measure_baseline, opened
from deploy.bench.occupancy import CASES, MODEL_CASES, Case, MeasuredCase, readings
from deploy.bench.scenario import Scenario, config_of, trainings
from deploy.wiring import layout_of

TOY = Scenario(name="toy", slots=2, thinking=0.2, training=0.3, crash_ratio=0.5, crash_seconds=0.1)


def test_crashes_of_the_reference_are_spread_evenly_and_as_many_as_asked_for() -> None:
    durations = TOY.durations()
    assert [next(durations) for _ in range(4)] == [0.3, 0.1, 0.3, 0.1]
    third = Scenario(name="third", slots=1, thinking=0.0, training=2.0, crash_ratio=0.3).durations()
    assert sum(next(third) == 0.2 for _ in range(1000)) == pytest.approx(300, abs=1)


def test_trainings_are_read_from_the_journal_as_their_trainers_timed_them(tmp_path: Path) -> None:
    config = config_of(TOY, tmp_path)
    with opened(config) as service:
        measure_baseline(service, "slot0")
        experiment(service, "slot0", 1)
        results = [run.result for run in service.state.runs.values() if run.result]
    done = trainings(layout_of(config))
    assert {one.slot for one in done} == {"slot0"}
    assert [(one.start, one.end) for one in done] == [(one.started_at, one.finished_at) for one in results]


def test_readings_compare_the_swarm_with_the_same_time_of_others() -> None:
    swarm = [Busy("a", 0.0, 9.0), Busy("a", 9.5, 20.0)]
    measured = MeasuredCase(
        swarm, [Busy("x", 0.0, 20.0)], [Busy("x", 0.0, 5.0), Busy("x", 15.0, 20.0)], cpu=0.004
    )
    case = Case(
        scenario=Scenario(name="one", slots=1, thinking=1.0, training=10.0), whole=0.95, steady=0.98, gap=20.0
    )
    whole, steady, gap, _, cpu = readings(case, measured, margin=5.0)
    assert whole.value == pytest.approx(0.975)
    assert whole.met is True
    assert whole.references == {"bare Ray": pytest.approx(1.0), "serial loop": pytest.approx(0.5)}
    assert steady.value == pytest.approx(0.95)
    assert steady.met is False
    assert gap.value == pytest.approx(500.0)
    assert gap.met is False
    assert cpu.value == pytest.approx(4.0)


def test_every_filled_experiment_has_its_verdict(tmp_path: Path) -> None:
    with opened(config_of(TOY, tmp_path)) as service:
        measure_baseline(service, "slot0")
        fill(service, "slot0", range(60))
        assert service.state.states[State.REJECTED] == 60
        assert service.state.settled == 60


def test_cost_is_measured_at_the_sizes_asked_for(tmp_path: Path) -> None:
    part = cost.part(tmp_path, sizes=(5, 30), samples=3)
    early, late, growth = part.readings
    assert early.what == "CPU an experiment, 5 before it"
    assert early.value > 0
    assert growth.value == pytest.approx(late.value / early.value)


def test_reports_are_made_by_all_callers_and_each_counts_once(tmp_path: Path) -> None:
    config = config_of(TOY, tmp_path)
    made = reports.in_process(config, callers=3, reports=4)
    assert len(made.latencies) == 12
    assert made.rate == pytest.approx(12 / made.seconds)
    with opened(config) as service:
        assert service.state.states[State.REJECTED] == 12


def test_a_report_that_does_not_count_stops_the_measurement(tmp_path: Path) -> None:
    config = config_of(TOY, tmp_path)
    dues = reports.prepared(config, 2)
    with opened(config) as service:
        reports.make(dues, [service])
        with pytest.raises(AssertionError, match="did not count"):
            reports.make(dues, [service])


def test_the_disk_by_itself_is_measured(tmp_path: Path) -> None:
    assert 0 < reports.raw_rate(tmp_path / "raw.db", "{}", commits=5) < math.inf


def test_every_case_has_a_goal_and_a_name_of_its_own() -> None:
    cases = [*CASES, *MODEL_CASES]
    assert len({case.scenario.name for case in cases}) == len(cases)
    assert all(case.whole or case.steady for case in cases)


def test_the_rehearsed_model_edits_the_program_it_is_shown() -> None:
    source = "from prepare import evaluate_bpb\n\nA = 1  # ```\nB = 2.5\nevaluate_bpb(A)\n"
    brief = Brief(
        ordinal=1,
        seed=1,
        arm="m",
        division="cpu",
        metric=Metric("val_bpb", Direction.MINIMIZE),
        parent="c0ffee",
        source=source,
    )
    messages = [msgspec.to_builtins(message) for message in first_messages(brief, "Go on.", "train.py")]
    edited = apply(edit(messages, seed=1), source)
    assert isinstance(edited, Edited)
    assert edited.source == nudged(source, 1)[0] != source
    assert isinstance(apply(edit(messages, seed=1, fits=False), source), Problem)
