"""What is read of a run's log until it is looked at."""

import pytest

from evaluator.early_stop import EarlyLook, StopPlan
from evaluator.result import Crashed, CrashKind, EndedEarly, Measured
from trainer.run.early_losses import FLOOD, EarlyLosses, ended

MARK = b"0123456789abcdef"
PLAN = StopPlan(at=0.4, bar=3.0, ends=True, chance=0.1, head=1.0, at_zero=0.1, per_loss=0.4)


def line(step: int, loss: object) -> bytes:
    return f"step {step:05d} ({step}.0%) | loss: {loss} | lrm: 1.00\n".encode()


def log(losses: list[object], after: bytes = b"") -> bytes:
    return b"".join(line(step, loss) for step, loss in enumerate(losses)) + MARK + after


def read(text: bytes, plan: StopPlan | None = PLAN, size: int = 1 << 20) -> tuple[EarlyLosses, bytes]:
    early = EarlyLosses(plan, MARK)
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    return early, b"".join(map(early.passed_on, [*chunks, b""]))


def test_the_early_loss_is_the_mean_of_the_later_half_of_what_was_printed_before_the_mark() -> None:
    early, passed_on = read(log([9.0, 8.0, 4.0, 2.0], after=line(5, 0.0)))
    assert early.look == EarlyLook(PLAN, 3.0)
    assert passed_on == log([9.0, 8.0, 4.0, 2.0], after=line(5, 0.0)).replace(MARK, b"")


@pytest.mark.parametrize("size", [1, 2, 7, 16, 17, 50])
def test_it_is_the_same_however_the_log_is_cut(size: int) -> None:
    text = log([5.0, 4.5, 4.0, 3.5, "nan", 3.25], after=b"more 0123456789abcde and more\n")
    whole, early = read(text), read(text, size=size)
    assert early[0].look == whole[0].look != None  # noqa: E711 - it is there
    assert early[1] == whole[1] == text.replace(MARK, b"", 1)


def test_a_carriage_return_ends_a_line_too() -> None:
    early, _ = read(log([4.0, 4.0, 2.0, 2.0]).replace(b"\n", b"\r"))
    assert early.look == EarlyLook(PLAN, 2.0)


@pytest.mark.parametrize(
    "losses",
    [[], [3.0, 3.0, 3.0], ["nan"] * 9, ["inf"] * 9, [1e7] * 9, [-1e300] * 9, ["9" * 40] * 9, ["none"] * 9],
)
def test_without_enough_losses_there_is_no_look_and_nobody_is_ended(losses: list[object]) -> None:
    early, _ = read(log(losses))
    assert early.look is None
    assert not early.ends
    assert early.outcome(Measured(1.0)) == Measured(1.0)


def test_a_flood_of_losses_is_none() -> None:
    early, _ = read(line(1, 2.0) * (FLOOD + 1) + MARK)
    assert early.look is None
    early, _ = read(b"\xff\x00" * 200_000 + b"\n" + log([2.0] * 8))
    assert early.look == EarlyLook(PLAN, 2.0)


def test_a_run_that_is_not_looked_at_is_passed_on_as_it_is() -> None:
    text = log([4.0] * 8)
    early, passed_on = read(text, plan=None)
    assert early.look is None
    assert passed_on == text


def test_a_run_over_its_bar_is_ended_whatever_came_of_it_meanwhile() -> None:
    early, _ = read(log([4.0] * 8))
    assert early.ends
    for meanwhile in (Measured(0.1), Crashed(CrashKind.EXCEPTION, "ValueError: no")):
        outcome = early.outcome(meanwhile)
        assert isinstance(outcome, EndedEarly)
        assert (
            outcome.why == "at 40%: its losses were 4, over 3; by that it might have come to 1.7, an estimate"
        )
        assert outcome.estimate == pytest.approx(1.7)


@pytest.mark.parametrize("loss", [2.9, 3.0])
def test_a_run_at_its_bar_or_below_goes_on(loss: float) -> None:
    early, _ = read(log([loss] * 8))
    assert early.look == EarlyLook(PLAN, loss)
    assert not early.ends


def test_an_audited_run_goes_on_and_says_that_it_was_over_its_bar() -> None:
    plan = StopPlan(at=0.4, bar=3.0, ends=False, chance=0.1, head=1.0)
    early, _ = read(log([4.0] * 8), plan)
    assert early.look is not None
    assert early.look.over
    assert not early.ends
    assert early.outcome(Measured(1.0)) == Measured(1.0)


def test_without_an_expected_line_there_is_no_estimate() -> None:
    outcome = ended(EarlyLook(StopPlan(at=0.25, bar=3.0, ends=True), 3.5))
    assert outcome == EndedEarly("at 25%: its losses were 3.5, over 3", None)
