"""What providers refuse with, in their own kinds of words, and what it comes to."""

import json

import pytest

from agents.proposers.llm.completion import LASTING, PASSING, Failure
from agents.proposers.llm.provider.provider_errors import Meaning, meaning, remedy


def openai(message: str, kind: str = "invalid_request_error", code: str = "", param: str = "") -> str:
    return json.dumps(
        {"error": {"message": message, "type": kind, "param": param or None, "code": code or None}}
    )


def anthropic(message: str, kind: str = "invalid_request_error") -> str:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}})


def google(code: int, message: str, status: str, *details: dict[str, object]) -> str:
    return json.dumps(
        {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
    )


RETRY_INFO: dict[str, object] = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "35s"}

PAYMENT: list[tuple[str, int | None, str]] = [
    ("openai quota", 429, openai("The quota of this account is used up.", "insufficient_quota")),
    ("openai current quota", 429, openai("You exceeded your current quota; see your plan and billing.")),
    ("openai by its code alone", 429, openai("Request refused.", "requests", "insufficient_quota")),
    ("openai balance", 429, openai("No credits are left.", "insufficient_quota", "credit_balance_exhausted")),
    (
        "openai hard limit",
        400,
        openai("Billing hard limit has been reached", code="billing_hard_limit_reached"),
    ),
    (
        "openai inactive",
        429,
        openai("Your account is not active.", "billing_not_active", "billing_not_active"),
    ),
    ("openai project", 429, openai("The project has reached its monthly budget limit.")),
    ("anthropic balance", 400, anthropic("Your credit balance is too low for this API.")),
    ("anthropic other words", 400, anthropic("The credit balance of the workspace is not sufficient")),
    ("anthropic billing", 402, anthropic("There is a problem with a payment.", "billing_error")),
    ("anthropic own limit", 400, anthropic("You have reached your specified API usage limits.")),
    ("anthropic regained", 429, anthropic("API access is off; you will regain access on 2026-12-01.")),
    ("anthropic spend", 429, anthropic("Enforced spend limit reached", "rate_limit_error")),
    (
        "google billing",
        403,
        google(403, "This API method requires billing to be enabled.", "PERMISSION_DENIED"),
    ),
    ("google off", 403, google(403, "x", "PERMISSION_DENIED", {"reason": "BILLING_DISABLED"})),
    (
        "google precondition",
        400,
        google(400, "Free tier is not available here. Please enable billing.", "FAILED_PRECONDITION"),
    ),
    (
        "google without a free tier",
        429,
        google(429, "Quota exceeded per day, limit: 0. Check your plan and billing.", "RESOURCE_EXHAUSTED"),
    ),
    ("google prepaid", 429, google(429, "Your prepayment credits are depleted.", "RESOURCE_EXHAUSTED")),
    ("deepseek", 402, openai("Insufficient Balance", "unknown_error")),
    ("mistral", 402, json.dumps({"detail": "Payment required"})),
    ("mistral inactive", 401, json.dumps({"message": "Inactive subscription or usage limit reached"})),
    ("openrouter", 402, json.dumps({"error": {"message": "Insufficient credits.", "code": 402}})),
    (
        "openrouter fewer tokens",
        402,
        json.dumps(
            {"error": {"message": "Requires more credits, or fewer max_tokens; can only afford 512."}}
        ),
    ),
    (
        "openrouter key",
        403,
        json.dumps({"error": {"message": "Key limit exceeded (total limit)", "code": 403}}),
    ),
    (
        "xai",
        429,
        json.dumps(
            {"error": "Your team has used all available credits or reached its monthly spending limit."}
        ),
    ),
    (
        "xai new team",
        403,
        json.dumps({"code": "forbidden", "error": "Your team doesn't have any credits yet."}),
    ),
    ("groq", 400, openai("Organization has reached its spend limit", code="blocked_api_access")),
    ("together", 402, openai("Credit limit exceeded, please add credits", "credit_limit")),
    ("fireworks", 412, json.dumps({"error": "Account suspended: monthly spending limit or unpaid invoices"})),
    ("moonshot", 429, openai("account is suspended, insufficient balance", "exceeded_current_quota_error")),
    ("dashscope", 400, json.dumps({"code": "Arrearage", "message": "Access denied, account in arrears."})),
    ("gateway", 403, openai("user quota is not enough", "new_api_error", "insufficient_user_quota")),
    ("gateway that fails", 500, openai("upstream: Insufficient Balance")),
    ("gateway in Chinese", 403, openai("用户额度不足, 剩余额度: 0")),
    ("hugging face", 402, json.dumps({"error": "You have exceeded your monthly included credits"})),
    ("a plan's limit", 429, json.dumps({"message": "You have reached the usage limit of your plan."})),
    ("not paid", 429, openai("The organization is off for non-payment")),
    ("no funds", 400, openai("Not enough funds on the account")),
    ("billing off", 403, google(403, "Project billing is disabled", "PERMISSION_DENIED")),
    ("no word at all", 402, ""),
    ("a command's last line", None, "Credit balance is too low"),
]
RATE: list[tuple[str, int | None, str]] = [
    ("openai tokens", 429, openai("Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000.")),
    (
        "openai with a bill beside it",
        429,
        openai("Rate limit reached on requests per day (RPD). Add a payment method; see billing."),
    ),
    ("openai slow", 429, openai("Slow down", "slow_down")),
    ("anthropic", 429, anthropic("This would exceed the limit of 50,000 input tokens per minute.")),
    ("google minute", 429, google(429, "Quota exceeded for GenerateRequestsPerMinute", "RESOURCE_EXHAUSTED")),
    (
        "google with a bill beside it",
        429,
        google(
            429, "You exceeded your current quota, check plan and billing.", "RESOURCE_EXHAUSTED", RETRY_INFO
        ),
    ),
    ("google short", 429, google(429, "Resource has been exhausted (check quota).", "RESOURCE_EXHAUSTED")),
    ("mistral", 429, json.dumps({"message": "Requests rate limit exceeded"})),
    ("mistral tier", 429, json.dumps({"message": "Service tier capacity exceeded for this model."})),
    (
        "openrouter free",
        429,
        json.dumps({"error": {"message": "Rate limit: free-models-per-day. Add credits"}}),
    ),
    (
        "openrouter upstream",
        429,
        json.dumps({"error": {"message": "m is temporarily rate-limited upstream"}}),
    ),
    ("groq", 429, openai("Limit 6000 tokens per day. Try again in 7m12s. Upgrade at /settings/billing")),
    ("azure", 429, openai("Requests have exceeded the call rate limit. Please retry after 6 seconds.")),
    ("bedrock", 429, json.dumps({"message": "Too many requests, please wait before trying again."})),
    ("a page", 429, "<html><body>Pay your bill: billing limit</body></html>"),
    ("no word at all", 429, ""),
    ("a command's last line", None, "API Error: Too Many Requests"),
    ("a subscription's session", None, "You've hit your session limit · resets 3pm (UTC)"),
]
PARAMETER: list[tuple[str, int, str, str]] = [
    (
        "max_tokens",
        400,
        openai(
            "'max_tokens' is not supported with this model. Use 'max_completion_tokens'.", param="max_tokens"
        ),
        "max_tokens",
    ),
    (
        "by its code",
        400,
        openai("Unsupported parameter: 'max_tokens' does not go here.", code="unsupported_parameter"),
        "max_tokens",
    ),
    (
        "a value of it",
        400,
        openai("Unsupported value: 'temperature' does not support 0.2.", code="unsupported_value"),
        "temperature",
    ),
    (
        "out of range",
        400,
        openai("max_tokens is too large: 16000. At most 4096.", param="max_tokens"),
        "max_tokens",
    ),
    ("anthropic's bound", 400, anthropic("max_tokens: 16000 > 8192, the maximum for claude-x"), "max_tokens"),
    ("anthropic's extra", 400, anthropic("temperature: Extra inputs are not permitted"), "temperature"),
    (
        "mistral",
        422,
        json.dumps({"detail": [{"type": "extra_forbidden", "loc": ["body", "top_p"], "msg": "no"}]}),
        "top_p",
    ),
    (
        "google",
        400,
        google(400, 'Unknown name "max_completion_tokens": Cannot find field.', "INVALID_ARGUMENT"),
        "max_completion_tokens",
    ),
    ("xai", 400, json.dumps({"error": "Argument not supported on this model: stop"}), "stop"),
    (
        "a server of one's own",
        400,
        openai("Unrecognized request argument supplied: reasoning_effort"),
        "reasoning_effort",
    ),
    ("both of two", 400, openai("`top_p` and `temperature` cannot both be specified."), "temperature"),
    ("one value only", 400, openai("This model takes temperature=1 only"), "temperature"),
    ("not taken", 400, openai("temperature is not supported by this model"), "temperature"),
    ("unknown keys", 400, openai("Unrecognized keys: max_tokens"), "max_tokens"),
    (
        "a validation",
        422,
        json.dumps({"detail": [{"loc": ["body", "max_tokens"], "msg": "should be less than 4096"}]}),
        "max_tokens",
    ),
    (
        "bounds of temperature",
        400,
        openai("temperature must be between 0 and 2", param="temperature"),
        "temperature",
    ),
]
OTHERS: list[tuple[str, int | None, str, Failure]] = [
    ("openai context", 400, openai("Too long", code="context_length_exceeded"), Failure.CONTEXT),
    ("openai context in words", 400, openai("This model's maximum context length is 8192."), Failure.CONTEXT),
    (
        "anthropic context",
        400,
        anthropic("prompt is too long: 210000 tokens > 200000 maximum"),
        Failure.CONTEXT,
    ),
    (
        "anthropic both together",
        400,
        anthropic("input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000"),
        Failure.CONTEXT,
    ),
    ("groq never fits", 413, openai("Request too large on tokens per minute: Limit 6000"), Failure.CONTEXT),
    (
        "google context",
        400,
        google(400, "The input token count (2000000) exceeds the maximum", "INVALID_ARGUMENT"),
        Failure.CONTEXT,
    ),
    ("openai model", 404, openai("The model `x` does not exist.", code="model_not_found"), Failure.MODEL),
    (
        "openai access",
        403,
        openai("Project has no access to model `x`", code="model_not_found"),
        Failure.MODEL,
    ),
    ("anthropic model", 404, anthropic("model: claude-x", "not_found_error"), Failure.MODEL),
    (
        "google model",
        404,
        google(404, "models/x is not found for API version v1", "NOT_FOUND"),
        Failure.MODEL,
    ),
    ("mistral model", 400, json.dumps({"message": "Invalid model: x"}), Failure.MODEL),
    ("deepseek model", 400, openai("Model Not Exist"), Failure.MODEL),
    (
        "openrouter model",
        400,
        json.dumps({"error": {"message": "x/y is not a valid model ID"}}),
        Failure.MODEL,
    ),
    (
        "openrouter none",
        404,
        json.dumps({"error": {"message": "No endpoints found for x/y."}}),
        Failure.MODEL,
    ),
    ("groq model", 400, openai("The model `x` has been decommissioned"), Failure.MODEL),
    ("azure", 404, openai("Not there", code="DeploymentNotFound"), Failure.MODEL),
    ("ollama", 404, json.dumps({"error": 'model "x" not found, try pulling it first'}), Failure.MODEL),
    ("a wrong address", 404, "<html>404 page not found</html>", Failure.MODEL),
    (
        "openai key",
        401,
        openai("Incorrect API key provided: sk-…", code="invalid_api_key"),
        Failure.AUTHENTICATION,
    ),
    ("anthropic key", 401, anthropic("invalid x-api-key", "authentication_error"), Failure.AUTHENTICATION),
    ("google key", 400, google(400, "API key not valid.", "INVALID_ARGUMENT"), Failure.AUTHENTICATION),
    (
        "google expired",
        400,
        google(400, "API key expired. Renew it.", "INVALID_ARGUMENT"),
        Failure.AUTHENTICATION,
    ),
    ("mistral key", 401, json.dumps({"message": "Unauthorized"}), Failure.AUTHENTICATION),
    ("deepseek key", 401, openai("Authentication Fails (no such user)"), Failure.AUTHENTICATION),
    ("openrouter key", 401, json.dumps({"error": {"message": "User not found."}}), Failure.AUTHENTICATION),
    ("xai key", 400, json.dumps({"error": "Incorrect API key provided"}), Failure.AUTHENTICATION),
    ("azure filter", 400, openai("Content management policy", code="content_filter"), Failure.POLICY),
    ("openai policy", 400, openai("Flagged as violating our usage policy: was flagged"), Failure.POLICY),
    ("openrouter filter", 403, json.dumps({"error": {"message": "m requires moderation"}}), Failure.POLICY),
    ("dashscope filter", 400, json.dumps({"code": "DataInspectionFailed"}), Failure.POLICY),
    ("google safety", 400, openai("The response was blocked: SAFETY"), Failure.POLICY),
    ("openai country", 403, openai("Country, region, or territory not supported"), Failure.PERMISSION),
    ("anthropic permission", 403, anthropic("Not allowed here", "permission_error"), Failure.PERMISSION),
    (
        "a wall between",
        403,
        "<!DOCTYPE html><title>You were flagged by moderation</title>",
        Failure.PERMISSION,
    ),
    ("anthropic overloaded", 529, anthropic("Overloaded", "overloaded_error"), Failure.SERVER),
    ("openai fault", 500, openai("The server had an error", "server_error"), Failure.SERVER),
    ("a page of a proxy", 502, "<html>Bad gateway</html>", Failure.SERVER),
    ("nobody answers in time", 504, "", Failure.TIMEOUT),
    ("a request nobody can read", 400, openai("messages: at least one is required"), Failure.REQUEST),
    ("an odd status", 418, "", Failure.REQUEST),
]


PAYMENT += [
    ("google dunning", 403, openai("Lightning dunning decision is deny for project: 1")),
    ("bedrock payment", 403, '{"message": "denied due to INVALID_PAYMENT_INSTRUMENT: a valid one"}'),
    ("a gateway's budget", 400, openai("Budget has been exceeded! Current cost: 10.2, Max budget: 10.0")),
    ("a gateway's budget for a user", 400, openai("ExceededBudget: User=x over budget. Spend=1, Budget=1")),
    ("a trial", 429, openai("Your trial has ended. Please upgrade to a paid plan.")),
    ("a wallet", 429, '{"message": "Your wallet has no funds left"}'),
    ("a balance", 400, '{"message": "Not enough balance to complete this request"}'),
    ("dashscope not bought", 429, '{"code": "CommodityNotPurchased"}'),
]
TO_SHORTEN = "Please reduce the prompt length or the maximum tokens requested, or try again later."
RATE += [
    (
        "anthropic input tokens",
        429,
        anthropic(
            f"This request would exceed your organization's rate limit of 40,000 input tokens per minute."
            f" {TO_SHORTEN}",
            "rate_limit_error",
        ),
    ),
    (
        "anthropic request tokens",
        429,
        anthropic(f"Number of request tokens has exceeded your per-minute rate limit. {TO_SHORTEN}"),
    ),
    (
        "anthropic, its status lost",
        None,
        f"AnthropicException - 40,000 input tokens per minute. {TO_SHORTEN}",
    ),
    ("bedrock tokens", 429, '{"message": "Too many tokens, please wait before trying again."}'),
]
OTHERS += [
    ("deepseek filter", 400, openai("Content Exists Risk"), Failure.POLICY),
    ("dashscope length", 400, openai("Range of input length should be [1, 129024]"), Failure.CONTEXT),
    ("a key's name", None, "OPENAI_API_KEY is not set", Failure.AUTHENTICATION),
]
OTHERS += [
    (f"not allowed {number}", status, text, Failure.PERMISSION)
    for number, (status, text) in enumerate(
        (
            (400, anthropic("This organization has been disabled.")),
            (403, openai("Your organization was suspended for unusual activity")),
            (
                400,
                openai(
                    "The account associated with this API key has been deactivated.", "account_deactivated"
                ),
            ),
            (400, google(400, "User location is not supported for the API use.", "FAILED_PRECONDITION")),
            (
                400,
                openai("This model is not available in your country", "unsupported_country_region_territory"),
            ),
            (404, openai("Your organization must be verified to use the model `x`.")),
            (403, google(403, "Generative API has not been used in project 1 before", "PERMISSION_DENIED")),
            (400, json.dumps({"message": "Accept the model's license agreement first"})),
            (None, "Project 12 has been suspended"),
        )
    )
] + [
    ("a region that is full", 503, openai("not available in your region right now"), Failure.SERVER),
    ("a limit of an account", 429, openai("Requests of this account are restricted"), Failure.RATE_LIMIT),
]
PARAMETER += [
    (
        "dashscope answer",
        400,
        json.dumps(
            {
                "error": {
                    "message": "Range of max_tokens should be [1, 8192]",
                    "code": "invalid_parameter_error",
                }
            }
        ),
        "max_tokens",
    ),
    (
        "google answer",
        400,
        openai("it has a maxOutputTokens value of 100000 but the range is"),
        "maxOutputTokens",
    ),
]


def ids(rows: list[tuple[str, int | None, str]]) -> list[str]:
    return [row[0] for row in rows]


@pytest.mark.parametrize("row", PAYMENT, ids=ids(PAYMENT))
def test_an_unpaid_account_is_read_from_its_words(row: tuple[str, int | None, str]) -> None:
    assert meaning(row[1], row[2]) == Meaning(Failure.PAYMENT)


@pytest.mark.parametrize("row", RATE, ids=ids(RATE))
def test_a_limit_that_passes_is_waited_for_whatever_is_said_of_plans(
    row: tuple[str, int | None, str],
) -> None:
    assert meaning(row[1], row[2]) == Meaning(Failure.RATE_LIMIT)


@pytest.mark.parametrize(
    ("status", "text", "name"), [row[1:] for row in PARAMETER], ids=[r[0] for r in PARAMETER]
)
def test_a_refused_parameter_has_its_name_and_a_remedy(status: int, text: str, name: str) -> None:
    meant = meaning(status, text)

    assert meant == Meaning(Failure.PARAMETER, name)
    assert name in remedy(Failure.PARAMETER, name) or name in ("max_completion_tokens", "maxOutputTokens")


@pytest.mark.parametrize(
    ("status", "text", "failure"), [row[1:] for row in OTHERS], ids=[r[0] for r in OTHERS]
)
def test_every_other_refusal_is_of_its_class(status: int | None, text: str, failure: Failure) -> None:
    assert meaning(status, text) == Meaning(failure)


def test_what_nobody_says_anything_of_has_no_meaning() -> None:
    assert meaning(None, "Connection reset by peer") is None


def test_there_is_a_remedy_for_whatever_stops_a_model_and_for_nothing_that_passes() -> None:
    assert all(remedy(failure) for failure in LASTING)
    assert not any(remedy(failure) for failure in PASSING)


def test_the_sense_is_looked_for_in_bounded_text() -> None:
    assert meaning(429, "x" * 1_000_000 + "insufficient_quota") == Meaning(Failure.RATE_LIMIT)
