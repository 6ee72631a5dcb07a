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
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Thread
from types import ModuleType
from typing import Any

import msgspec

from agents.proposers.llm.completion import CompletionError, Failure, Message, Options, Reply
from agents.proposers.llm.provider.length_limits import length_limit, length_remedy
from agents.proposers.llm.provider.lost_answers import may_be_paid
from agents.proposers.llm.provider.price_list import listed_usd
from agents.proposers.llm.provider.provider_body import ProviderBody, read_body, tokens_of
from agents.proposers.llm.provider.provider_errors import Meaning, meaning
from agents.proposers.llm.provider.reply_reading import End, at_most, read_reply
from agents.proposers.llm.quoting import one_line
from agents.proposers.llm.redaction import redacted, redacted_answer
from agents.proposers.llm.tokens import count_tokens

BY_WORDS = {
    "missing credentials": Failure.AUTHENTICATION,
    "api_key client option must be set": Failure.AUTHENTICATION,
    "llm provider not provided": Failure.MODEL,
    "connection error": Failure.CONNECTION,
}
"""What litellm reports as a fault of the server or of the request, by the words in it."""
KEY_WORDS = re.compile(r"detected in headers|illegal header value|codec can't encode", re.IGNORECASE)
"""What is said of a key that cannot be sent, by clients that may repeat it in a form no redaction knows."""
KEY_NAME = re.compile(r"_(?:API_KEY|AUTH_TOKEN)$")
KEY_UNFIT = "the key in the environment holds a line feed or a letter that cannot be sent: write it anew"
OF_LENGTH = frozenset({Failure.CONTEXT, Failure.PARAMETER})
NO_WORDS = re.compile(r"Error code: \d+$")
"""What litellm says where it does not know the body's shape."""
PREFIX = re.compile(r"^litellm\.\w+: (?:\w+: )?(?:\w+ - )?")
"""What litellm puts before a provider's words: a class of its own, which may be another than ours."""
WHAT_CHARS = 300
CONNECT = 10.0
"""Seconds in which a provider is reached, or is not there."""
GRACE = 5.0
"""Seconds a call may overrun its timeout before its thread gives up on it."""


class LitellmCompletion:
    """Meets ``completion.Completion``."""

    def complete(self, messages: Sequence[Message], model: str, options: Options) -> Reply:
        """See ``Completion.complete``."""
        litellm = _litellm()
        asked = _Asked(model, options, messages)
        call = asyncio.run_coroutine_threadsafe(_call(litellm, asked), _loop())
        try:
            response = call.result(options.timeout + GRACE)
        except TimeoutError:
            call.cancel()
            what = f"{model}: no reply in {options.timeout:g} s"
            raise CompletionError(Failure.TIMEOUT, what, reply=asked.at_most()) from None
        except (litellm.exceptions.openai.OpenAIError, OSError, ValueError) as error:
            if asked.body is not None and not asked.body.broken:
                return _whole(asked, *asked.read(asked.body, asked.body.usage))
            raise _failed(asked, error) from None  # its own text and its causes may hold a key
        return _reply(asked, response)

    def price(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """See ``Completion.price``."""
        return listed_usd(model, prompt_tokens, completion_tokens)


class _Asked:
    """A call, and what its provider sent."""

    def __init__(self, model: str, options: Options, messages: Sequence[Message]) -> None:
        self.model = model
        self.options = options
        self.messages = messages
        self.body: ProviderBody | None = None
        self._began = time.monotonic()

    def take(self, details: Mapping[str, Any]) -> None:
        """What litellm hands over before it makes something of it. It holds the key, too: only the body is
        looked at.
        """
        if details.get("log_event_type") == "post_api_call":
            self.body = self.body or read_body(details.get("original_response"))

    def read(
        self, body: ProviderBody, usage: tuple[int, int], answered_by: object = None
    ) -> tuple[Reply, End]:
        """What came of it, redacted."""
        reply, end = read_reply(
            self.model,
            body,
            counted=self._counted(),
            max_tokens=self.options.max_tokens,
            seconds=time.monotonic() - self._began,
            usage=usage,
            answered_by=answered_by,
        )
        return msgspec.structs.replace(reply, text=redacted_answer(reply.text, os.environ)), end

    def at_most(self) -> Reply:
        """What it may have used when nothing came."""
        return at_most(self.model, self._counted(), self.options.max_tokens, time.monotonic() - self._began)

    def length_remedy(self, text: str) -> str:
        """What to do about a refusal that is about lengths; empty where it is about something else."""
        limit = length_limit(text)
        return length_remedy(limit, self._counted(), self.options.max_tokens) if limit is not None else ""

    def _counted(self) -> int:
        return sum(count_tokens(message.content) for message in self.messages)


def load() -> None:
    """Import litellm, and let it answer itself once: it loads as much again at its first call. Needs no key
    and no network.
    """
    asked = _litellm().acompletion(
        model="openai/gpt-4o", messages=[{"role": "user", "content": ""}], mock_response="ready"
    )
    asyncio.run_coroutine_threadsafe(asked, _loop()).result()


async def _call(litellm: Any, asked: _Asked) -> Any:
    options = asked.options
    async with asyncio.timeout(options.timeout):
        return await litellm.acompletion(
            model=asked.model,
            messages=[msgspec.to_builtins(message) for message in asked.messages],
            api_base=options.api_base,
            temperature=options.temperature,
            max_tokens=options.max_tokens,
            timeout=litellm.httpx.Timeout(options.timeout, connect=min(CONNECT, options.timeout / 2)),
            num_retries=0,
            max_retries=0,
            stream=False,
            drop_params=True,
            logger_fn=asked.take,
        )


@cache
def _litellm() -> ModuleType:
    """litellm, made quiet: it logs requests, and its loggers would write what was redacted here."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # or it takes in whatever `.env` lies above its own folder
    strip_keys(os.environ)
    import litellm

    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in ("httpx", "openai", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # addresses may hold keys
    return litellm


def strip_keys(environ: MutableMapping[str, str]) -> None:
    """Take blanks and line feeds off both ends of keys: they come along from files and pages, and no header
    takes them.
    """
    for name in [name for name in environ if KEY_NAME.search(name)]:
        environ[name] = environ[name].strip()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="completions", daemon=True).start()
    return loop


def _reply(asked: _Asked, response: Any) -> Reply:
    """Raises CompletionError for a response that holds no answer, or one that its provider broke off."""
    choice = response.choices[0] if response.choices else None
    body = _body(asked, response, choice)
    usage = getattr(response, "usage", None)
    used = [tokens_of(getattr(usage, name, 0)) for name in ("prompt_tokens", "completion_tokens")]
    reply, end = asked.read(body, (used[0], used[1]), getattr(response, "model", None))
    if choice is None and asked.body is None and reply.estimated:  # an empty list: nothing was written
        raise CompletionError(Failure.REPLY, f"{asked.model}: a reply without an answer")
    return _whole(asked, reply, end)


def _whole(asked: _Asked, reply: Reply, end: End) -> Reply:
    """The reply. Raises CompletionError, with what was used, for one that is not whole."""
    if end is End.FILTERED:
        what = "its provider's filter kept the answer back, or a part of it"
        raise CompletionError(Failure.POLICY, f"{asked.model}: {what}", reply=reply)
    if end is End.BROKEN:
        what = _broken(asked.body or ProviderBody(text=reply.text))
        raise CompletionError(Failure.REPLY, f"{asked.model}: {what}", reply=reply)
    return reply


def _body(asked: _Asked, response: Any, choice: Any) -> ProviderBody:
    """The provider's own, with what litellm alone could read of it."""
    body = asked.body or read_body(response.model_dump(warnings=False)) or ProviderBody()
    text = choice.message.content if choice is not None else None
    if not body.text and isinstance(text, str):
        body = msgspec.structs.replace(body, text=text)
    if body.finish is None and not body.says_end and choice is not None:
        body = msgspec.structs.replace(body, finish=choice.finish_reason)
    return body


def _broken(body: ProviderBody) -> str:
    """Why an answer is not taken for whole."""
    if not body.text and not body.thoughts:
        return "a reply without an answer"
    if body.finish is None:
        return "the reply does not say that it is whole (no finish_reason), and does not end with an edit"
    return f"its provider broke the reply off: finish_reason {one_line(body.finish, 60)!r}"


def _failed(asked: _Asked, error: Exception) -> CompletionError:
    """Whatever was sent beside the error is paid for; so may be an answer that did not come in time."""
    headers: Mapping[str, str] = getattr(error, "litellm_response_headers", None) or {}
    if KEY_WORDS.search(str(error)):
        return CompletionError(Failure.AUTHENTICATION, f"{asked.model}: {KEY_UNFIT}")
    said = _everything_said(error) if NO_WORDS.search(str(error)) else str(error)
    what = redacted(PREFIX.sub("", " ".join(said.split())), os.environ)[:WHAT_CHARS]
    meant = _meaning(error)
    wait = retry_after(headers.get("retry-after"), datetime.now(UTC))
    reply = asked.read(asked.body, asked.body.usage)[0] if asked.body is not None else None
    if reply is None and may_be_paid(error, meant.failure is Failure.TIMEOUT):
        reply = asked.at_most()
    remedy = asked.length_remedy(_everything_said(error)) if meant.failure in OF_LENGTH else ""
    return CompletionError(meant.failure, f"{asked.model}: {what}", wait, meant.parameter, reply, remedy)


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
