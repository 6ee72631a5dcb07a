"""The judge: a process beside every run that feeds tokens, keeps the budget and computes the metric.

``python -m evaluator.judge JOB --variant-fd N --report-fd M`` (see evaluator/job.py). What it promises:

- It opens the data; the variant sees training tokens, and validation tokens only once it has said that training is over.
- The number is its own arithmetic on per-token losses. Nothing the variant prints counts.
- Whatever the variant sends is data: typed, bounded, never executed. A broken message ends the run as a broken contract, never the judge.
- Its last line is always a ``Final``, also when the variant vanishes. It ends when the first evaluation has: the first value stands.

This is the honest form: losses and counted work are taken from the variant's process, where hostile code could forge them. The adversarial form
keeps this conversation and adds an audit of the claimed losses by a second process.
"""

import argparse
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, assert_never

import msgspec
import numpy as np
import numpy.typing as npt

from evaluator.bpb import BitsPerByte, token_bytes
from evaluator.data import VOCABULARY, Tokens, read_manifest, read_tokens, read_vocab
from evaluator.job import Evaluating, Final, FirstBatch, JudgeEvent, JudgeJob, Spent
from evaluator.messages import (
    TOKENS_LIMIT,
    VERSION,
    Batch,
    BudgetSpent,
    Counted,
    Evaluate,
    Hello,
    Losses,
    NextBatch,
    Refusal,
    Request,
    Rows,
    Verdict,
    Welcome,
)
from evaluator.meter import EVALUATE_STEPS, FEED_STEPS, StepCost, meter, nominal_seconds, overrun
from evaluator.packing import Packer
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Measured, Outcome, TimedOut
from evaluator.wire import Channel, ClosedError, WireError

FLOOR_SHARE = 0.995
"""Below this share of the exact floor no honest model can score; the rest covers the sampling error of the validation rows."""

SPENT_STEP = 0.01
"""Share of the budget between two ``Spent`` events: a hundred lines a run."""


class _EndedError(Exception):
    """The run has its outcome. ``reason`` is told to the variant, if it still listens."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class Judge:
    """One run's conversation. emit: takes the events, in order. now: monotonic seconds."""

    def __init__(self, job: JudgeJob, channel: Channel[Request], emit: Callable[[JudgeEvent], None], now: Callable[[], float]) -> None:
        self._job = job
        self._channel = channel
        self._emit = emit
        self._now = now
        self._began = now()
        self._manifest = read_manifest(job.data)
        self._packer = Packer(read_tokens(job.data, "train"), self._manifest.bos, job.seed)
        self._meter = meter(job.budget, now, self._manifest.uncharged_steps)
        self._step_cost = StepCost()
        self._batches = 0
        self._steps = 0
        self._told = 0.0
        self._closed = False
        self._details: dict[str, float | str] = {}

    def run(self) -> Final:
        """Hold the conversation to its end and return what came of it. Its caller emits it."""
        try:
            self._converse()
        except _EndedError as ended:
            self._say_why(ended)
            outcome = ended.outcome
        except WireError as error:
            outcome = Crashed(CrashKind.CONTRACT, f"the judge received {error}")
        except ClosedError:
            outcome = self._timed_out() if self._closed else Crashed(CrashKind.NO_RESULT, "it ended without calling evaluate_bpb")
        return Final(
            outcome=outcome,
            spent=self._meter.spent,
            steps=self._batches,
            floor=self._manifest.floor,
            details={"epochs": float(self._packer.epoch), "optimizer_steps": float(self._steps), "data": self._manifest.digest, **self._details},
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
                case Losses():
                    raise _broken("losses that nobody asked for")
                case _:
                    assert_never(request)

    def _welcome(self, request: Hello) -> None:
        if request.version != VERSION:
            raise _broken(f"protocol version {request.version}, this judge speaks {VERSION}")
        manifest, budget = self._manifest, self._job.budget
        welcome = Welcome(
            max_seq_len=manifest.max_seq_len,
            time_budget=nominal_seconds(budget.unit, budget.amount),
            nominal=budget.unit.deterministic,
            seed=self._job.seed,
            vocab_size=manifest.vocab_size,
            bos=manifest.bos,
            vocabulary=manifest.vocabulary,
            pattern=manifest.pattern,
        )
        self._channel.send(welcome, (self._job.data / VOCABULARY).read_bytes())

    def _feed(self, request: NextBatch) -> None:
        _bounded(request.rows, request.length)
        if not self._batches:
            self._emit(FirstBatch())
        self._charge(request.steps, request.counted)
        if self._closed:
            raise _EndedError(self._timed_out(), "the budget is spent and no evaluation was asked for")
        self._step_cost.tell(self._meter.spent, self._steps or self._batches)
        if self._overrun(FEED_STEPS):
            self._closed = True
            self._channel.send(BudgetSpent())
            return
        rows = self._packer.rows(request.rows, request.length + 1)
        seconds = nominal_seconds(self._job.budget.unit, self._meter.spent)
        self._meter.hand_out(request.rows * request.length)
        self._batches += 1
        self._channel.send(Batch(rows=request.rows, length=request.length, epoch=self._packer.epoch, seconds=seconds), rows.data)

    def _charge(self, steps: int, counted: Counted | None) -> None:
        self._steps = steps
        self._meter.tell(steps, counted)
        share = self._meter.spent / self._job.budget.amount
        if share >= self._told + SPENT_STEP:
            self._told = share
            self._emit(Spent(share=share, steps=self._batches))

    def _overrun(self, allowed: int) -> bool:
        return overrun(self._job.budget, self._meter.spent, self._step_cost.value, allowed)

    def _evaluate(self, request: Evaluate) -> NoReturn:
        _bounded(request.rows, self._manifest.max_seq_len)
        self._charge(request.steps, request.counted)
        if self._overrun(EVALUATE_STEPS):
            raise _EndedError(self._timed_out(), "the budget was spent long before evaluate_bpb was called")
        self._emit(Evaluating())
        score = self._score(request.rows)
        value, floor = score.value, self._manifest.floor
        self._details |= {"eval_tokens": float(score.tokens), "eval_bytes": float(score.bytes), "eval_nats": score.nats}
        if floor is not None and value < FLOOR_SHARE * floor:
            evidence = f"{value:.6f} is below {FLOOR_SHARE} of the exact floor {floor:.6f}"
            raise _EndedError(Cheated("below_floor", evidence), evidence)
        self._channel.send(Verdict(value))
        raise _EndedError(Measured(value), "")

    def _score(self, at_once: int) -> BitsPerByte:
        """Show the validation rows, ``at_once`` at a time, and sum what comes back. The last batch is filled up with rows that do not count."""
        manifest = self._manifest
        count = max(manifest.eval_tokens // manifest.max_seq_len, 1)
        packed = Packer(read_tokens(self._job.data, "val"), manifest.bos, seed=None).rows(count, manifest.max_seq_len + 1)
        score = BitsPerByte(token_bytes(read_vocab(self._job.data)))
        for first in range(0, count, at_once):
            chosen = packed[np.arange(first, first + at_once) % count]
            losses = self._claim(chosen)
            counting = min(at_once, count - first)
            score.add(losses[:counting], chosen[:counting, 1:])
        return score

    def _claim(self, rows: Tokens) -> npt.NDArray[np.float32]:
        """The variant's losses for validation rows, shape [rows, length]."""
        shape = [rows.shape[0], rows.shape[1] - 1]
        self._channel.send(Rows(rows=shape[0], length=shape[1]), rows.data)
        claim, payload = self._channel.receive(payload_limit=4 * shape[0] * shape[1])
        if not isinstance(claim, Losses):
            raise _broken("another request where losses were expected")
        if claim.dtype != "float32" or claim.shape != shape or len(payload) != 4 * shape[0] * shape[1]:
            raise _broken(f"losses of shape {claim.shape[:8]} and type {claim.dtype[:16]} instead of {shape} and float32")
        losses = np.frombuffer(payload, dtype="<f4").reshape(shape)
        if not np.isfinite(losses).all():
            raise _EndedError(Crashed(CrashKind.DIVERGED, "its losses were not finite"), "the losses are not finite")
        return losses

    def _timed_out(self) -> TimedOut:
        return TimedOut(Limit.BUDGET, self._now() - self._began)

    def _say_why(self, ended: _EndedError) -> None:
        if reason := str(ended):
            try:
                self._channel.send(Refusal(reason))
            except ClosedError:
                return  # it left before it could hear


def _bounded(rows: int, length: int) -> None:
    if rows * (length + 1) > TOKENS_LIMIT:
        raise _broken(f"a batch of {rows} x {length} tokens, {TOKENS_LIMIT} allowed")


def _broken(what: str) -> _EndedError:
    return _EndedError(Crashed(CrashKind.CONTRACT, f"the judge received {what}"), what)


def read_job(path: Path) -> JudgeJob:
    """A job file. Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=JudgeJob, dec_hook=_path)


def _path(_kind: type, value: Any) -> Path:
    return Path(value)


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge one run. A missing or damaged data folder raises: no ``Final`` means that the machine, not the variant, is at fault."""
    parser = argparse.ArgumentParser(prog="python -m evaluator.judge")
    parser.add_argument("job", type=Path)
    parser.add_argument("--variant-fd", type=int, required=True)
    parser.add_argument("--report-fd", type=int, required=True)
    options = parser.parse_args(arguments)

    def emit(event: JudgeEvent) -> None:
        os.write(options.report_fd, msgspec.json.encode(event) + b"\n")

    with socket.socket(fileno=options.variant_fd) as connection:
        judge = Judge(read_job(options.job), Channel(connection, msgspec.json.Decoder(Request)), emit, time.monotonic)
        emit(judge.run())


if __name__ == "__main__":
    main()
