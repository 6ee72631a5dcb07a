"""A trainer that trains nothing: it waits as long as a training would and draws the value from a made-up
landscape.

For benchmarks of the swarm itself, for rehearsing a cluster without GPUs, and for tests. Everything but the
waiting is deterministic: the same order gives the same outcome and value on every machine. Its results say
``sandbox="simulated"``, so that none is ever taken for a measurement.
"""

import hashlib
import math
import time
from collections.abc import Callable
from threading import Event

from msgspec.structs import replace

from evaluator.classify import bounded
from evaluator.early_stop import EarlyLook
from evaluator.result import Crashed, CrashKind, Lost, Measured, Outcome, Progress, RunResult, Seconds
from trainer.contract import RunOrder
from trainer.run.early_losses import ended
from trainer.run.result_file import LOG, write_result
from trainer.simulated.landscape import draw, effect, normal

BEAT = 0.5
"""Most seconds between two reports of progress, as from a real training."""

Pause = Callable[[Event, float], bool]
"""Waits for seconds or until the event is set; returns whether it is set. ``Event.wait`` is one."""


class SimulatedTrainer:
    """Implements ``trainer.contract.Trainer`` on a made-up landscape around the baseline's source."""

    def __init__(
        self,
        source: str,
        *,
        baseline: float = 1.0,
        sign: int = 1,
        seconds: float = 2.0,
        sigma: float = 0.0065,
        crash_ratio: float = 0.0,
        crash_seconds: float = 0.2,
        seed: int = 0,
        pause: Pause = Event.wait,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """source: the baseline, which scores ``baseline`` give or take the noise and never crashes. sign: +1
        where lower values are better, -1 where higher are. seconds: of one training. sigma: standard
        deviation between seeds, in the metric's unit. crash_ratio: share of all other sources that crash,
        after ``crash_seconds``. seed: another one is another landscape.

        pause, clock: replaced where no time must pass; the clock gives seconds since the epoch.
        """
        self._source = source
        self._baseline = baseline
        self._sign = sign
        self._seconds = seconds
        self._sigma = sigma
        self._crash_ratio = crash_ratio
        self._crash_seconds = crash_seconds
        self._seed = seed
        self._pause = pause
        self._clock = clock

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        """Wait, draw, and keep the result as a real training would. Raises OSError when the directory cannot
        be written.
        """
        started = self._clock()
        outcome: Outcome = self.outcome(order.source, order.seed)
        seconds = self._crash_seconds if isinstance(outcome, Crashed) else self._seconds
        early = self._look(order, outcome)
        until = early.plan.at if early and early.ends else 1.0
        share = self._wait(seconds * until, progress, cancel)
        if share < 1.0:
            outcome = Lost("cancelled")
        elif early and early.ends:
            outcome = ended(early)
        result = replace(self._result(order, outcome, share * until, started), early=early)
        order.directory.mkdir(parents=True, exist_ok=True)
        (order.directory / LOG).write_text(result.tail, encoding="utf-8")
        write_result(order.directory, result)
        return result

    def outcome(self, source: str, seed: int) -> Measured | Crashed:
        """What ``source`` trained with ``seed`` comes to."""
        digest = hashlib.sha256(source.encode()).hexdigest()
        if source != self._source and draw("crash", digest, self._seed) < self._crash_ratio:
            return Crashed(CrashKind.EXCEPTION, "RuntimeError: simulated crash")
        try:
            worse = effect(source, self._source, self._seed)
        except (
            SyntaxError,
            ValueError,
            RecursionError,
            MemoryError,
        ) as error:  # what the compiler says to text that is no program
            return Crashed(CrashKind.DOES_NOT_START, bounded(f"{type(error).__name__}: {error}"))
        noise = self._sigma * normal("noise", digest, seed, self._seed)
        return Measured(self._baseline * (1 + self._sign * worse) + noise)

    def _look(self, order: RunOrder, outcome: Outcome) -> EarlyLook | None:
        """What the log of such a run would say where it is looked at: its value, but for some noise."""
        if order.early is None or not isinstance(outcome, Measured):
            return None
        digest = hashlib.sha256(order.source.encode()).hexdigest()
        noise = self._sigma * normal("early", digest, order.seed, self._seed)
        return EarlyLook(order.early, self._sign * outcome.value + noise)

    def _wait(self, seconds: float, progress: Callable[[Progress], None], cancel: Event) -> float:
        """Let ``seconds`` pass; returns the share of them that passed before ``cancel`` was set."""
        beats = max(math.ceil(seconds / BEAT), 1)
        for share in (beat / beats for beat in range(beats)):
            progress(Progress(share))
            if self._pause(cancel, seconds / beats):
                return share
        return 1.0

    def _result(self, order: RunOrder, outcome: Outcome, share: float, started: float) -> RunResult:
        finished = self._clock()
        return RunResult(
            run=order.run,
            outcome=outcome,
            seed=order.seed,
            seconds=Seconds(train=finished - started, total=finished - started),
            sandbox="simulated",
            spent=share * order.budget.amount,
            tail=f"simulated: {outcome}\n",
            started_at=started,
            finished_at=finished,
        )
