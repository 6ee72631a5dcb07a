"""What a provider's refusal means, read from its words first and from its HTTP status last.

- The same status says different things: 429 is a rate limit or an empty account, 400 a prompt, a parameter or
  an account, 403 a country, a bill or a filter. Providers' words differ and their sense does not.
- Who waits must not be stopped: a limit per minute or per day is one to wait for, whatever else is said of
  plans and credits beside it.
- A page of HTML speaks of somebody between us and the provider; only its status counts.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from agents.proposers.llm.completion import Failure

READ_CHARS = 4_000
"""Of what a provider said, in which its sense is looked for."""
PAGE = re.compile(r"<!doctype|<html", re.IGNORECASE)


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE | re.DOTALL)


TOO_LONG = _words(
    r"context[ _]?(?:length|window|size|limit)",
    r"context_length_exceeded",
    r"(?:prompt|input|request|message)s?(?: \w+)? (?:is|are|was) too (?:long|large)",
    r"request (?:entity )?too large",
    r"too many (?:input |prompt )?tokens",
    r"input (?:token|length|tokens) .{0,40}exceed",
    r"exceeds? .{0,40}(?:number of |input )tokens allowed",
    r"reduce (?:the|your) (?:length|message|prompt|input)",
    r"must be reduced",
    r"range of input length",
)
OVER_THE_LIMIT = _words(
    r"request (?:entity )?too large",
    r"must be reduced",
    r"reduce your message size",
    r"maximum context length",
)
"""Said with 429 of a request that is longer than a limit per minute ever lets through."""
CLOCK = _words(
    r"per[ _-]?(?:second|sec|minute|min|hour|day)(?:s|ly)?\b",
    r"\b(?:rpm|rps|rpd|tpm|tpd|itpm|otpm)\b",
    r"(?:try|retry) (?:again )?(?:in|after)\W{0,3}(?:about )?\d",
    r"retry-?delay",
    r"too many requests",
    r"slow down",
    r"(?:session|weekly|hourly|daily|5-hour) limit",
    r"limit .{0,40}\bresets?\b",
    r"usage limit reached\|\d",
)
NONE_FREE = re.compile(r"limit\W{0,3}\b0\b", re.IGNORECASE)
"""A limit of none is no limit to wait for."""
UNPAID = _words(
    r"insufficient[ _-]?(?:\w+[ _-])?(?:quota|balance|funds?|credits?)",
    r"exceeded[ _](?:your[ _])?current[ _]quota",
    r"quota .{0,60}(?:used up|plan|billing)",
    r"(?:credit|account|prepaid)[ _-]?balance",
    r"balance .{0,30}(?:too low|not enough|negative|exhausted|depleted|insufficient)",
    r"(?:out of|not enough|no|any|more|purchase|buy|add|available) (?:\w+ )?credits?\b",
    r"credits? .{0,30}(?:limit|exhausted|depleted|run out|used up|expired)",
    r"(?:monthly|included|free) credits",
    r"(?:billing|spend(?:ing)?|budget|payment)[ _-](?:\w+[ _-])?(?:limit|cap)\b",
    r"billing[ _-](?:error|(?:is )?disabled|(?:is |has )?not[ _-](?:been )?(?:active|enabled))",
    r"requires? billing|enable billing|billing to be enabled|billing account",
    r"(?:check|see) .{0,20}plan (?:and|&) billing",
    r"specified .{0,20}usage limit",
    r"regain access",
    r"(?:monthly|account) usage limit",
    r"key limit exceeded",
    r"only afford",
    r"payment (?:required|method|overdue|failed)|non-?payment|unpaid|past due|overdue|enough funds",
    r"usage limit of your plan|upgrade your plan",
    r"\barrears?\b|arrearage",
    r"top[ -]up|recharge",
    r"free (?:trial|tier|quota) .{0,40}(?:ended|expired|exhausted|over\b)",
    r"(?:inactive|no active|expired) subscription|subscription .{0,20}(?:inactive|expired|required)",
    r"余额|欠费|额度不足",
    r"budget .{0,10}exceeded|exceeded.?budget|over budget|max budget",
    r"(?:not enough|no|low|negative) (?:\w+ )?(?:balance|funds?)\b|no funds|trial has (?:ended|expired)",
    r"dunning|payment[ _]instrument|commodity ?not ?purchased|has not purchased",
)
FILTERED = _words(
    r"content[ _-]?(?:management[ _-])?(?:policy|filter)",
    r"(?:usage|safety|acceptable use) polic(?:y|ies)",
    r"content exists risk",
    r"content_policy_violation|prohibited_content|data_?inspection_?failed|inappropriate content",
    r"(?:safety|moderation) (?:system|filter|settings?|check)|\bmoderation\b",
    r"(?:was|were|been|prompt|input|request) (?:\w+ )?flagged",
    r"responsible ai|block\w*\b.{0,20}\bsafety\b|\bsafety\b.{0,20}block",
)
KEY = _words(
    r"(?:invalid|incorrect|missing|expired|wrong|malformed|revoked|no) (?:\w+ )?(?:x-)?api[ _-]?key",
    r"api[ _-]?key .{0,40}(?:not valid|invalid|missing|expired|revoked|disabled|required|incorrect)",
    r"api[ _-]?key .{0,20}not found",
    r"invalid x-api-key|api_key_invalid|invalid_api_key",
    r"provide an api key|api_key client option must be set|missing credentials|unable to locate credentials",
    r"invalid (?:\w+ )?(?:credentials|authentication|token|bearer)",
    r"authentication[ _](?:fail\w*|error|required)|auth(?:entication)? token",
    r"[A-Z]_API_KEY\b.{0,40}(?:not set|not found|missing|required|unset)",
    r"missing .{0,30}[A-Z]_API_KEY|security token .{0,30}invalid",
    r"unauthenticated|\bunauthori[sz]ed\b|no auth credentials|token .{0,20}(?:expired|revoked|is invalid)",
)
NOT_ALLOWED = _words(
    r"(?:organi[sz]ation|account|project|workspace|team|api key) .{0,40}"
    r"(?:has been|have been|was|is|are) .{0,20}"
    r"(?:disabled|suspended|deactivated|terminated|banned|blocked|restricted)",
    r"(?:account|organi[sz]ation)_(?:deactivated|disabled|suspended|restricted)|consumer_suspended",
    r"(?:location|country|region|territory)\b.{0,60}(?:not|un) ?(?:supported|available|allowed|permitted)",
    r"not (?:supported|available|allowed) in your (?:\w+ )?(?:location|country|region|territory)",
    r"unsupported[_ ](?:country|region|location)",
    r"(?:has not been used in project|service_disabled|api .{0,40}(?:is|has been) disabled)",
    r"must be .{0,20}verified|verification required",
    r"verify your (?:organi[sz]ation|identity|account|age|phone)",
    r"(?:accept|agree to) the .{0,40}(?:terms|license|agreement|use case)",
)
"""Somebody has to be asked, or to agree, whatever the status: 400 for a place, an account switched off."""
NO_MODEL = _words(
    r"model[ _]not[ _](?:found|exist|supported)|unknown[ _]model|invalid[ _]model|unsupported model",
    r"no such model|modelnotfound|deployment ?not ?found",
    r"(?:model|deployment)\b.{0,120}(?:not found|not exist|unknown|is not (?:a )?(?:valid|available)"
    r"|is not supported|no longer|retired|decommissioned|has been deprecated|end of life)",
    r"not found for api version",
    r"access to (?:the )?model",
    r"no endpoints found|not a valid model|llm provider not provided|\"?not_found_error\"?.{0,40}model:",
)
REFUSED_PARAMETER = _words(
    r"unsupported[ _](?:parameter|value|argument)",
    r"(?:unknown|unrecogni[sz]ed|unexpected|invalid|extra) (?:request )?(?:parameter|argument|field)",
    r"(?:unknown|invalid)_parameter",
    r"extra_forbidden|extra inputs are not permitted|unknown name",
    r"(?:argument|parameter|field|value) .{0,40}not (?:supported|allowed|permitted|recogni[sz]ed)",
    r"does not support (?:the )?(?:parameters?\b|[`'\"\[])",
)
SENT = re.compile(r"\b(?:max_completion_tokens|max_output_tokens|maxOutputTokens|max_tokens|temperature)\b")
"""Parameters that are sent. The first of them that a 400 or 422 names is what it is about."""
PARAM = re.compile(r"""["']param["']\s*:\s*["'](?P<name>[\w.]+)["']""")
QUOTED = re.compile(r"""[`'"\[](?P<name>[a-z][a-z]*(?:_[a-z]+)+|[a-z]+[A-Z][A-Za-z]+|stop|seed)[`'"\]]""")
AT_THE_END = re.compile(
    r"""(?:parameter|argument|field|model)s?\b[^:"]{0,40}:\s*['`]?(?P<name>[a-z_]{3,40})""", re.IGNORECASE
)
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
NOT_A_PARAMETER = frozenset(
    {
        "model",
        "messages",
        "invalid_request_error",
        "invalid_parameter_error",
        "unsupported_parameter",
        "unsupported_value",
        "extra_forbidden",
    }
)
"""What else stands in quotes."""
PASSES = (
    (_words(r"rate[ _-]?limit"), Failure.RATE_LIMIT),
    (_words(r"overloaded|temporarily unavailable|internal server error"), Failure.SERVER),
)
"""Asked last, and only where there is no status."""
FIRST = ((UNPAID, Failure.PAYMENT), (FILTERED, Failure.POLICY), (KEY, Failure.AUTHENTICATION))
"""Asked before parameters and models, which bodies name for other reasons too."""
BY_STATUS = {
    401: Failure.AUTHENTICATION,
    402: Failure.PAYMENT,
    403: Failure.PERMISSION,
    404: Failure.MODEL,
    408: Failure.TIMEOUT,
    409: Failure.SERVER,
    413: Failure.CONTEXT,
    425: Failure.RATE_LIMIT,
    429: Failure.RATE_LIMIT,
    504: Failure.TIMEOUT,
    529: Failure.SERVER,
}
"""What a status says where the words say nothing."""

REMEDIES: Mapping[Failure, str] = {
    Failure.PAYMENT: "Pay in or raise the limit at the provider, or choose another of `models`",
    Failure.AUTHENTICATION: "Set the provider's key in the environment or in `.env`",
    Failure.PERMISSION: "Have the provider allow the model to this account, or choose another of `models`",
    Failure.MODEL: "Correct `models` or `api_base` of this arm",
    Failure.POLICY: "Say it otherwise in the charter, or choose another of `models`",
}
"""What a person does about it, without a full stop."""


class Meaning(Struct, frozen=True):
    """What a refusal comes to."""

    failure: Failure
    parameter: str = ""
    """The one that is refused, for ``Failure.PARAMETER``."""


def meaning(status: int | None, text: str) -> Meaning | None:
    """Of an HTTP status and of everything the provider said; None where neither says anything."""
    text = ESCAPED.sub(lambda match: chr(int(match[1], 16)), text[:READ_CHARS])
    if not PAGE.search(text) and (by_words := _by_words(status, text)) is not None:
        return by_words
    if status in BY_STATUS:
        return Meaning(BY_STATUS[status])
    if status is not None and 400 <= status < 500:
        return Meaning(Failure.REQUEST)
    return Meaning(Failure.SERVER) if status is not None and status >= 500 else None


def _by_words(status: int | None, text: str) -> Meaning | None:
    if _is_too_long(status, text):
        return Meaning(Failure.CONTEXT)
    if CLOCK.search(text) and not NONE_FREE.search(text):
        return Meaning(Failure.RATE_LIMIT)
    for pattern, failure in FIRST:
        if pattern.search(text):
            return Meaning(failure)
    if status != 429 and (status is None or status < 500) and NOT_ALLOWED.search(text):
        return Meaning(Failure.PERMISSION)
    said = status in (400, 422)
    if (said or status is None) and (parameter := refused_parameter(text, said)) is not None:
        return Meaning(Failure.PARAMETER, parameter)
    if NO_MODEL.search(text):
        return Meaning(Failure.MODEL)
    for pattern, failure in PASSES if status is None else ():
        if pattern.search(text):
            return Meaning(failure)
    return None


def _is_too_long(status: int | None, text: str) -> bool:
    """A rate limit, too, speaks of prompts to shorten: with one, only what can never pass is too long."""
    if status == 429 or (status is None and CLOCK.search(text)):
        return OVER_THE_LIMIT.search(text) is not None
    return TOO_LONG.search(text) is not None and status not in (401, 402, 403)


def refused_parameter(text: str, said: bool = True) -> str | None:
    """The parameter that a refusal with 400 or 422 is about, empty where it has no name; None where it is
    about none. said: whether that is its status; else only plain words count.
    """
    first = SENT.search(text)
    if not REFUSED_PARAMETER.search(text):
        return first[0] if first and said else None
    matches = [match for kind in (PARAM, QUOTED, AT_THE_END) for match in kind.finditer(text)]
    names = [match["name"] for match in matches if match["name"] not in NOT_A_PARAMETER]
    return next(iter(names), first[0] if first else "")


def remedy(failure: Failure, parameter: str = "") -> str:
    """What a person can do about it, without a full stop; empty where nobody has to do anything."""
    if failure is not Failure.PARAMETER:
        return REMEDIES.get(failure, "")
    match parameter:
        case "temperature":
            return "Set `temperature: null` for this arm, or choose another of `models`"
        case "max_tokens" | "max_completion_tokens" | "max_output_tokens" | "maxOutputTokens":
            return (
                "Lower `max_tokens` of this arm to what the model gives; where it takes no such parameter,"
                " choose another of `models`, or upgrade litellm, which names the parameter by the model"
            )
        case "":
            return "Choose another of `models`, or upgrade litellm, which sends the parameter"
        case _:
            return f"Choose a model that takes {parameter!r}, or upgrade litellm, which sends it"
