"""Models of any provider, through litellm. The only module that imports it: lazily, as that takes seconds,
and without the download of its prices.

- No streaming, because its price can silently be zero then. No retries of litellm's own: what to try again,
  and when, is decided in ``retry``.
- Keys are read from the environment by litellm itself. What leaves this module, text or error, has been
  redacted.
- Calls of all threads share one event loop: litellm keeps connections by loop.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Thread
from types import ModuleType
from typing import Any

import msgspec

from agents.proposers.llm.completion import CompletionError, Failure, Message, Options, Reply
from agents.proposers.llm.redaction import redacted, redacted_answer

BY_STATUS = {
    401: Failure.AUTHENTICATION,
    402: Failure.PAYMENT,
    403: Failure.PERMISSION,
    404: Failure.MODEL,
    408: Failure.TIMEOUT,
    409: Failure.SERVER,
    429: Failure.RATE_LIMIT,
    504: Failure.TIMEOUT,
    529: Failure.SERVER,
}
"""By HTTP status, which litellm's classes do not always follow: it has none for 402 and 403 of OpenAI-like
endpoints.
"""
BY_WORDS = {
    "missing credentials": Failure.AUTHENTICATION,
    "api_key client option must be set": Failure.AUTHENTICATION,
    "llm provider not provided": Failure.MODEL,
    "connection error": Failure.CONNECTION,
}
"""What litellm reports as a fault of the server or of the request, by the words in it."""
WHAT_CHARS = 300
GRACE = 5.0
"""Seconds a call may overrun its timeout before its thread gives up on it."""


class LitellmCompletion:
    """Meets ``completion.Completion``."""

    def complete(self, messages: Sequence[Message], model: str, options: Options) -> Reply:
        """See ``Completion.complete``."""
        litellm = _litellm()
        began = time.monotonic()
        call = asyncio.run_coroutine_threadsafe(_call(litellm, messages, model, options), _loop())
        try:
            response = call.result(options.timeout + GRACE)
        except TimeoutError:
            call.cancel()
            raise CompletionError(Failure.TIMEOUT, f"{model}: no reply in {options.timeout:g} s") from None
        except (litellm.exceptions.openai.OpenAIError, OSError, ValueError) as error:
            raise _failed(model, error) from None  # its own text and its causes may hold a key
        return _reply(litellm, response, model, time.monotonic() - began)

    def price(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """See ``Completion.price``."""
        try:
            costs = _litellm().cost_per_token(
                model=model, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens
            )
        except Exception:  # noqa: BLE001 - a bare Exception is what litellm raises for a model it has no price for
            return None
        return sum(costs) or None


def load() -> None:
    """Import litellm, and let it answer itself once: it loads as much again at its first call. Needs no key
    and no network.
    """
    asked = _litellm().acompletion(
        model="openai/gpt-4o", messages=[{"role": "user", "content": ""}], mock_response="ready"
    )
    asyncio.run_coroutine_threadsafe(asked, _loop()).result()


async def _call(litellm: Any, messages: Sequence[Message], model: str, options: Options) -> Any:
    async with asyncio.timeout(options.timeout):
        return await litellm.acompletion(
            model=model,
            messages=[msgspec.to_builtins(message) for message in messages],
            api_base=options.api_base,
            temperature=options.temperature,
            max_tokens=options.max_tokens,
            timeout=options.timeout,
            num_retries=0,
            max_retries=0,
            stream=False,
            drop_params=True,
        )


@cache
def _litellm() -> ModuleType:
    """litellm, made quiet: it logs requests, and its loggers would write what was redacted here."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # or it takes in whatever `.env` lies above its own folder
    import litellm

    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in ("httpx", "openai", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # addresses may hold keys
    return litellm


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="completions", daemon=True).start()
    return loop


def _reply(litellm: Any, response: Any, model: str, seconds: float) -> Reply:
    """Raises CompletionError for a response without text."""
    choice = response.choices[0] if response.choices else None
    text = choice.message.content if choice is not None else None
    if not isinstance(text, str):
        raise CompletionError(Failure.REPLY, f"{model}: a reply without text")
    usage = getattr(response, "usage", None)
    return Reply(
        text=redacted_answer(text, os.environ),
        model=model,
        prompt_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        completion_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
        cost_usd=_cost(litellm, response, model),
        seconds=seconds,
        cut=choice is not None and choice.finish_reason == "length",
    )


def _cost(litellm: Any, response: Any, model: str) -> float | None:
    """Dollars by litellm's price list; None where it has none, which it also says as 0."""
    try:
        return float(litellm.completion_cost(completion_response=response, model=model)) or None
    except Exception:  # noqa: BLE001 - a bare Exception is what litellm raises for a model it has no price for
        return None


def _failed(model: str, error: Exception) -> CompletionError:
    headers: Mapping[str, str] = getattr(error, "litellm_response_headers", None) or {}
    what = redacted(" ".join(str(error).split()), os.environ)[:WHAT_CHARS]
    return CompletionError(
        _failure(error), f"{model}: {what}", retry_after(headers.get("retry-after"), datetime.now(UTC))
    )


def _failure(error: Exception) -> Failure:
    exceptions = _litellm().exceptions
    text = str(error).lower()
    status = getattr(error, "status_code", None)
    if isinstance(error, exceptions.ContextWindowExceededError):
        return Failure.CONTEXT
    for words, failure in BY_WORDS.items():
        if words in text:
            return failure
    if isinstance(status, int) and status in BY_STATUS:
        return BY_STATUS[status]
    if isinstance(error, exceptions.Timeout):
        return Failure.TIMEOUT
    if isinstance(error, exceptions.BadRequestError) or (isinstance(status, int) and 400 <= status < 500):
        return Failure.REQUEST
    return (
        Failure.CONNECTION if isinstance(error, exceptions.APIConnectionError | OSError) else Failure.SERVER
    )


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, which holds seconds or a date (RFC 9110, 10.2.3). None
    where it says nothing.
    """
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header).astimezone(UTC) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds and seconds != float("inf") else None
