"""Prompt and answer longer than a model takes: read from a provider's words, with the remedy that helps."""

import pytest

from agents.proposers.llm.provider.length_limits import LengthLimit, length_limit, length_remedy

FITS = "Set max_tokens of this arm to 5300 or less"
NO_LONGER = "Set max_tokens of this arm to 8192 or less"
READS_MORE = "choose a model that reads more"


@pytest.mark.parametrize(("text", "limit", "remedy"), [
    ("This model's maximum context length is 16384 tokens. However, you requested 27000 tokens (11000 in the"
     " messages, 16000 in the completion).", (16384, 0, 11000), FITS),
    ("'max_tokens' is too large: 16000. This model's maximum context length is 16384 tokens and your request"
     " has 11000 input tokens (16000 > 16384 - 11000).", (16384, 0, 11000), FITS),
    ("input length and `max_tokens` exceed context limit: 11000 + 16000 > 16384, decrease input length",
     (16384, 0, 11000), FITS),
    ("This endpoint's maximum context length is 16,384 tokens. However, you requested about 27000 tokens"
     " (11,000 of text input, 16000 in the output).", (16384, 0, 11000), FITS),
    ("Prompt contains 11000 tokens and 0 draft tokens, too large for model with 16384 maximum context length",
     (16384, 0, 11000), FITS),
    ("`inputs` tokens + `max_new_tokens` must be <= 16384. Given: 11000 `inputs` tokens and 16000",
     (16384, 0, 11000), FITS),
    ("request (27000 tokens) exceeds the available context size (16384 tokens)", (16384, 0, 0),
     "Set max_tokens of this arm to 3100 or less"),
    ("max_tokens: 16000 > 8192, which is the maximum allowed number of output tokens", (0, 8192, 0),
     NO_LONGER),
    ("max_tokens is too large: 16000. This model supports at most 8192 completion tokens", (0, 8192, 0),
     NO_LONGER),
    ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", (0, 8192, 0), NO_LONGER),
    ("`max_tokens` must be less than or equal to `8192`", (0, 8192, 0), NO_LONGER),
    ("maxOutputTokens is 16000 but the supported range is from 1 (inclusive) to 8193 (exclusive).",
     (0, 8192, 0), NO_LONGER),
    ("the request exceeds the available context size (4096 tokens), try increasing it", (4096, 0, 0),
     READS_MORE),
    ("prompt is too long: 209000 tokens > 200000 maximum", (200000, 0, 209000), READS_MORE),
    ("The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
     (1048576, 0, 1100000), READS_MORE),
    ("This model's maximum context length is 10 tokens", (10, 0, 0), READS_MORE),
    ("Input is too long for requested model.", (0, 0, 0), "Lower max_tokens of this arm, or choose a model"),
    ("context_length_exceeded", (0, 0, 0), "Lower max_tokens of this arm, or choose a model"),
])  # fmt: skip
def test_the_remedy_is_what_would_fit(text: str, limit: tuple[int, int, int], remedy: str) -> None:
    read = length_limit(f"litellm.BadRequestError: {text} (request 12)")
    assert read == LengthLimit(*limit)
    assert remedy in length_remedy(LengthLimit(*limit), 11_000, 16_000)


@pytest.mark.parametrize("text", [
    "Rate limit reached on tokens per min (TPM): Limit 30000, Used 20000, Requested 27000.",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use max_completion_tokens.",
    "Request too large on tokens per minute (TPM): Limit 6000, Requested 27000", "bad temperature",
    "max_tokens must be positive", "You exceeded your current quota", "", "8192",
])  # fmt: skip
def test_what_is_about_something_else_has_no_such_remedy(text: str) -> None:
    assert length_limit(text) is None


@pytest.mark.parametrize("prompt", [10, 5_000, 15_000, 40_000])
@pytest.mark.parametrize("context", [100, 8_000, 16_384, 200_000])
def test_what_is_said_to_fit_does_fit(prompt: int, context: int) -> None:
    words = length_remedy(LengthLimit(context=context, prompt=prompt), 1, 16_000)
    if words.startswith("Set max_tokens"):
        assert prompt + int(words.split(" to ")[1].split()[0]) <= context
    else:
        assert prompt + 1_000 > context
