"""The judge's audit against scripted processes: their model is a table of pairs, so that nothing has to be
trained.
"""

import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget, Unit
from evaluator.job import JudgeEvent, JudgeJob, TwinDone, WantsTwin
from evaluator.judging.auditing.examination import Examination, Parties, positions
from evaluator.judging.auditing.handing_over import CHANGED, Handed, check_unchanged
from evaluator.judging.auditing.sweep import MOST
from evaluator.judging.auditing.twin_line import OVERDRAWN, TwinLine
from evaluator.judging.bpb import BitsPerByte
from evaluator.judging.claims import Claims
from evaluator.judging.data import Manifest, read_manifest, read_tokens, write_prepared
from evaluator.judging.messages import (
    VERSION,
    HandOver,
    Hello,
    Loaded,
    Logits,
    Losses,
    Model,
    Probe,
    Ready,
    Reply,
    Request,
    Rows,
    Unable,
    Weights,
)
from evaluator.judging.run_end import RunEndedError
from evaluator.judging.wire import Channel, ClosedError, Held, pair
from evaluator.result import Audit, Cheated, Crashed, CrashKind

VOCABULARY, LENGTH, ROWS = 16, 32, 60
Floats = npt.NDArray[np.float64]
Answer = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], Floats]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> JudgeJob:
    random = np.random.default_rng(0)
    streams = [random.integers(1, VOCABULARY, 5000) for _ in range(2)]
    for stream in streams:
        stream[:: LENGTH + 1] = 0
    folder = tmp_path_factory.mktemp("data") / "pairs"
    vocab = [None, *(bytes([96 + item]) for item in range(1, VOCABULARY))]
    write_prepared(
        folder,
        task="pairs",
        bos=0,
        max_seq_len=LENGTH,
        eval_tokens=ROWS * LENGTH,
        vocabulary="longest_match",
        train=streams[0],
        val=streams[1],
        vocab=vocab,
    )
    return JudgeJob(run="r", data=folder, budget=Budget(Unit.FLOPS, 1, 9), seed=1)


@pytest.fixture
def manifest(job: JudgeJob) -> Manifest:
    return read_manifest(job.data)


TABLE = np.random.default_rng(1).normal(size=(VOCABULARY, VOCABULARY))
"""Logits after each token: the model."""


def pairs(shown: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> Floats:
    """What the model answers."""
    return np.asarray(TABLE[shown[np.arange(len(at)), at]])


def losses_of(rows: npt.NDArray[np.integer]) -> Floats:
    """What it claims."""
    logits = TABLE[rows[:, :-1].astype(np.int64)]
    picked = np.take_along_axis(logits, rows[:, 1:, None].astype(np.int64), axis=2)[..., 0]
    return np.asarray(np.log(np.exp(logits).sum(axis=2)) - picked)


def play(
    connection: socket.socket,
    answer: Answer | None,
    twin: bool,
    claim: Callable[[Floats], Floats] = lambda losses: losses,
) -> None:
    """A process that claims what ``claim`` makes of its losses and answers probes with ``answer``; None says
    nothing.
    """
    if answer is None:
        return
    channel: Channel[Reply] = Channel(connection, msgspec.json.Decoder(Reply))
    try:
        if twin:
            channel.send(Hello(VERSION))
            channel.receive(1 << 20)
            channel.send(Ready())
        while True:
            message, payload = channel.receive(1 << 24)
            match message:
                case Model():
                    assert bytes(payload) == b"{}weights"
                    channel.send(Loaded() if answer is not never_loads else Unable("its own words"))
                case Rows():
                    losses = claim(losses_of(np.frombuffer(payload, "<u2").reshape(message.rows, -1))).astype(
                        "<f4"
                    )
                    channel.send(Losses(dtype="float32", shape=list(losses.shape)), losses.tobytes())
                case Probe():
                    block = np.frombuffer(payload, "<u2").reshape(message.rows, -1).astype(np.int64)
                    logits = answer(block[:, :-1], block[:, -1]).astype("<f4")
                    channel.send(Logits(dtype="float32", shape=list(logits.shape)), logits.tobytes())
                case _:
                    return
    except ClosedError:
        return


class Run:
    """What came of an examination. events: to the supervisor."""

    def __init__(self, audit: Audit, details: dict[str, float | str], events: list[JudgeEvent]) -> None:
        self.audit = audit
        self.details = details
        self.events = events


@contextmanager
def process(
    answer: Answer | None, twin: bool, claim: Callable[[Floats], Floats]
) -> Iterator[Channel[Request]]:
    ours, theirs = pair()
    thread = Thread(target=play, args=(theirs, answer, twin, claim))
    try:
        with ours:
            thread.start()
            yield Channel(ours, msgspec.json.Decoder(Request))
    finally:
        thread.join()
        theirs.close()


class Used:
    """What a twin uses, as a test has it."""

    def __init__(self, uses_too_much: Callable[[int], bool] = lambda _: False) -> None:
        self.uses_too_much = uses_too_much
        self.sizes: list[int] = []

    def given(self) -> None:
        self.sizes = []

    def loaded(self, size: int) -> None:
        self.sizes.append(size)


def examine(
    job: JudgeJob,
    manifest: Manifest,
    twin: Answer | None = pairs,
    live: Answer | None = pairs,
    claim: Callable[[Floats], Floats] = lambda losses: losses,
    handed: Handed | Unable | None = None,
    strict: bool = False,
    use: Used | None = None,
) -> Run:
    random, events = np.random.default_rng(5), list[JudgeEvent]()
    with process(live, False, claim) as variant, process(twin, True, claim) as second:
        claims = Claims(job, manifest)
        claims.collect(variant, 8, random)
        filling = read_tokens(job.data, "train")[: 8 * LENGTH].reshape(8, LENGTH)
        examination = Examination(claims, read_tokens(job.data, "train"), filling, VOCABULARY, 1e-4, random)
        line = TwinLine(
            second,
            job,
            manifest,
            events.append,
            timeout=0.1,
            use=use or Used(),
            change_over=0.2,
        )
        variant.wait_at_most(1.0)
        handed = handed or Handed(Weights(2), Held(bytearray(b"{}weights"), 9))
        audit = examination.hold(512, Parties(variant, line, 8), handed, strict)
    return Run(audit, examination.details, events)


def test_an_honest_twin_agrees(job: JudgeJob, manifest: Manifest) -> None:
    run = examine(job, manifest)
    assert (run.audit.kind, run.audit.positions) == ("twin", 512)
    assert run.audit.largest < 1e-5
    assert run.events == [WantsTwin(), TwinDone(True)]


def test_nothing_right_of_a_position_is_shown_and_everything_left_of_it_is(
    job: JudgeJob, manifest: Manifest
) -> None:
    rows = Claims(job, manifest).rows
    by_start = {row[: at + 1].tobytes(): row for row in rows for at in range(LENGTH)}
    asked: list[tuple[bytes, int]] = []
    same = []

    def watching(shown: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> Floats:
        for row, position in zip(shown, at.tolist(), strict=True):
            whole = by_start.get(row[: position + 1].astype(np.uint16).tobytes())
            if whole is not None and position > 7:  # shorter beginnings are shared by many rows
                asked.append((whole.tobytes(), position))
                same.append(
                    (row[position + 1 :] == whole[position + 1 : LENGTH]).mean()
                    if position < LENGTH - 1
                    else 0.0
                )
        return pairs(shown, at)

    assert examine(job, manifest, twin=watching).audit.kind == "twin"
    assert len(asked) > 250
    assert len(set(asked)) == len(asked)
    furthest: dict[bytes, int] = {}
    for row, position in asked:
        assert position > furthest.get(row, -1)
        furthest[row] = position
    assert np.mean(same) < 0.15  # one in fifteen is chance


def never_loads(shown: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> Floats:
    """What a twin answers that has no module for the weights: nothing, for it is not asked."""
    return pairs(shown, at)


WITHOUT = {
    "it says nothing": None,
    "its logits are not numbers": lambda shown, at: pairs(shown, at) * math.nan,
    "its logits are too few": lambda shown, at: pairs(shown, at)[:, :9],
    "it takes no weights": never_loads,
    "it is another model": lambda shown, at: pairs(shown, at)[:, ::-1],
}


@pytest.mark.parametrize("name", WITHOUT)
def test_without_a_twin_s_answers_there_is_a_live_audit_in_normal_mode_and_none_in_strict(
    job: JudgeJob, manifest: Manifest, name: str
) -> None:
    run = examine(job, manifest, twin=WITHOUT[name])
    assert (run.audit.kind, run.audit.positions) == ("live", 512)
    strict = examine(job, manifest, twin=WITHOUT[name], strict=True)
    assert (strict.audit.kind, strict.audit.positions) == ("none", 0)
    assert strict.details["twin"] == run.details["twin"]
    assert "its own words" not in str(run.details["twin"])
    answered = name == "it is another model"
    assert run.events == strict.events == [WantsTwin(), TwinDone(answered)]


def test_the_live_variant_is_asked_before_a_twin_is_called_and_in_strict_mode_not_at_all(
    job: JudgeJob, manifest: Manifest
) -> None:
    asked = []

    def live(shown: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> Floats:
        asked.append("live")
        return pairs(shown, at)

    def twin(shown: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> Floats:
        asked.append("twin")
        return pairs(shown, at)

    examine(job, manifest, twin=twin, live=live)
    assert asked == sorted(asked)
    assert set(asked) == {"live", "twin"}
    asked.clear()
    examine(job, manifest, twin=twin, live=live, strict=True)
    assert set(asked) == {"twin"}


@pytest.mark.parametrize("strict", [False, True])
def test_without_weights_no_twin_is_called(job: JudgeJob, manifest: Manifest, strict: bool) -> None:
    run = examine(job, manifest, handed=Unable("its own words"), strict=strict)
    assert (run.audit.kind, run.events) == ("live", [])
    assert run.details["twin"] == "it could not hand over its weights"


def test_a_twin_that_uses_more_than_it_may_did_not_agree(job: JudgeJob, manifest: Manifest) -> None:
    shown = []

    def too_much(tokens: int) -> bool:
        shown.append(tokens)
        return len(shown) > 3

    use = Used(too_much)
    run = examine(job, manifest, strict=True, use=use)
    assert use.sizes == [9]  # since it was given its weights
    assert (run.audit.kind, run.details["twin"]) == ("none", OVERDRAWN)
    assert shown == [8 * LENGTH] * 4
    assert run.events == [WantsTwin(), TwinDone(False)]


def test_something_odd_is_followed_up(job: JudgeJob, manifest: Manifest) -> None:
    """A fifth of a nat at one position in a hundred: no single one is proof, nor is their mean at first."""

    def here_and_there(losses: Floats) -> Floats:
        chosen = (losses * 1e4).astype(np.int64) % 100 == 0
        return np.where(chosen & (losses > 0.2), losses - 0.2, losses)

    with pytest.raises(RunEndedError) as ended:
        examine(job, manifest, claim=here_and_there, strict=True)
    assert isinstance(ended.value.outcome, Cheated)
    drawn = int(ended.value.outcome.evidence.split("at ")[1].split()[0])
    assert 2 * 512 < drawn <= MOST * 512


def few(losses: Floats) -> Floats:
    made_up = losses.copy()
    made_up[:, ::9] = 1e-3
    return made_up


@pytest.mark.parametrize("claim", [few, lambda losses: 0.8 * losses, lambda losses: np.minimum(losses, 2.0)])
@pytest.mark.parametrize("twin", [pairs, None])
def test_made_up_claims_are_caught_by_the_twin_or_by_the_variant_s_own_logits(
    job: JudgeJob, manifest: Manifest, claim: Callable[[Floats], Floats], twin: Answer | None
) -> None:
    with pytest.raises(RunEndedError) as ended:
        examine(job, manifest, twin=twin, claim=claim)
    assert isinstance(ended.value.outcome, Cheated)
    assert "nat too good" in ended.value.outcome.evidence


def test_a_variant_whose_own_logits_are_none_is_not_believed(job: JudgeJob, manifest: Manifest) -> None:
    with pytest.raises(RunEndedError) as ended:
        examine(job, manifest, twin=None, live=lambda shown, at: pairs(shown, at)[:, :5])
    assert isinstance(ended.value.outcome, Cheated)


def test_a_padded_vocabulary_is_no_lie(job: JudgeJob, manifest: Manifest) -> None:
    def padded(shown: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> Floats:
        return np.pad(pairs(shown, at), ((0, 0), (0, 48)), constant_values=-math.inf)

    assert examine(job, manifest, twin=padded).audit.kind == "twin"


def test_the_plan_says_what_is_compared() -> None:
    random = np.random.default_rng(0)
    plan = AuditPlan(merge_below=1.0, share=0.25)
    assert positions(plan, 0.999, random) == 2048
    rest = [positions(plan, 1.0, random) for _ in range(2000)]
    assert set(rest) == {0, 256}
    assert np.mean([count > 0 for count in rest]) == pytest.approx(0.25, abs=0.04)
    assert positions(AuditPlan(merge_below=1.0, mode="off"), 0.5, random) == 0
    assert positions(AuditPlan(share=0.0), 0.5, random) == 0


def test_equal_claims_make_equal_values_in_whatever_order_they_come(
    job: JudgeJob, manifest: Manifest
) -> None:
    values = set()
    for seed in range(5):
        with process(pairs, False, lambda losses: losses) as variant:
            claims = Claims(job, manifest)
            claims.collect(variant, 7, np.random.default_rng(seed))
        values.add(claims.score.value)
    assert len(values) == 1
    whole = BitsPerByte(np.array([0] + [1] * (VOCABULARY - 1)))
    whole.add(losses_of(claims.rows).astype(np.float32), claims.rows[:, 1:])
    assert values.pop() == pytest.approx(whole.value)


@pytest.mark.parametrize(
    ("again", "same"),
    [
        ((Weights(2), b"{}weights"), True),
        ((Weights(2), b"{}weighty"), False),
        ((Weights(2), b"{}weights!"), False),
        ((Weights(3), b"{}weights"), False),
        ((Unable("what it was shown"), b""), False),
    ],
)
def test_weights_are_asked_for_again_and_must_be_the_same(again: tuple[Request, bytes], same: bool) -> None:
    ours, theirs = pair()
    with ours, theirs:
        Channel(theirs, msgspec.json.Decoder(Reply)).send(*again)
        channel: Channel[Request] = Channel(ours, msgspec.json.Decoder(Request))
        first = Handed(Weights(2), Held(bytearray(b"{}weights"), 9))
        if same:
            check_unchanged(channel, first)
        else:
            with pytest.raises(RunEndedError) as ended:
                check_unchanged(channel, first)
            assert ended.value.outcome == Crashed(CrashKind.CONTRACT, CHANGED)
        assert Channel(theirs, msgspec.json.Decoder(Reply)).receive()[0] == HandOver()
