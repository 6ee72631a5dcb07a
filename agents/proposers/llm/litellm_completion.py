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
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Thread
from types import ModuleType
from typing import Any

import msgspec

from agents.proposers.llm.completion import CompletionError, Failure, Message, Options, Reply
from agents.proposers.llm.provider_errors import Meaning, meaning
from agents.proposers.llm.redaction import redacted, redacted_answer

BY_WORDS = {
    "missing credentials": Failure.AUTHENTICATION,
    "api_key client option must be set": Failure.AUTHENTICATION,
    "llm provider not provided": Failure.MODEL,
    "connection error": Failure.CONNECTION,
}
"""What litellm reports as a fault of the server or of the request, by the words in it."""
NO_WORDS = re.compile(r"Error code: \d+$")
"""What litellm says where it does not know the body's shape."""
PREFIX = re.compile(r"^litellm\.\w+: (?:\w+: )?(?:\w+ - )?")
"""What litellm puts before a provider's words: a class of its own, which may be another than ours."""
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
    said = _everything_said(error) if NO_WORDS.search(str(error)) else str(error)
    what = redacted(PREFIX.sub("", " ".join(said.split())), os.environ)[:WHAT_CHARS]
    meant = _meaning(error)
    wait = retry_after(headers.get("retry-after"), datetime.now(UTC))
    return CompletionError(meant.failure, f"{model}: {what}", wait, meant.parameter)


def _meaning(error: Exception) -> Meaning:
    exceptions = _litellm().exceptions
    text = str(error).lower()
    status = getattr(error, "status_code", None)
    if isinstance(error, exceptions.ContextWindowExceededError):
        return Meaning(Failure.CONTEXT)
    for words, failure in BY_WORDS.items():
        if words in text:
            return Meaning(failure)
    if isinstance(error, exceptions.Timeout):
        return Meaning(Failure.TIMEOUT)
    if isinstance(error, exceptions.APIConnectionError | OSError):  # also what litellm could not make out
        return meaning(None, _everything_said(error)) or Meaning(Failure.CONNECTION)
    meant = meaning(status if isinstance(status, int) else None, _everything_said(error))
    return meant or Meaning(Failure.SERVER)


def _everything_said(error: Exception) -> str:
    """The words of a failure and the body they came in, of which litellm may keep a part or nothing."""
    texts = [str(error), *(str(part) for part in (getattr(error, "body", None),) if part)]
    with suppress(AttributeError, RuntimeError):  # no response, or one that nobody read
        texts.append(error.response.text)  # type: ignore[attr-defined]
    return "\n".join(texts)


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
