"""The judge's end of the line to a twin: has it started, greets it, gives it the model, and watches what it
uses.
"""

from collections.abc import Callable
from typing import Protocol

from evaluator.job import CHANGE_OVER, JudgeEvent, JudgeJob, TwinDone, WantsTwin
from evaluator.judging.auditing.handing_over import Handed
from evaluator.judging.auditing.probing import UnbelievableError
from evaluator.judging.data import Manifest
from evaluator.judging.greeting import mismatch, welcome
from evaluator.judging.messages import Hello, Loaded, Model, Ready, Request, Unable
from evaluator.judging.wire import Channel, WireError

NO_MODEL = "when it asked for its first batch it had no module that takes the weights"
OVERDRAWN = "it took longer for its answers than the variant for its own"


class Use(Protocol):
    """Takes note of what a twin uses."""

    def given(self) -> None:
        """The weights are sent to it; what it uses counts from now on."""

    def loaded(self, size: int, /) -> None:
        """It holds them: ``size`` bytes."""

    def uses_too_much(self, tokens: int, /) -> bool:
        """Whether that is more than it may be, after an answer to so many tokens more."""


class TwinLine:
    """To at most one twin. Whatever goes wrong raises ClosedError, WireError or UnbelievableError."""

    channel: Channel[Request]
    """To be used between ``meet`` and ``leave``."""

    called: bool
    """Whether a twin was wanted: the live variant is gone then."""

    def __init__(
        self,
        channel: Channel[Request],
        job: JudgeJob,
        manifest: Manifest,
        emit: Callable[[JudgeEvent], None],
        timeout: float,
        use: Use,
        change_over: float = CHANGE_OVER,
    ) -> None:
        """timeout: seconds for an answer. use: of the twin. change_over: seconds until it can have begun."""
        self.channel = channel
        self.called = False
        self._job = job
        self._manifest = manifest
        self._emit = emit
        self._timeout = timeout
        self._change_over = change_over
        self._use = use

    def call(self) -> None:
        """Ask the supervisor for a twin, in the place of the live variant."""
        self.called = True
        self._emit(WantsTwin())

    def leave(self, answered: bool) -> None:
        """Tell the supervisor that it is not needed any more, and whether it answered all it was asked."""
        self._emit(TwinDone(answered))

    def meet(self, handed: Handed) -> None:
        """Greet it and give it the model."""
        self.channel.wait_at_most(self._change_over + self._timeout)
        hello, _ = self.channel.receive()
        self.channel.wait_at_most(self._timeout)
        if not isinstance(hello, Hello) or mismatch(hello):
            raise WireError("no greeting")
        welcome(self.channel, self._job, self._manifest, twin=True)
        ready, _ = self.channel.receive()
        if not isinstance(ready, Ready):
            raise WireError("another request where it should be ready for its model")
        self._use.given()
        self.channel.send(Model(handed.header.table), handed.content)
        loaded, _ = self.channel.receive()
        if isinstance(loaded, Unable):
            raise UnbelievableError(NO_MODEL)
        if not isinstance(loaded, Loaded):
            raise WireError("another request where it should have loaded its model")
        self._use.loaded(handed.content.size)

    def answered(self, tokens: int) -> None:
        """It was shown so many tokens and has answered."""
        if self._use.uses_too_much(tokens):
            raise UnbelievableError(OVERDRAWN)
