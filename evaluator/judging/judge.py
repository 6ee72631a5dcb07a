"""The judge: a process beside every run that feeds tokens, keeps the budget and computes the metric.

``python -m evaluator.judging.judge JOB --variant-fd N --twin-fd T --report-fd M`` (see evaluator/job.py).
What it promises:

- It opens the data; the variant sees training tokens, and validation tokens only once it has said that
  training is over and handed over its weights.
- The number is its own arithmetic on per-token losses. Nothing the variant prints counts.
- The losses are the variant's claims, and afterwards its weights must be the same as before. What would be
  merged, and a secret share of the rest, is compared with a second process that never saw the rows
  (evaluator/judging/auditing/examination.py).
- From the first row on nothing that the variant says goes into an outcome but figures: only our own words.
- Whatever the variant sends is data: typed, bounded, copied, never executed. A broken message ends the run as
  a broken contract, never the judge.
- An evaluation long before the budget is spent breaks the contract; it has no value.
- Its last line is always a ``Final``, also when the variant vanishes. It ends when the first evaluation has:
  the first value stands. One that did not come to its end may be asked for again.

Optimizer steps and counted work are the variant's word; evaluator/judging/metering says what bounds a lie.
"""

import argparse
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn, assert_never

import msgspec
import numpy as np

from evaluator.job import ClaimsIn, Evaluating, Final, HandedOver, JudgeEvent, JudgeJob, read_job
from evaluator.judging.auditing.examination import Examination, Parties, positions
from evaluator.judging.auditing.handing_over import Handed, ask_for_weights, check_unchanged
from evaluator.judging.auditing.sweep import odd_beyond
from evaluator.judging.auditing.twin_line import TwinLine
from evaluator.judging.claims import Claims
from evaluator.judging.data import read_manifest, read_tokens, require_blocks
from evaluator.judging.evaluation_calls import EvaluationCalls
from evaluator.judging.greeting import mismatch, welcome
from evaluator.judging.messages import (
    TOKENS_LIMIT,
    Batch,
    BudgetSpent,
    Evaluate,
    Hello,
    Loaded,
    Logits,
    Losses,
    NextBatch,
    Ready,
    Request,
    RunRefused,
    Score,
    Unable,
    Weights,
)
from evaluator.judging.metering.answering import Answering, TwinAnswering
from evaluator.judging.metering.budget_use import BudgetUse
from evaluator.judging.packing import Packer
from evaluator.judging.reporting import reporter
from evaluator.judging.run_end import RunEndedError, contract_breach
from evaluator.judging.wire import Channel, ClosedError, WireError
from evaluator.result import Audit, Crashed, CrashKind, Limit, Measured, TimedOut
from evaluator.wall_caps import SLOWER

TWIN_SECONDS, TWIN_STARTS = 10.0, 5.0
"""Seconds, and times the live variant's start, that a twin may take for an answer."""

SPENT_BEFORE = "the budget was spent long before evaluate_bpb was called"
CLOCK_LAGS = "batches had ended, and it left without calling evaluate_bpb: the clock of its loop lags"
WHILE_EVALUATED = "what is no message, while it was evaluated"
"""Of whatever arrives once rows were shown: a message that is none can hold them."""


class Judge:
    """One run's conversation."""

    def __init__(
        self,
        job: JudgeJob,
        channel: Channel[Request],
        twin: Channel[Request] | None,
        emit: Callable[[JudgeEvent], None],
        now: Callable[[], float],
        chance: Callable[[], np.random.Generator],
    ) -> None:
        """twin: where a twin will answer once the supervisor has started it. emit: receives the events, in
        order.

        now: monotonic seconds. chance: a new generator at each call, so that nothing drawn from one in sight
        of the variant foretells another.
        """
        self._job = job
        self._channel = channel
        self._twin = twin
        self._emit = emit
        self._now = now
        self._chance = chance
        self._manifest = read_manifest(job.data)
        require_blocks(job.data, self._manifest, max(job.blocks))
        self._use = BudgetUse(job, self._manifest, emit, now)
        self._packer = Packer(read_tokens(job.data, "train"), self._manifest.bos, job.seed)
        self._audit: Audit | None = None
        self._closed = False
        self._shown = False
        self._details: dict[str, float | str] = {}

    def run(self) -> Final:
        """Hold the conversation to its end and return what came of it. Its caller emits it."""
        try:
            self._converse()
        except RunEndedError as ended:
            self._say_why(ended)
            outcome = ended.outcome
        except WireError as error:
            outcome = contract_breach(WHILE_EVALUATED if self._shown else str(error)).outcome
        except ClosedError:
            outcome = self._left()
        return Final(
            outcome=outcome,
            spent=self._use.spent,
            steps=self._use.batches,
            floor=self._manifest.floor_of(self._job.blocks[0]),
            audit=self._audit,
            details={
                "optimizer_steps": float(self._use.steps),
                "data": self._manifest.digest,
                **self._details,
            },
        )

    def _converse(self) -> NoReturn:
        while True:
            request, _ = self._channel.receive()
            match request:
                case Hello():
                    self._welcome(request)
                case NextBatch():
                    self._feed(request)
                case Evaluate():
                    self._evaluate(request)
                case Weights() | Unable() | Losses() | Ready() | Loaded() | Logits():
                    raise contract_breach(f"{request.__struct_config__.tag} that nobody asked for")
                case _:
                    assert_never(request)

    def _welcome(self, request: Hello) -> None:
        if wrong := mismatch(request):
            raise contract_breach(wrong)
        welcome(self._channel, self._job, self._manifest)

    def _feed(self, request: NextBatch) -> None:
        _bounded(request.rows, request.length)
        self._use.batch_wanted(request.steps, request.counted)
        if self._closed:
            raise self._over("the budget is spent and no evaluation was asked for")
        if self._use.ends:
            self._closed = True
            self._channel.send(BudgetSpent())
            return
        rows = self._packer.rows(request.rows, request.length + 1)
        seconds = self._use.nominal
        self._use.hand_out(request.rows * request.length)
        self._channel.send(
            Batch(rows=request.rows, length=request.length, epoch=self._packer.epoch, seconds=seconds),
            rows.data,
        )

    def _evaluate(self, request: Evaluate) -> NoReturn:
        calls = EvaluationCalls(request, self._manifest.max_seq_len)
        self._use.training_ended(request.steps, request.counted)
        if self._use.is_late:
            raise self._over(SLOWER if self._use.is_slow else SPENT_BEFORE)
        if early := self._use.evaluated_early:
            raise RunEndedError(Crashed(CrashKind.CONTRACT, early), early)
        self._emit(Evaluating())
        self._details |= {"epochs": float(self._packer.epoch)} | self._use.details()
        answering = self._use.answering()
        audited = self._job.audit.mode != "off"
        handed = self._hand_over(answering, calls) if audited else Unable("audits are off")
        self._emit(HandedOver())
        self._hold_to_budget(answering, "the budget was spent while the weights were handed over")
        claims, began = Claims(self._job, self._manifest), self._now()
        self._shown = True
        claims.collect(self._channel, calls.rows, self._chance(), answering.answered, calls.again)
        value = claims.score.value
        self._details |= claims.details | {"claim_seconds": self._now() - began}
        if isinstance(handed, Handed):
            self._check_unchanged(handed, answering, calls)
        self._emit(ClaimsIn())
        self._details |= self._use.answer_details(answering)
        self._hold_to_budget(answering, "the evaluation took longer than this model's training explains")
        claims.check_floors()
        count = positions(self._job.audit, value, self._chance())
        if not (count and self._examine(count, claims, calls.rows, handed, answering)):
            self._channel.send(Score(value))
        raise RunEndedError(Measured(value), "")

    def _hold_to_budget(self, answering: Answering, reason: str) -> None:
        self._use.charge_besides(answering)
        if self._use.is_late:
            raise self._over(reason)

    def _hand_over(self, answering: Answering, calls: EvaluationCalls) -> Handed | Unable:
        began, handed = self._now(), ask_for_weights(self._channel, calls.again)
        self._details["hand_over_seconds"] = self._now() - began
        answering.handed_over(handed.content.size if isinstance(handed, Handed) else 0)
        return handed

    def _check_unchanged(self, handed: Handed, answering: Answering, calls: EvaluationCalls) -> None:
        began = self._now()
        check_unchanged(self._channel, handed, calls.again)
        self._details["second_hand_over_seconds"] = self._now() - began
        answering.handed_over(handed.content.size)

    def _examine(
        self, count: int, claims: Claims, at_once: int, handed: Handed | Unable, answering: Answering
    ) -> bool:
        """Returns whether a twin was called: the variant is gone then."""
        examination = Examination(
            claims,
            read_tokens(self._job.data, "train"),
            self._packer.rows(at_once, self._manifest.max_seq_len + 1)[:, :-1],
            self._manifest.vocab_size,
            odd_beyond(self._job.baseline.largest),
            self._chance(),
        )
        use = self._use.twin_answering(answering)
        twin = self._line(self._twin, use) if self._twin else None
        parties, strict = Parties(self._channel, twin, at_once), self._job.audit.mode == "strict"
        try:
            self._audit = examination.hold(count, parties, handed, strict)
        finally:
            self._details |= examination.details | self._use.twin_details(use)
        return twin is not None and twin.called

    def _line(self, channel: Channel[Request], use: TwinAnswering) -> TwinLine:
        timeout = TWIN_SECONDS + TWIN_STARTS * self._use.startup
        return TwinLine(channel, self._job, self._manifest, self._emit, timeout, use)

    def _left(self) -> Crashed | TimedOut:
        """What it means that the variant is gone."""
        if self._closed:
            return self._timed_out(SLOWER if self._use.is_slow else CLOCK_LAGS)
        how = "it ended while it was evaluated" if self._shown else "it ended without calling evaluate_bpb"
        return Crashed(CrashKind.NO_RESULT, how)

    def _over(self, reason: str) -> RunEndedError:
        return RunEndedError(self._timed_out(reason), reason)

    def _timed_out(self, why: str) -> TimedOut:
        return TimedOut(Limit.BUDGET, self._use.elapsed, why)

    def _say_why(self, ended: RunEndedError) -> None:
        if reason := str(ended):
            with suppress(ClosedError):  # it left before it could receive that
                self._channel.send(RunRefused(reason))


def _bounded(rows: int, length: int) -> None:
    if rows * (length + 1) > TOKENS_LIMIT:
        raise contract_breach(f"a batch of {rows} x {length} tokens, {TOKENS_LIMIT} allowed")


def unforeseen() -> np.random.Generator:
    """A generator seeded by the machine's entropy."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(os.urandom(16))))


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge one run. A missing or damaged data folder raises: no ``Final`` means that the machine, not the
    variant, is at fault.
    """
    parser = argparse.ArgumentParser(prog="python -m evaluator.judging.judge")
    parser.add_argument("job", type=Path)
    parser.add_argument("--variant-fd", type=int, required=True)
    parser.add_argument("--twin-fd", type=int)
    parser.add_argument("--report-fd", type=int, required=True)
    options = parser.parse_args(arguments)

    job = read_job(options.job)
    emit = reporter(options.report_fd, job)
    decoder = msgspec.json.Decoder(Request)
    with ExitStack() as stack:
        live = stack.enter_context(socket.socket(fileno=options.variant_fd))
        twin = (
            stack.enter_context(socket.socket(fileno=options.twin_fd))
            if options.twin_fd is not None
            else None
        )
        channel, second = Channel(live, decoder), Channel(twin, decoder) if twin else None
        emit(Judge(job, channel, second, emit, time.monotonic, unforeseen).run())


if __name__ == "__main__":
    main()
