"""Asking again, later, or another model: what turns a provider's failures into what an agent can react to.

- Rate limits, faults of servers and connections, timeouts: tried again after a wait that grows, or after the
  one the provider asks for.
- A key that is refused, an account that is empty, a model that is not there, a parameter it does not take:
  never asked again, but for the account, after minutes. A prompt that is too long: not asked again with this
  prompt.
- Then the next model, in the order given. A model that failed every try rests for a while, so that an
  endpoint that is down costs no thinking time.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct

from agents.backoff import Backoff
from agents.proposers.contract import ArmStopped, ProposerError, Unavailable
from agents.proposers.llm.calls import Calls
from agents.proposers.llm.completion import (
    LASTING,
    PASSING,
    Completion,
    CompletionError,
    Failure,
    Message,
    Options,
    Reply,
)
from agents.proposers.llm.provider.provider_errors import remedy
from coordinator.arm_notes import ArmReason

logger = logging.getLogger(__name__)


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often and how long a model is asked. All times are seconds."""

    tries: int = 4
    """Calls of one model for one reply."""
    waits: tuple[float, float] = (1.0, 20.0)
    """Shortest and longest between them."""
    longest_wait: float = 30.0
    """That a provider may ask for; if it asks for more, the model rests instead."""
    longest: float = 120.0
    """Since the first try; after that no other is made."""
    rests: tuple[float, float] = (10.0, 60.0)
    """Shortest and longest rest of a model."""
    unpaid_rest: float = 300.0
    """Rest of a model whose account is empty."""


class TooLongError(ProposerError):
    """No model of the arm reads a prompt of this length."""

    reason = ArmReason.CONTEXT


class FallbackModels:
    """Models in the order in which they are asked. It remembers which ones are gone and which ones rest; both
    start anew with the agent.
    """

    def __init__(
        self,
        completion: Completion,
        models: Sequence[str],
        options: Options,
        policy: RetryPolicy | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """now, pause: replaced where time must not pass."""
        self._completion = completion
        self._models = list(models)
        self._options = options
        self._policy = policy or RetryPolicy()
        self._now = now
        self._pause = pause
        self._rng = random.Random(" ".join(self._models))
        self._gone: dict[str, CompletionError] = {}
        """Models that are never asked again, and why."""
        self._resting: dict[str, CompletionError] = {}
        """Why those that rest do, by model."""
        self._rest_until: dict[str, float] = {}
        """On the clock, by model."""
        self._rests = {model: Backoff(self._policy.rests, self._rng) for model in self._models}

    def complete(self, messages: Sequence[Message], calls: Calls | None = None) -> Reply:
        """The first reply there is. calls: counts every try; the one that was answered is left open, for the
        caller to settle.

        Raises ArmStopped when no model is left, Unavailable when all rest or no call is allowed,
        TooLongError, and ProposerError.
        """
        failures: list[CompletionError] = []
        for model in self._models:
            if model in self._gone and not self._may_be_paid(model):
                continue
            if self._now() < self._rest_until.get(model, 0.0):
                failures.append(_rests(model, self._resting.get(model)))
                continue
            try:
                reply = self._retry(model, messages, calls)
                self._gone.pop(model, None)
                return reply
            except CompletionError as error:
                self._note(model, error)
                failures.append(error)
        raise self._error(failures)

    def _may_be_paid(self, model: str) -> bool:
        """An account may have been filled up meanwhile: now and then one call finds out."""
        return self._gone[model].failure is Failure.PAYMENT and self._now() >= self._rest_until[model]

    def _retry(self, model: str, messages: Sequence[Message], calls: Calls | None) -> Reply:
        """One reply of one model. After a rest it gets a single try: an endpoint that is still down is found
        out quickly.
        """
        waits = Backoff(self._policy.waits, self._rng)
        tries = 1 if model in self._rest_until else self._policy.tries
        began = self._now()
        for last in range(tries - 1, -1, -1):
            try:
                reply = self._ask(model, messages, calls)
            except CompletionError as error:
                wait = waits.next() if error.retry_after is None else error.retry_after
                late = wait > self._policy.longest_wait or self._now() + wait - began > self._policy.longest
                if error.failure not in PASSING or not last or late:
                    raise
                logger.info(
                    "model did not answer, will try again",
                    extra=_facts(model, error) | {"seconds": round(wait, 1)},
                )
                self._pause(wait)
            else:
                self._rest_until.pop(model, None)
                self._rests[model].reset()
                return reply
        raise AssertionError("unreachable: the last try returns or raises")

    def _ask(self, model: str, messages: Sequence[Message], calls: Calls | None) -> Reply:
        if calls is None:
            return self._completion.complete(messages, model, self._options)
        calls.begin(model, messages, self._options, partial(self._estimate, model))
        try:
            return self._completion.complete(messages, model, self._options)
        except CompletionError as error:
            calls.failed(error)
            raise

    def _estimate(self, model: str, prompt_tokens: int) -> float | None:
        return self._completion.price(model, prompt_tokens, self._options.max_tokens)

    def _note(self, model: str, error: CompletionError) -> None:
        logger.warning("model failed", extra=_facts(model, error))
        if error.failure in LASTING:
            self._gone[model] = error
            self._rest_until[model] = self._now() + self._policy.unpaid_rest
        elif error.failure in PASSING:
            self._resting[model] = error
            self._rest_until[model] = self._now() + max(self._rests[model].next(), error.retry_after or 0.0)

    def _error(self, failures: Sequence[CompletionError]) -> ProposerError:
        others = [error for error in failures if error.failure not in LASTING]
        gone = list(self._gone.values())
        what = "; ".join(map(str, [*gone, *others]))
        if len(gone) == len(self._models):
            remedies = dict.fromkeys(error.remedy or remedy(error.failure, error.parameter) for error in gone)
            return ArmStopped(what, ArmReason(gone[0].failure.value), "; ".join(remedies))
        passing = [error for error in others if error.failure in PASSING]
        if passing:
            return Unavailable(what, ArmReason(passing[0].failure.value))
        if {error.failure for error in others} == {Failure.CONTEXT}:
            return TooLongError(what, remedy="; ".join(dict.fromkeys(error.remedy for error in others)))
        return ProposerError(what, ArmReason(others[0].failure.value) if others else None)


def _rests(model: str, why: CompletionError | None) -> CompletionError:
    failure, what = (why.failure, f": {why}") if why else (Failure.CONNECTION, "")
    return CompletionError(failure, f"{model}: failed lately and rests{what}")


def _facts(model: str, error: CompletionError) -> dict[str, object]:
    return {"model": model, "failure": error.failure.value, "error": str(error)}
