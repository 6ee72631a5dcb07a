import pytest

from evaluator.classify import WHILE_EVALUATED
from evaluator.job import Evaluating, Final, FirstBatch, HandedOver, Spent, WantsTwin
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Lost, Measured, Outcome, Seconds, TimedOut
from trainer.run.lifecycle import CRASH_GRACE, JUDGE_GRACE, SUMMARY_GRACE, Lifecycle


def final(outcome: Outcome) -> Final:
    return Final(outcome=outcome, spent=8.0, steps=8)


NO_RESULT = final(Crashed(CrashKind.NO_RESULT, "it ended without evaluating"))


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle(started=100.0, wall_cap=60.0)


def over(lifecycle: Lifecycle, now: float) -> bool:
    return now >= lifecycle.ends_at()


def test_a_run_goes_on_until_its_wall_cap(lifecycle: Lifecycle) -> None:
    assert lifecycle.ends_at() == 160.0
    lifecycle.end(160.0)
    assert lifecycle.outcome("", "") == TimedOut(Limit.WALL_CAP, 60.0)


def test_a_measured_variant_may_print_its_summary_and_is_over_when_it_ends(lifecycle: Lifecycle) -> None:
    lifecycle.hear(final(Measured(1.5)), 120.0)
    assert lifecycle.ends_at() == 120.0 + SUMMARY_GRACE
    lifecycle.variant_ended(0, 121.0)
    assert over(lifecycle, 121.0)
    lifecycle.end(121.0)
    assert lifecycle.outcome("", "") == Measured(1.5)


def test_no_grace_goes_beyond_the_wall_cap_and_a_value_stands_there(lifecycle: Lifecycle) -> None:
    lifecycle.hear(final(Measured(1.5)), 159.0)
    assert lifecycle.ends_at() == 160.0
    lifecycle.end(160.0)
    assert lifecycle.outcome("", "") == Measured(1.5)


def test_a_variant_whose_judge_gave_up_may_say_why(lifecycle: Lifecycle) -> None:
    lifecycle.hear(NO_RESULT, 120.0)
    assert lifecycle.ends_at() == 120.0 + CRASH_GRACE


@pytest.mark.parametrize("outcome", [Cheated("leak", "much"), TimedOut(Limit.BUDGET, 3.0)])
def test_a_cheat_or_an_overspender_is_ended_at_once(lifecycle: Lifecycle, outcome: Outcome) -> None:
    lifecycle.hear(final(outcome), 120.0)
    assert over(lifecycle, 120.0)


def test_the_judge_has_a_while_for_its_last_word(lifecycle: Lifecycle) -> None:
    lifecycle.variant_ended(1, 120.0)
    assert lifecycle.ends_at() == 120.0 + JUDGE_GRACE
    lifecycle.hear(NO_RESULT, 121.0)
    assert over(lifecycle, 121.0)
    lifecycle.end(121.0)
    assert lifecycle.outcome("Traceback (most recent call last):\nValueError: x", "") == Crashed(
        CrashKind.DOES_NOT_START, "ValueError: x"
    )


def test_a_judge_that_ends_without_a_word_loses_the_run(lifecycle: Lifecycle) -> None:
    lifecycle.judge_ended()
    assert over(lifecycle, 100.0)
    lifecycle.end(110.0)
    assert lifecycle.outcome("", "KeyError: 3") == Lost("judge crashed: KeyError: 3")


def test_a_judge_that_ends_after_its_last_word_changes_nothing(lifecycle: Lifecycle) -> None:
    lifecycle.hear(final(Measured(1.5)), 120.0)
    lifecycle.judge_ended()
    assert not over(lifecycle, 121.0)


def test_a_silent_judge_is_not_the_variant_s_fault_even_at_the_wall_cap(lifecycle: Lifecycle) -> None:
    lifecycle.variant_ended(0, 155.0)
    assert lifecycle.ends_at() == 160.0
    lifecycle.end(160.0)
    assert lifecycle.outcome("", "") == Lost("judge crashed")


def test_a_stopped_run_is_over(lifecycle: Lifecycle) -> None:
    lifecycle.stop("cancelled")
    assert over(lifecycle, 100.0)
    lifecycle.end(101.0)
    assert lifecycle.outcome("", "") == Lost("cancelled")


def test_what_ends_after_the_end_was_ended_by_us(lifecycle: Lifecycle) -> None:
    """1. The judge gave up. 2. The grace passed. 3. We killed the variant; that SIGKILL is not memory running
    out.
    """
    lifecycle.hear(FirstBatch(), 101.0)
    lifecycle.hear(NO_RESULT, 120.0)
    lifecycle.end(122.0)
    lifecycle.variant_ended(-9, 122.1)
    assert lifecycle.outcome("", "") == Crashed(CrashKind.NO_RESULT, "it ended without evaluating")


def test_a_variant_whose_twin_is_wanted_is_ended_by_us_and_never_comes_back(lifecycle: Lifecycle) -> None:
    lifecycle.hear(HandedOver(), 118.0)
    lifecycle.hear(WantsTwin(), 119.0)
    lifecycle.variant_ended(-9, 119.1)
    assert lifecycle.ends_at() == 160.0
    lifecycle.hear(final(Measured(1.5)), 125.0)
    assert over(lifecycle, 125.0)
    lifecycle.end(125.0)
    assert lifecycle.outcome("", "") == Measured(1.5)
    assert lifecycle.seconds().total == 25.0


def test_one_that_ends_by_itself_before_its_twin_leaves_the_judge_all_its_time(lifecycle: Lifecycle) -> None:
    lifecycle.variant_ended(-9, 118.0)
    lifecycle.hear(WantsTwin(), 119.0)
    assert lifecycle.ends_at() == 160.0
    lifecycle.end(160.0)
    assert lifecycle.outcome("", "") == TimedOut(Limit.WALL_CAP, 60.0)


def test_one_that_was_shown_rows_is_told_by_its_class_alone(lifecycle: Lifecycle) -> None:
    lifecycle.hear(FirstBatch(), 101.0)
    lifecycle.hear(HandedOver(), 118.0)
    lifecycle.variant_ended(1, 119.0)
    lifecycle.hear(NO_RESULT, 119.1)
    lifecycle.end(119.1)
    assert lifecycle.outcome("Traceback (most recent call last):\nValueError: a row", "") == Crashed(
        CrashKind.EXCEPTION, WHILE_EVALUATED
    )


def test_phases_are_timed_by_what_the_judge_says(lifecycle: Lifecycle) -> None:
    lifecycle.hear(FirstBatch(), 103.0)
    lifecycle.hear(Evaluating(), 120.0)
    lifecycle.hear(final(Measured(1.5)), 124.0)
    lifecycle.variant_ended(0, 125.0)
    lifecycle.end(125.5)
    assert lifecycle.seconds() == Seconds(startup=3.0, train=17.0, evaluate=4.0, total=25.0)


@pytest.mark.parametrize(
    ("first", "expected"), [(None, Seconds(9.0, 0.0, 0.0, 9.0)), (103.0, Seconds(3.0, 6.0, 0.0, 9.0))]
)
def test_a_phase_that_was_not_reached_has_no_seconds(
    lifecycle: Lifecycle, first: float | None, expected: Seconds
) -> None:
    if first is not None:
        lifecycle.hear(FirstBatch(), first)
    lifecycle.end(109.0)
    assert lifecycle.seconds() == expected


def test_the_share_stays_between_0_and_1(lifecycle: Lifecycle) -> None:
    assert lifecycle.progress(None, None).share == 0.0
    lifecycle.hear(Spent(0.5, 4), 105.0)
    assert (lifecycle.progress(4, 2.5).share, lifecycle.steps) == (0.5, 4)
    lifecycle.hear(Spent(1.02, 8), 110.0)
    assert lifecycle.progress(8, 2.0).share == 1.0


def test_a_run_that_has_not_ended_has_no_outcome(lifecycle: Lifecycle) -> None:
    with pytest.raises(ValueError, match="not ended"):
        lifecycle.outcome("", "")


def test_how_long_nothing_was_spent_is_known_of_a_run_that_is_ended(lifecycle: Lifecycle) -> None:
    lifecycle.hear(Spent(0.5, 4), 120.0)
    lifecycle.end(160.0)
    assert (lifecycle.wall_capped, lifecycle.stalled) == (True, 40.0)
    assert lifecycle.outcome("", "") == TimedOut(Limit.WALL_CAP, 60.0, "50.0% of its budget was spent")


def test_a_run_that_ended_by_itself_met_no_wall_cap(lifecycle: Lifecycle) -> None:
    lifecycle.variant_ended(0, 120.0)
    lifecycle.end(130.0)
    assert not lifecycle.wall_capped
