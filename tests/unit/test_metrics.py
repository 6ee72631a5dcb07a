"""What the exporter says of a campaign that was played in memory."""

import random
from typing import get_args

import pytest
from msgspec.structs import asdict
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from coordinator.domain import Direction, Metric, Refusal, State, Verdict
from coordinator.rules import campaign
from coordinator.state.events import AnyEvent, RunReported
from coordinator.views.metric_labels import FAILURES, PHASES
from coordinator.views.metrics import Metrics
from evaluator.result import Cheated, Crashed, Measured, TimedOut
from tests.unit.metered_swarm import MeteredSwarm, entries, played
from tests.unit.swarm_of_rules import METRIC, Swarm, rules
from tests.unit.test_campaign_properties import play

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
WHERE = {"campaign", "division", "agent", "gpu", "task", "metric", "commit", "arm", "model"}
CLOSED = {
    "direction",
    "event",
    "kind",
    "le",
    "outcome",
    "phase",
    "reason",
    "result",
    "state",
    "tier",
    "unit",
    "verdict",
    "window",
}
UNITS = ("_seconds", "_ratio", "_value", "_info", "_total", "_usd")
COUNTS_AND_STATES = {
    "arm_briefs_without_result",
    "agent_set_aside",
    "arm_stopped",
    "agents",
    "agent_state",
    "best_depth",
    "false_merges_expected",
    "campaign_state",
    "experiments_open",
    "run_budget",
    "llm_unpriced_calls",
    "llm_estimated_calls",
}
OF_THIS_PROCESS = ("autoswarm_journal_delay", "autoswarm_snapshot", "process_")
"""What no journal knows."""


def exposition(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def series(metrics: Metrics) -> Series:
    families = text_string_to_metric_families(exposition(metrics))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"autoswarm_{name}", {"campaign": "test", **labels})


@pytest.fixture(scope="module")
def swarm() -> MeteredSwarm:
    return played()


def test_the_campaign_played_has_everything_there_is_to_count(swarm: MeteredSwarm) -> None:
    outcomes = {type(event.result.outcome) for _, event in swarm.journal if isinstance(event, RunReported)}
    assert outcomes == {Measured, Crashed, TimedOut, Cheated}
    assert len(swarm.state.divisions["cpu"].history) > 2
    assert swarm.state.outcomes["lost"] == 1


def test_every_series_has_a_help_text_a_campaign_and_only_known_labels(swarm: MeteredSwarm) -> None:
    for family in text_string_to_metric_families(exposition(swarm.metrics)):
        if family.name.startswith("process_"):
            continue
        assert family.documentation.endswith("."), family.name
        for sample in family.samples:
            assert sample.labels["campaign"] == "test"
            assert set(sample.labels) <= WHERE | CLOSED, sample


def test_names_have_the_prefix_and_end_in_their_unit(swarm: MeteredSwarm) -> None:
    for family in text_string_to_metric_families(exposition(swarm.metrics)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if not name.startswith("process_"):
            bare = name.removeprefix("autoswarm_")
            assert bare != name
            assert bare in COUNTS_AND_STATES or bare.endswith(UNITS), name


def test_calls_and_their_dollars_are_counted_by_arm_and_model_and_unpriced_ones_apart(
    swarm: MeteredSwarm,
) -> None:
    labels = {"arm": "search", "model": "openai/test"}
    assert value(swarm.metrics, "llm_calls_total", **labels) == 2.0
    assert value(swarm.metrics, "llm_tokens_total", kind="prompt", **labels) == 1800.0
    assert value(swarm.metrics, "llm_spent_usd", **labels) == 0.25
    assert value(swarm.metrics, "llm_unpriced_calls", **labels) == 1.0
    assert value(swarm.metrics, "llm_call_duration_seconds_sum", model="openai/test") == 6.0


def test_experiments_and_what_models_wrote_label_nothing(swarm: MeteredSwarm) -> None:
    said = {text for _, labels in series(swarm.metrics) for _, text in labels if text}
    for experiment in swarm.state.experiments.values():
        assert not said & {
            experiment.experiment,
            experiment.title,
            experiment.reason,
            *(run.run for run in experiment.runs),
        }
    assert {name for name, labels in series(swarm.metrics) if "commit" in dict(labels)} == {
        "autoswarm_best_commit_info"
    }


def test_every_word_of_an_enum_is_there_at_zero_before_anything_happens() -> None:
    fresh = MeteredSwarm().metrics
    assert [value(fresh, "experiments_finished_total", state=state) for state in State if state.final] == [
        0
    ] * 5
    assert {value(fresh, "verdicts_total", verdict=verdict) for verdict in Verdict} == {0}
    assert {value(fresh, "proposals_total", result=result) for result in ("accepted", *Refusal)} == {0}
    assert {value(fresh, "failures_total", reason=reason) for reason in FAILURES} == {0}
    assert {
        value(fresh, "runs_total", outcome=outcome)
        for outcome in ("measured", "crashed", "timed_out", "cheated", "lost")
    } == {0}
    assert {value(fresh, "phase_duration_seconds_count", phase=phase) for phase in PHASES} == {0}
    tags = [kind.__struct_config__.tag for kind in get_args(AnyEvent)]
    assert sum(value(fresh, "journal_events_total", event=tag) or 0 for tag in tags) == len(
        ("started", "epoch")
    )
    assert None not in {value(fresh, "journal_events_total", event=tag) for tag in tags}


def test_what_is_not_known_yet_has_no_series() -> None:
    swarm = MeteredSwarm()
    swarm.join("agent-00")
    assert value(swarm.metrics, "best_value", division="cpu", metric=METRIC.name) is None
    assert value(swarm.metrics, "best_depth", division="cpu") == 0


def test_counts_are_the_status_pages(swarm: MeteredSwarm) -> None:
    page, metrics = swarm.page(), swarm.metrics
    experiments, runs = asdict(page.experiments), asdict(page.runs)
    for state in State:
        name = "experiments_finished_total" if state.final else "experiments_open"
        assert value(metrics, name, state=state) == experiments[state]
    assert {outcome: value(metrics, "runs_total", outcome=outcome) for outcome in runs} == runs
    verdicts = {verdict: value(metrics, "verdicts_total", verdict=verdict) for verdict in page.verdicts}
    assert verdicts == page.verdicts


def test_proposals_and_failures_are_counted_by_what_became_of_them(swarm: MeteredSwarm) -> None:
    metrics = swarm.metrics
    assert value(metrics, "proposals_total", result="accepted") == len(swarm.state.by_ordinal)
    assert value(metrics, "proposals_total", result="does_not_compile") == 1
    assert value(metrics, "failures_total", reason="out_of_memory") == 1
    assert value(metrics, "failures_total", reason="timed_out_wall_cap") == 1
    assert value(metrics, "failures_total", reason="cheated") == 1
    failed = (
        swarm.state.outcomes["crashed"] + swarm.state.outcomes["timed_out"] + swarm.state.outcomes["cheated"]
    )
    assert sum(value(metrics, "failures_total", reason=reason) or 0 for reason in FAILURES) == failed


def test_the_best_is_there_with_its_value_its_gain_and_its_only_commit(swarm: MeteredSwarm) -> None:
    metrics, division = swarm.metrics, swarm.state.divisions["cpu"]
    first, best = division.history[0], division.history[-1]
    labels = {"division": "cpu", "metric": METRIC.name}
    assert value(metrics, "best_value", **labels) == best.value
    assert value(metrics, "baseline_value", **labels) == first.value
    assert value(metrics, "best_gain_value", **labels) == pytest.approx(first.value - best.value)
    assert value(metrics, "noise_sigma_value", **labels) == division.sigma
    assert value(metrics, "best_depth", division="cpu") == len(division.history) - 1
    assert value(metrics, "best_timestamp_seconds", division="cpu") == best.at
    commits = [
        dict(labels)["commit"] for name, labels in series(metrics) if name == "autoswarm_best_commit_info"
    ]
    assert commits == [best.commit]


def test_improvements_are_positive_and_add_up_to_the_gain(swarm: MeteredSwarm) -> None:
    labels = {"division": "cpu", "metric": METRIC.name}
    assert value(swarm.metrics, "improvement_value_count", **labels) == value(
        swarm.metrics, "best_depth", division="cpu"
    )
    assert value(swarm.metrics, "improvement_value_sum", **labels) == pytest.approx(
        value(swarm.metrics, "best_gain_value", **labels)
    )


def test_a_gain_is_positive_where_higher_is_better_too() -> None:
    metric = Metric("accuracy", Direction.MAXIMIZE)
    swarm = MeteredSwarm(rules(metric=metric))
    swarm.join("agent-00")
    for _ in range(30):
        swarm.work("agent-00")
    gain = value(swarm.metrics, "best_gain_value", division="cpu", metric="accuracy")
    assert gain is not None
    assert gain > 0


def test_phases_and_gaps_are_observed_once_per_run_that_came_to_them(swarm: MeteredSwarm) -> None:
    runs = sum(isinstance(event, RunReported) for _, event in swarm.journal)
    assert value(swarm.metrics, "phase_duration_seconds_count", phase="train") == runs
    assert value(swarm.metrics, "phase_duration_seconds_sum", phase="train") == 3.0 * runs
    assert value(swarm.metrics, "slot_gap_seconds_count") == runs


def test_a_slot_is_busy_for_no_longer_than_it_is_held(swarm: MeteredSwarm) -> None:
    busy, held = (
        value(swarm.metrics, f"slot_{kind}_seconds_total", division="cpu") for kind in ("busy", "held")
    )
    assert busy is not None
    assert held is not None
    assert 0 < busy < held
    assert busy == pytest.approx(swarm.state.occupancy.busy)


def test_the_budget_of_a_run_is_there_in_its_unit(swarm: MeteredSwarm) -> None:
    assert value(swarm.metrics, "run_budget", unit="flops") == 1e11
    assert value(swarm.metrics, "run_wall_cap_seconds") == 60.0
    assert value(swarm.metrics, "campaign_started_timestamp_seconds") == 1000.0


def test_an_agent_that_left_has_no_series(swarm: MeteredSwarm) -> None:
    agents = {
        dict(labels)["agent"] for name, labels in series(swarm.metrics) if name == "autoswarm_agent_state"
    }
    assert agents == {"agent-00", "agent-01"}
    assert "agent-02" not in exposition(swarm.metrics)
    assert value(swarm.metrics, "agents", state="idle") == 2


def test_an_agent_is_in_exactly_one_state() -> None:
    swarm = MeteredSwarm()
    swarm.join("agent-00")
    swarm.lease("agent-00")
    assert [
        value(swarm.metrics, "agent_state", agent="agent-00", state=state)
        for state in ("idle", "training", "lost")
    ] == [0, 1, 0]
    assert value(swarm.metrics, "agent_progress_ratio", agent="agent-00") == 0.5


def test_the_delay_runs_from_the_decision_to_the_telling() -> None:
    swarm = MeteredSwarm()
    before = value(swarm.metrics, "journal_delay_seconds_sum")
    swarm.commit(campaign.drain(swarm.state, "enough"))
    swarm.tell()
    assert value(swarm.metrics, "journal_delay_seconds_sum") == (before or 0) + 1.0


def test_counters_rebuilt_from_the_journal_equal_the_live_ones(swarm: MeteredSwarm) -> None:
    again = Metrics("test", METRIC.name)
    again.rebuild(entries(swarm))
    again.show(swarm.page)
    assert lasting(again) == lasting(swarm.metrics)


@pytest.mark.parametrize("seed", range(3))
def test_a_listener_that_sees_only_the_last_state_counts_the_same(seed: int) -> None:
    """A live listener is told of an event when the state is already ahead; nothing it counts may depend on
    that.
    """
    swarm = Swarm()
    play(swarm, random.Random(seed), steps=1500, agents=3)
    late, replayed = Metrics("test", METRIC.name), Metrics("test", METRIC.name)
    for at, event in swarm.journal:
        late.observe(event, at, swarm.state)
    replayed.rebuild(entries(swarm))
    assert lasting(late) == lasting(replayed)


def lasting(metrics: Metrics) -> Series:
    return {key: number for key, number in series(metrics).items() if not key[0].startswith(OF_THIS_PROCESS)}


def test_a_run_leased_before_anybody_counted_is_no_error() -> None:
    swarm = MeteredSwarm()
    swarm.join("agent-00")
    run = swarm.lease("agent-00")
    assert run is not None
    swarm.counted = len(swarm.journal)
    swarm.report("agent-00", run)
    swarm.tell()
    assert value(swarm.metrics, "phase_duration_seconds_count", phase="train") == 1


def test_sixty_four_agents_make_fewer_than_two_thousand_series() -> None:
    swarm = played(agents=64, rounds=3)
    assert len(swarm.state.agents) == 64
    assert len(series(swarm.metrics)) < 2000
