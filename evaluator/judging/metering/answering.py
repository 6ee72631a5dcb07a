"""What it may take to answer for a model: to hand over its weights and to say its losses or logits. Whoever
trains meanwhile pays for it.

- Measured in seconds of real time under a budget in seconds, in CPU seconds of the kernel under one that is
  counted; what goes beyond is charged to the budget as if it had been training.
- Two bounds, of which the one that is passed by more counts: on the whole, by the baseline's evaluation and
  by what this program's own training costs per token; and on single answers by the middle one, for training
  that hides in a forward is mostly done in the first.
- It is the same for a twin, which must do again whatever the live variant did between its weights and its
  answers.
"""

from collections.abc import Callable
from statistics import median_low

from msgspec import Struct
from msgspec.structs import replace

HAND_OVER_SECONDS = 0.2
"""In which weights are handed over without charge, whatever their size; at most ``SLACK`` of the budget."""
HAND_OVER_RATE = 5e8
"""Bytes per second besides: a slow host copies them out of its GPU, and into a file in memory, at twice
that.
"""

TIMES = 1.5
"""Times the baseline's evaluation that an evaluation may take, or the baseline's for as many times as this
program's training costs more per token.
"""
GROWTH = 1.0
"""Times the baseline's evaluation besides, for each time that this program's training costs more per token:
the larger batches of an evaluation leave caches where those of training do not (a cumsum attention: 5.9 times
the evaluation at 3.3 times the training).
"""
SHARE_OF_STEP = 0.5
"""Of what this program's training costs per token, that its evaluation may cost per token: a forward is a
third of a step without its optimizer.
"""
SHARE_ALONE = 1.0
"""The same where no baseline is known."""
MOST_TIMES = 6.0
"""Times the baseline's cost per token that are believed: few tokens, and much work on each of them, would
otherwise buy a long evaluation.
"""

SLACK, SLACK_SECONDS, SLACK_CPU = 0.02, 0.3, 0.1
"""Share of the budget, and seconds of real time or of CPU, besides: what is used once, such as kernels that
are loaded for the first forward without gradients, and neighbours.
"""
SLACK_ALONE, SLACK_ALONE_SECONDS = 0.1, 2.0
"""The same where no baseline is known, and for a twin, whose process has computed nothing before."""

TIMES_MIDDLE = 2.0
"""Times the middle answer that one answer may take."""

UNCOUNTED_TIMES, UNCOUNTED_SECONDS = 16.0, 30.0
"""Times what this program's training took per token, and seconds, that answers may take where a count is not
confirmed by the kernel: real time that enters no verdict unless it is passed.
"""


class Training(Struct, frozen=True):
    """What a budget came to, in the measure of the answers."""

    cost: float
    """Seconds."""

    tokens: int
    """Training tokens of these."""

    evaluation: float | None = None
    """Seconds for all the rows, hand-over included."""

    @property
    def per_token(self) -> float:
        """Seconds, or 0 where nothing was trained."""
        return self.cost / self.tokens if self.tokens else 0.0


class Allowance(Struct, frozen=True):
    """What answers may take. Seconds of one measure."""

    per_token: float
    """For each token that is shown."""

    slack: float
    """Besides, both on the whole and over single answers."""

    whole: float
    """What the budget is, in this measure."""

    hand_over: float = HAND_OVER_SECONDS
    """For handing over weights, besides their size."""


def live_allowance(own: Training, baseline: Training | None, tokens: int, once: float) -> Allowance:
    """Of the variant's own claims. tokens: of all the rows. once: seconds that may be used once."""
    if baseline is None or baseline.evaluation is None:
        slack = SLACK_ALONE * own.cost + SLACK_ALONE_SECONDS
        return Allowance(SHARE_ALONE * own.per_token, slack, own.cost)
    times = max(own.per_token / baseline.per_token if baseline.per_token else 1.0, 1.0)
    per_token = max(
        min(TIMES * times + GROWTH * (times - 1), TIMES * MOST_TIMES) * baseline.evaluation / tokens,
        SHARE_OF_STEP * min(own.per_token, MOST_TIMES * baseline.per_token),
    )
    free = min(HAND_OVER_SECONDS, SLACK * baseline.cost)
    return Allowance(per_token, SLACK * baseline.cost + once, baseline.cost, hand_over=free)


def uncounted_allowance(own: Training) -> Allowance:
    """Of a counted run whose CPU nobody counts, in real time."""
    return Allowance(
        UNCOUNTED_TIMES * own.per_token, UNCOUNTED_SECONDS, own.cost, hand_over=UNCOUNTED_SECONDS
    )


def twin_allowance(live: Allowance, used: float, tokens: int) -> Allowance:
    """Of a twin: what the live variant took per token, twice. used, tokens: of its claims."""
    slack = SLACK_ALONE * live.whole + SLACK_ALONE_SECONDS
    return replace(live, per_token=TIMES_MIDDLE * used / max(tokens, 1), slack=max(slack, live.slack))


class Answering:
    """Of one process, from now on."""

    used: float
    """Seconds for its answers, without its weights."""

    tokens: int
    """Shown to it in all."""

    def __init__(self, measure: Callable[[], float], allowance: Allowance) -> None:
        """measure: seconds that only grow."""
        self.used = 0.0
        self.tokens = 0
        self._measure = measure
        self._mark = measure()
        self._allowance = allowance
        self._uncovered = 0.0
        self._answers: list[tuple[float, int]] = []

    def handed_over(self, size: int) -> None:
        """Since the last mark it was asked for its weights: ``size`` bytes."""
        taken = self._taken()
        self._uncovered += max(taken - self._allowance.hand_over - size / HAND_OVER_RATE, 0.0)

    def taken_over(self, size: int) -> None:
        """Since the last mark it took over weights of ``size`` bytes."""
        self._uncovered += max(self._taken() - self._allowance.slack - size / HAND_OVER_RATE, 0.0)

    def answered(self, tokens: int) -> None:
        """Since the last mark it was shown so many tokens and answered."""
        self._answers.append((taken := self._taken(), tokens))
        self.used += taken
        self.tokens += tokens

    def _taken(self) -> float:
        before, self._mark = self._mark, self._measure()
        return self._mark - before

    @property
    def largest_answer(self) -> float:
        """Seconds of the answer that took longest."""
        return max((taken for taken, _ in self._answers), default=0.0)

    @property
    def excess(self) -> float:
        """Seconds that neither its weights nor its answers explain."""
        allowance = self._allowance
        covered = allowance.per_token * self.tokens + allowance.slack
        beyond = max(self.used - covered, self._concentrated() - allowance.slack, 0.0)
        return self._uncovered + beyond

    @property
    def excess_share(self) -> float:
        """The same as a share of the budget."""
        return self.excess / self._allowance.whole if self.excess and self._allowance.whole else 0.0

    def _concentrated(self) -> float:
        """Seconds of single answers beyond twice the middle one."""
        if not self._answers:
            return 0.0
        middle = median_low([taken / tokens for taken, tokens in self._answers])
        return sum(max(taken - TIMES_MIDDLE * middle * tokens, 0.0) for taken, tokens in self._answers)


class TwinAnswering:
    """Of a twin, from the moment it is given its weights."""

    def __init__(self, begin: Callable[[], Answering]) -> None:
        self._begin = begin
        self._answering: Answering | None = None

    def given(self) -> None:
        """The weights are sent to it."""
        self._answering = self._begin()

    def loaded(self, size: int) -> None:
        """It holds them: ``size`` bytes."""
        if self._answering:
            self._answering.taken_over(size)

    def uses_too_much(self, tokens: int) -> bool:
        """Whether it has used more than it may, after its answer to so many tokens more."""
        if self._answering is None:
            return False
        self._answering.answered(tokens)
        return self._answering.excess > 0

    @property
    def used(self) -> float | None:
        """Seconds for its answers; None where it has not come so far."""
        return self._answering.used if self._answering else None
