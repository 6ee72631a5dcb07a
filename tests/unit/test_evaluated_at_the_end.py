"""When an evaluation counts, and what a call of it after one that came to no end is shown."""

from pathlib import Path
from threading import Thread

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.budget import Budget, Unit
from evaluator.job import JudgeJob
from evaluator.judging.auditing.handing_over import Handed, ask_for_weights
from evaluator.judging.claims import Claims
from evaluator.judging.data import read_manifest
from evaluator.judging.evaluation_calls import MOST_CALLS, EvaluationCalls
from evaluator.judging.messages import (
    TOKENS_LIMIT,
    Evaluate,
    HandOver,
    Losses,
    NextBatch,
    Reply,
    Request,
    Rows,
    Weights,
)
from evaluator.judging.metering.early import EARLIEST, come_to, early
from evaluator.judging.run_end import RunEndedError
from evaluator.judging.wire import Channel, ClosedError, pair
from evaluator.result import Crashed, CrashKind
from tests.unit.test_validation_blocks import LENGTH, ROWS, streams, write

COUNTED, CLOCKED = Budget(Unit.FLOPS, 100.0, 9), Budget(Unit.SECONDS, 100.0, 9)


# ---- when it counts


@pytest.mark.parametrize("share", [0.9, 0.95, 0.97, 1.0, 1.05])
@pytest.mark.parametrize("budget", [COUNTED, CLOCKED])
def test_a_script_that_ends_a_little_early_is_measured(budget: Budget, share: float) -> None:
    assert come_to(budget, 100 * share, 0, step=0.4, real=0) >= EARLIEST


@pytest.mark.parametrize("share", [0.0, 0.01, 0.31, 0.5, 0.88])
@pytest.mark.parametrize("budget", [COUNTED, CLOCKED])
def test_a_look_midway_is_none_of_a_whole_training(budget: Budget, share: float) -> None:
    assert come_to(budget, 100 * share, 100 * share, step=0.4, real=100 * share) < EARLIEST


def test_a_last_step_that_would_not_fit_is_not_missed() -> None:
    assert come_to(COUNTED, 70, 70, step=35, real=0) >= EARLIEST
    assert come_to(COUNTED, 33, 98, step=33, real=0) >= EARLIEST  # a clock that runs ahead of a large step


def test_a_clock_that_began_with_the_first_step_counts_its_compilation() -> None:
    assert come_to(CLOCKED, 60, 60, step=1, real=101) >= EARLIEST
    assert come_to(COUNTED, 60, 60, step=1, real=101) < EARLIEST  # real time says nothing of a count


def test_what_is_said_names_steps_and_share() -> None:
    assert early(20, 0.319) == (
        "evaluated after 20 steps, at 31 % of its budget: evaluate_bpb is called once, at the end, when the"
        " budget is spent"
    )
    assert early(1, 0.0).startswith("evaluated after 1 step, at 0 %")


# ---- a call after one that came to no end


class Caller:
    """A variant that calls the evaluation with fewer and fewer rows at once, each time after ``fails`` of its
    answers, and then answers to the end. A loss is a hundredth of the token's id.
    """

    def __init__(self, sizes: list[int], fails: list[int]) -> None:
        self.shown: list[np.ndarray] = []
        self.claimed: list[int] = []
        self._sizes, self._fails = list(sizes), list(fails)

    def answer(self, channel: Channel[Reply]) -> None:
        answers = 0
        try:
            while True:
                message, payload = channel.receive(1 << 24)
                assert isinstance(message, Rows)
                rows = np.frombuffer(payload, "<u2").reshape(message.rows, -1)
                self.shown.append(rows)
                if self._fails and answers == self._fails[0]:
                    self._fails.pop(0)
                    answers = 0
                    channel.send(Evaluate(rows=self._sizes.pop(0), steps=9))
                    continue
                answers += 1
                self.claimed.append(len(self.shown) - 1)
                losses = (rows[:, 1:] / 100).astype("<f4")
                channel.send(Losses(dtype="float32", shape=list(losses.shape)), losses.tobytes())
        except ClosedError:
            return


def collected(folder: Path, caller: Caller, at_once: int, blocks: tuple[int, ...] = (0,)) -> Claims:
    job = JudgeJob(run="r", data=folder, budget=COUNTED, seed=1, blocks=blocks)
    claims = Claims(job, read_manifest(folder))
    calls = EvaluationCalls(Evaluate(rows=at_once, steps=9), LENGTH)
    ours, theirs = pair()
    thread = Thread(target=caller.answer, args=(Channel(theirs, msgspec.json.Decoder(Reply)),))
    with theirs:
        with ours:
            thread.start()
            channel: Channel[Request] = Channel(ours, msgspec.json.Decoder(Request))
            claims.collect(channel, calls.rows, np.random.default_rng(3), again=calls.again)
        thread.join()
    return claims


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "tiny"
    write(folder, streams(2))
    return folder


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3 * ROWS),
    st.lists(st.tuples(st.integers(1, 3 * ROWS), st.integers(0, 4)), max_size=6),
    st.sampled_from([(0,), (1,), (0, 1)]),
)
def test_however_often_it_is_called_the_claims_are_those_of_one_call(
    prepared: Path, at_once: int, calls: list[tuple[int, int]], blocks: tuple[int, ...]
) -> None:
    once = collected(prepared, Caller([], []), at_once, blocks)
    often = collected(prepared, Caller([size for size, _ in calls], [n for _, n in calls]), at_once, blocks)
    assert often.details == once.details
    assert np.array_equal(often.losses, once.losses)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, ROWS), st.lists(st.tuples(st.integers(1, ROWS), st.integers(0, 4)), max_size=6))
def test_no_answer_is_given_with_more_rows_in_view_than_were_claimed_or_are_shown_at_once(
    prepared: Path, at_once: int, calls: list[tuple[int, int]]
) -> None:
    """Whoever calls again is shown the rows of the call before first, and what was claimed is not asked."""
    caller = Caller([size for size, _ in calls], [n for _, n in calls])
    collected(prepared, caller, at_once)
    largest = max([at_once, *(size for size, _ in calls)])
    view: set[bytes] = set()
    claimed: set[bytes] = set()
    for number, batch in enumerate(caller.shown):
        view |= {row.tobytes() for row in batch}
        assert len(view - claimed) <= 2 * largest
        if number in caller.claimed:
            claimed |= {row.tobytes() for row in batch}


def test_the_rows_shown_last_come_first(prepared: Path) -> None:
    caller = Caller([4], [0])
    collected(prepared, caller, 8)
    first = {row.tobytes() for row in caller.shown[0]}
    assert {row.tobytes() for batch in caller.shown[1:3] for row in batch} == first


def test_more_calls_than_a_batch_can_be_halved_end_the_run(prepared: Path) -> None:
    with pytest.raises(RunEndedError) as ended:
        collected(prepared, Caller(MOST_CALLS * [1], MOST_CALLS * [0]), 4)
    assert ended.value.outcome == Crashed(
        CrashKind.CONTRACT, "the judge received more than 16 calls of evaluate_bpb that came to no end"
    )


def test_a_further_call_that_asks_for_too_much_is_refused_in_words_that_say_nothing_of_it() -> None:
    calls = EvaluationCalls(Evaluate(rows=4, steps=0), LENGTH)
    words = set()
    for rows in (TOKENS_LIMIT, TOKENS_LIMIT - 1):
        with pytest.raises(RunEndedError) as ended:
            calls.again(Evaluate(rows=rows, steps=0))
        words.add(str(ended.value))
    assert len(words) == 1


def test_training_on_after_the_first_row_ends_the_run(prepared: Path) -> None:
    job = JudgeJob(run="r", data=prepared, budget=COUNTED, seed=1)
    ours, theirs = pair()
    with ours, theirs:
        Channel(theirs, msgspec.json.Decoder(Reply)).send(NextBatch(rows=1, length=4, steps=3))
        channel: Channel[Request] = Channel(ours, msgspec.json.Decoder(Request))
        with pytest.raises(RunEndedError, match="the evaluation ends training"):
            Claims(job, read_manifest(prepared)).collect(channel, 4, np.random.default_rng(3))


def test_weights_that_could_not_be_handed_over_are_asked_for_again() -> None:
    ours, theirs = pair()
    with ours, theirs:
        variant: Channel[Reply] = Channel(theirs, msgspec.json.Decoder(Reply))
        variant.send(Evaluate(rows=2, steps=9))
        variant.send(Weights(2), b"{}weights")
        calls = EvaluationCalls(Evaluate(rows=4, steps=9), LENGTH)
        channel: Channel[Request] = Channel(ours, msgspec.json.Decoder(Request))
        handed = ask_for_weights(channel, calls.again)
        assert isinstance(handed, Handed)
        assert [variant.receive()[0] for _ in range(2)] == [HandOver(), HandOver()]
        handed.content.close()
    assert (calls.count, calls.rows) == (2, 2)
