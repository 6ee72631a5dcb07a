"""What the benchmarks compute from what they saw."""

import json
import math

import pytest

from deploy.bench.intervals import Busy, Window, gaps, occupancy, quantile, whole
from deploy.bench.readings import Goal, Part, Reading, as_json, as_text

TRAININGS = [Busy("a", 0.0, 4.0), Busy("b", 1.0, 5.0), Busy("a", 5.0, 9.0), Busy("b", 5.0, 10.0)]


def test_occupancy_is_busy_time_over_all_slots_time() -> None:
    assert whole(TRAININGS) == Window(0.0, 10.0)
    assert occupancy(TRAININGS, 2, Window(0.0, 10.0)) == pytest.approx(17 / 20)


def test_what_lies_outside_the_window_does_not_count() -> None:
    assert occupancy(TRAININGS, 2, Window(0.0, 10.0).without_ends(4.5)) == pytest.approx(
        (0.5 + 0.5 + 0.5) / 2
    )


def test_a_slot_that_never_trained_counts_as_idle() -> None:
    assert occupancy(TRAININGS, 4, whole(TRAININGS)) == pytest.approx(17 / 40)


def test_a_window_without_time_has_no_occupancy() -> None:
    assert math.isnan(occupancy(TRAININGS, 2, Window(0.0, 10.0).without_ends(5.0)))
    assert math.isnan(occupancy(TRAININGS, 2, Window(0.0, 10.0).without_ends(15.0)))


def test_gaps_are_between_trainings_of_one_slot() -> None:
    assert gaps(reversed(TRAININGS)) == [0.0, 1.0]


def test_clocks_that_overlap_leave_no_negative_gap() -> None:
    assert gaps([Busy("a", 0.0, 2.0), Busy("a", 1.9, 3.0)]) == [0.0]


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (0.75, 3.0), (0.95, 4.0), (1.0, 4.0)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], share) == value


def test_no_values_have_no_quantile() -> None:
    assert math.isnan(quantile([], 0.5))


@pytest.mark.parametrize(
    ("value", "goal", "met"),
    [(0.95, Goal(0.95), True), (0.94, Goal(0.95), False), (20.0, Goal(20.0, at_most=True), True)],
)
def test_a_goal_is_met_from_its_good_side(value: float, goal: Goal, met: bool) -> None:
    assert Reading(what="x", value=value, goal=goal).met is met


@pytest.mark.parametrize("at_most", [False, True])
def test_a_reading_that_could_not_be_had_meets_no_goal(at_most: bool) -> None:
    assert Reading(what="x", value=math.nan, goal=Goal(1.0, at_most)).met is False


PART = Part(
    name="demo",
    title="Demo",
    readings=[
        Reading(what="share", value=0.96, goal=Goal(0.95), references={"bare": 0.99, "serial": 0.64}),
        Reading(what="rate", value=1234.0, unit="/s", goal=Goal(2000.0), references={"bare": 617.0}),
        Reading(what="missing", value=math.nan, unit="ms"),
    ],
    note="said below",
)


def test_the_table_shows_goals_and_ratios_side_by_side() -> None:
    lines = as_text(PART).splitlines()
    assert lines[2].split() == ["swarm", "goal", "met", "bare", "ratio", "serial", "ratio"]
    assert lines[3].split() == ["share", "0.960", "≥", "0.950", "yes", "0.990", "×0.970", "0.640", "×1.5"]
    assert lines[4].split() == ["rate", "1,234", "/s", "≥", "2,000", "NO", "617", "×2"]
    assert lines[5].split() == ["missing", "–", "ms"]
    assert lines[6] == "said below"


def test_the_document_says_the_same_and_is_json() -> None:
    document = json.loads(json.dumps(as_json([PART]), allow_nan=False))
    share, rate, missing = document["parts"][0]["readings"]
    assert (document["schema"], document["met"]) == (1, False)
    assert share["goal"] == {"bound": 0.95, "at_most": False, "met": True}
    assert rate["references"]["bare"] == {"value": 617.0, "ratio": 2.0}
    assert (missing["value"], missing["goal"]) == (None, None)
