import signal

import pytest

from evaluator.classify import MESSAGE_CHARS, WHILE_EVALUATED, Evidence, bounded, classify, last_error
from evaluator.job import Final
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Lost, Measured, Outcome, TimedOut

NO_RESULT = Crashed(CrashKind.NO_RESULT, "it ended without evaluating")
TRACE = 'Traceback (most recent call last):\n  File "train.py", line 1, in <module>\n    f()\n'


def outcome(
    said: Outcome | None,
    *,
    exit_code: int | None = 1,
    first_batch: bool = True,
    tail: str = "",
    stopped: str = "",
    wall_capped: bool = False,
    share: float = 0.0,
    judge_error: str = "",
    out_of_memory_kills: int | None = None,
    rows_shown: bool = False,
    breach: tuple[str, bool] | None = None,
) -> Outcome:
    final = Final(outcome=said, spent=1.0, steps=1) if said else None
    return classify(
        Evidence(
            final=final,
            exit_code=exit_code,
            first_batch=first_batch,
            seconds=12.5,
            tail=tail,
            stopped=stopped,
            wall_capped=wall_capped,
            share=share,
            judge_error=judge_error,
            out_of_memory_kills=out_of_memory_kills,
            rows_shown=rows_shown,
            breach=breach,
        )
    )


@pytest.mark.parametrize("said", [Measured(1.5), Cheated("leak", "0.2 nats")])
def test_what_the_judge_measured_or_unmasked_stands(said: Outcome) -> None:
    assert (
        outcome(said, exit_code=-9, stopped="cancelled", wall_capped=True, tail=TRACE + "ValueError: x")
        == said
    )


@pytest.mark.parametrize("said", [None, NO_RESULT, TimedOut(Limit.BUDGET, 3.0)])
def test_a_cancelled_run_is_lost_whatever_else_happened(said: Outcome | None) -> None:
    assert outcome(said, stopped="cancelled", wall_capped=True) == Lost("cancelled")


def test_a_run_ended_at_the_wall_cap_timed_out() -> None:
    assert outcome(NO_RESULT, exit_code=None, wall_capped=True) == TimedOut(Limit.WALL_CAP, 12.5)
    assert outcome(NO_RESULT, exit_code=None, wall_capped=True, share=0.486) == TimedOut(
        Limit.WALL_CAP, 12.5, "48.6% of its budget was spent"
    )


@pytest.mark.parametrize(
    "said",
    [TimedOut(Limit.BUDGET, 3.0), Crashed(CrashKind.DIVERGED, "nan"), Crashed(CrashKind.CONTRACT, "shape")],
)
def test_other_words_of_the_judge_stand_when_the_variant_fails_because_of_them(said: Outcome) -> None:
    assert outcome(said, tail=TRACE + "RuntimeError: the judge has ended this run") == said


def test_half_a_message_of_a_killed_variant_is_no_broken_contract() -> None:
    killed = outcome(Crashed(CrashKind.CONTRACT, "half a message"), exit_code=-signal.SIGKILL)
    assert isinstance(killed, Crashed)
    assert killed.kind is CrashKind.OUT_OF_MEMORY


def test_a_kill_is_held_against_the_variant_only_where_the_kernel_may_have_done_it() -> None:
    assert outcome(NO_RESULT, exit_code=-signal.SIGKILL, out_of_memory_kills=0) == Lost(
        "its process was killed from outside", killed=True
    )
    for kills in (1, None):
        ended = outcome(NO_RESULT, exit_code=-signal.SIGKILL, out_of_memory_kills=kills)
        assert isinstance(ended, Crashed)
        assert ended.kind is CrashKind.OUT_OF_MEMORY


def test_without_a_last_word_the_judge_crashed_and_the_run_is_lost() -> None:
    assert outcome(None) == Lost("judge crashed")
    assert outcome(None, judge_error="KeyError: 3") == Lost("judge crashed: KeyError: 3")


def test_a_clean_exit_without_an_evaluation_is_no_result_whatever_was_printed() -> None:
    assert outcome(NO_RESULT, exit_code=0, first_batch=False, tail="---\nval_bpb: 0.1\n") == NO_RESULT


@pytest.mark.parametrize(
    ("first_batch", "kind"), [(False, CrashKind.DOES_NOT_START), (True, CrashKind.EXCEPTION)]
)
def test_the_first_batch_parts_what_does_not_start_from_what_fails(
    first_batch: bool, kind: CrashKind
) -> None:
    assert outcome(NO_RESULT, first_batch=first_batch, tail=TRACE + "ValueError: bad shape\n") == Crashed(
        kind, "ValueError: bad shape"
    )


@pytest.mark.parametrize(
    "line",
    [
        "MemoryError",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "RuntimeError: CUDA out of memory.",
    ],
)
@pytest.mark.parametrize("first_batch", [False, True])
def test_memory_that_ran_out_is_told_from_the_traceback(line: str, first_batch: bool) -> None:
    assert outcome(NO_RESULT, first_batch=first_batch, tail=TRACE + line) == Crashed(
        CrashKind.OUT_OF_MEMORY, line
    )


def test_printing_that_memory_ran_out_is_not_enough() -> None:
    said = outcome(NO_RESULT, tail="MemoryError\n" + TRACE + "ValueError: x\n")
    assert said == Crashed(CrashKind.EXCEPTION, "ValueError: x")


def test_a_signal_and_an_exit_code_are_told_with_the_last_line() -> None:
    assert outcome(NO_RESULT, exit_code=-signal.SIGSEGV, tail="step 3\n\n") == Crashed(
        CrashKind.EXCEPTION, "killed by SIGSEGV. step 3"
    )
    assert outcome(NO_RESULT, exit_code=3, tail="FAIL\n") == Crashed(CrashKind.EXCEPTION, "exit code 3. FAIL")
    assert outcome(NO_RESULT, exit_code=-250) == Crashed(CrashKind.EXCEPTION, "killed by signal 250.")


def test_the_last_error_is_the_line_that_ends_the_last_traceback() -> None:
    chained = (
        TRACE
        + "KeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\n"
        + TRACE
    )
    assert (
        last_error(chained + "torch._dynamo.exc.Unsupported: call\n  of a thing\nand some more\n")
        == "torch._dynamo.exc.Unsupported: call"
    )
    assert last_error("no traceback\nValueError: only printed\n") == ""


def test_a_message_is_one_printable_line_of_bounded_length() -> None:
    assert bounded("a\x1b[31mb\nc\x00") == "a [31mb c"
    assert len(bounded("é" * 10_000)) == MESSAGE_CHARS


@pytest.mark.parametrize(
    ("kills", "kind"),
    [(0, CrashKind.EXCEPTION), (1, CrashKind.OUT_OF_MEMORY), (None, CrashKind.OUT_OF_MEMORY)],
)
def test_one_that_was_shown_rows_and_is_killed_gets_no_free_run(kills: int | None, kind: CrashKind) -> None:
    ended = outcome(NO_RESULT, exit_code=-signal.SIGKILL, out_of_memory_kills=kills, rows_shown=True)
    assert ended == Crashed(kind, WHILE_EVALUATED)


@pytest.mark.parametrize("exit_code", [0, None, 1, 3, -signal.SIGSEGV])
def test_no_word_of_one_that_was_shown_rows_is_passed_on(exit_code: int | None) -> None:
    said = TRACE + "ValueError: the quick brown fox"
    ended = outcome(NO_RESULT, exit_code=exit_code, tail=said, rows_shown=True)
    assert isinstance(ended, Crashed)
    assert ended.message == WHILE_EVALUATED


def test_what_it_said_still_chooses_the_kind_of_crash() -> None:
    ended = outcome(NO_RESULT, tail=TRACE + "MemoryError: the quick brown fox", rows_shown=True)
    assert ended == Crashed(CrashKind.OUT_OF_MEMORY, WHILE_EVALUATED)


@pytest.mark.parametrize("rows_shown", [False, True])
def test_the_bound_it_passed_is_named_only_where_its_size_is_no_message(rows_shown: bool) -> None:
    ended = outcome(None, breach=("it had 1,234 processes", False), rows_shown=rows_shown)
    assert ended == Crashed(CrashKind.EXCEPTION, WHILE_EVALUATED if rows_shown else "it had 1,234 processes")
