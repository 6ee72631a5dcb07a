"""The calls made for one brief: each has a permit before it begins and a record after it ends, however it
ends.

What was said goes along with the record. Secrets of this process's environment are taken out first, and it is
bounded.
"""

import os
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from agents.edits.outcome import bounded
from agents.proposers.llm.completion import CompletionError, Message, Options, Reply
from agents.proposers.llm.redaction import redacted
from agents.proposers.llm.tokens import count_tokens
from agents.proposers.permits import Permits
from coordinator.model_calls import CallRecord, CallRequest
from coordinator.protocol import Brief
from coordinator.store.transcripts import Said, Transcript, packed

KEPT_CHARS = 120_000
"""Of one message that are kept: a prompt of 40 kB three times over."""


class _CallUnderWay(Struct, frozen=True):
    """A call that was permitted and has no record yet."""

    request: CallRequest
    messages: Sequence[Message]
    began: float
    """On the clock of ``Calls``, in seconds."""


class Calls:
    """The calls of one brief, one after the other."""

    def __init__(self, permits: Permits, brief: Brief, now: Callable[[], float] = time.monotonic) -> None:
        """now: monotonic seconds."""
        self._permits = permits
        self._brief = brief
        self._now = now
        self._turn = 0
        self._open: _CallUnderWay | None = None
        self.made: list[str] = []
        """Ids of the calls that were answered, in order."""

    def begin(
        self,
        model: str,
        messages: Sequence[Message],
        options: Options,
        estimate: Callable[[int], float | None],
    ) -> None:
        """Ask for a permit. estimate: most a call with so many prompt tokens may cost, in dollars. Raises
        Unavailable.
        """
        tokens = sum(count_tokens(message.content) for message in messages)
        request = CallRequest(
            call=uuid.uuid4().hex,
            arm=self._brief.arm,
            model=model,
            ordinal=self._brief.ordinal,
            prompt_tokens=tokens,
            max_tokens=options.max_tokens,
            estimate_usd=estimate(tokens),
            timeout=options.timeout,
        )
        self._permits.permit(request)
        self._open = _CallUnderWay(request, messages, self._now())

    def failed(self, error: CompletionError) -> None:
        """The open call came to nothing. It costs what was used of it, and nothing where nothing was."""
        if (call := self._close()) is not None:
            used = {"cost_usd": 0.0} if error.reply is None else _used(error.reply)
            record = self._record(call, result=error.failure.value, seconds=self._now() - call.began, **used)
            answer = error.reply.text if error.reply is not None and error.reply.text else None
            self._permits.settle(record, _transcript(call, answer, str(error)))

    def answered(self, reply: Reply, result: str) -> None:
        """The open call was answered. result: what could be made of it, a word of ``CALL_RESULTS``."""
        if (call := self._close()) is not None:
            self.made.append(call.request.call)
            record = self._record(call, result=result, seconds=reply.seconds, **_used(reply))
            self._turn += 1
            self._permits.settle(record, _transcript(call, reply.text))

    def _close(self) -> _CallUnderWay | None:
        call, self._open = self._open, None
        return call

    def _record(self, call: _CallUnderWay, **facts: Any) -> CallRecord:
        request = call.request
        return CallRecord(
            call=request.call,
            arm=request.arm,
            model=request.model,
            ordinal=request.ordinal,
            turn=self._turn,
            **facts,
        )


def _used(reply: Reply) -> dict[str, Any]:
    """What a reply adds to a call's record."""
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "cost_usd": reply.cost_usd,
        "estimated": reply.estimated,
        "answered_by": reply.answered_by,
    }


def _transcript(call: _CallUnderWay, answer: str | None, error: str = "") -> bytes:
    messages = [Said(message.role, _kept(message.content)) for message in call.messages]
    return packed(
        Transcript(messages=messages, answer=None if answer is None else _kept(answer), error=_kept(error))
    )


def _kept(text: str) -> str:
    return bounded(redacted(text, os.environ), KEPT_CHARS).encode(errors="replace").decode()
