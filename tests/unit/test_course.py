import pytest

from evaluator.job import Evaluating, Final, FirstBatch, Spent
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Lost, Measured, Outcome, Seconds, TimedOut
from trainer.run.lifecycle import CRASH_GRACE, JUDGE_GRACE, SUMMARY_GRACE, Course


def final(outcome: Outcome) -> Final:
    return Final(outcome=outcome, spent=8.0, steps=8)


NO_RESULT = final(Crashed(CrashKind.NO_RESULT, "it ended without evaluating"))


@pytest.fixture
def course() -> Course:
    return Course(started=100.0, wall_cap=60.0)


def over(course: Course, now: float) -> bool:
    return now >= course.ends_at()


def test_a_run_goes_on_until_its_wall_cap(course: Course) -> None:
    assert course.ends_at() == 160.0
    course.end(160.0)
    assert course.outcome("", "") == TimedOut(Limit.WALL_CAP, 60.0)


def test_a_measured_variant_may_print_its_summary_and_is_over_when_it_ends(course: Course) -> None:
    course.hear(final(Measured(1.5)), 120.0)
    assert course.ends_at() == 120.0 + SUMMARY_GRACE
    course.variant_ended(0, 121.0)
    assert over(course, 121.0)
    course.end(121.0)
    assert course.outcome("", "") == Measured(1.5)


def test_no_grace_goes_beyond_the_wall_cap_and_a_value_stands_there(course: Course) -> None:
    course.hear(final(Measured(1.5)), 159.0)
    assert course.ends_at() == 160.0
    course.end(160.0)
    assert course.outcome("", "") == Measured(1.5)


def test_a_variant_whose_judge_gave_up_may_say_why(course: Course) -> None:
    course.hear(NO_RESULT, 120.0)
    assert course.ends_at() == 120.0 + CRASH_GRACE


@pytest.mark.parametrize("outcome", [Cheated("leak", "much"), TimedOut(Limit.BUDGET, 3.0)])
def test_a_cheat_or_an_overspender_is_ended_at_once(course: Course, outcome: Outcome) -> None:
    course.hear(final(outcome), 120.0)
    assert over(course, 120.0)


def test_the_judge_has_a_while_for_its_last_word(course: Course) -> None:
    course.variant_ended(1, 120.0)
    assert course.ends_at() == 120.0 + JUDGE_GRACE
    course.hear(NO_RESULT, 121.0)
    assert over(course, 121.0)
    course.end(121.0)
    assert course.outcome("Traceback (most recent call last):\nValueError: x", "") == Crashed(CrashKind.DOES_NOT_START, "ValueError: x")


def test_a_judge_that_ends_without_a_word_loses_the_run(course: Course) -> None:
    course.judge_ended()
    assert over(course, 100.0)
    course.end(110.0)
    assert course.outcome("", "KeyError: 3") == Lost("judge crashed: KeyError: 3")


def test_a_judge_that_ends_after_its_last_word_changes_nothing(course: Course) -> None:
    course.hear(final(Measured(1.5)), 120.0)
    course.judge_ended()
    assert not over(course, 121.0)


def test_a_silent_judge_is_not_the_variant_s_fault_even_at_the_wall_cap(course: Course) -> None:
    course.variant_ended(0, 155.0)
    assert course.ends_at() == 160.0
    course.end(160.0)
    assert course.outcome("", "") == Lost("judge crashed")


def test_a_stopped_run_is_over(course: Course) -> None:
    course.stop("cancelled")
    assert over(course, 100.0)
    course.end(101.0)
    assert course.outcome("", "") == Lost("cancelled")


def test_what_ends_after_the_end_was_ended_by_us(course: Course) -> None:
    """1. The judge gave up. 2. The grace passed. 3. We killed the variant; that SIGKILL is not memory running out."""
    course.hear(FirstBatch(), 101.0)
    course.hear(NO_RESULT, 120.0)
    course.end(122.0)
    course.variant_ended(-9, 122.1)
    assert course.outcome("", "") == Crashed(CrashKind.NO_RESULT, "it ended without evaluating")


def test_phases_are_timed_by_what_the_judge_says(course: Course) -> None:
    course.hear(FirstBatch(), 103.0)
    course.hear(Evaluating(), 120.0)
    course.hear(final(Measured(1.5)), 124.0)
    course.variant_ended(0, 125.0)
    course.end(125.5)
    assert course.seconds() == Seconds(startup=3.0, train=17.0, evaluate=4.0, total=25.0)


@pytest.mark.parametrize(("first", "expected"), [(None, Seconds(9.0, 0.0, 0.0, 9.0)), (103.0, Seconds(3.0, 6.0, 0.0, 9.0))])
def test_a_phase_that_was_not_reached_has_no_seconds(course: Course, first: float | None, expected: Seconds) -> None:
    if first is not None:
        course.hear(FirstBatch(), first)
    course.end(109.0)
    assert course.seconds() == expected


def test_the_share_stays_between_0_and_1(course: Course) -> None:
    assert course.progress(None, None).share == 0.0
    course.hear(Spent(0.5, 4), 105.0)
    assert (course.progress(4, 2.5).share, course.steps) == (0.5, 4)
    course.hear(Spent(1.02, 8), 110.0)
    assert course.progress(8, 2.0).share == 1.0


def test_a_run_that_has_not_ended_has_no_outcome(course: Course) -> None:
    with pytest.raises(ValueError, match="not ended"):
        course.outcome("", "")
