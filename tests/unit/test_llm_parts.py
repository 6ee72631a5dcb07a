"""The small parts of the ``llm`` proposer that need no endpoint."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.proposers.contract import ArmStopped, Exhausted, ProposerError, Unavailable
from agents.proposers.llm.answer import plain_title, settings_of, title_and_hypothesis
from agents.proposers.llm.completion import (
    LASTING,
    PASSING,
    CompletionError,
    Failure,
    Message,
    Options,
    Reply,
)
from agents.proposers.llm.provider.litellm_completion import retry_after
from agents.proposers.llm.quoting import one_line, quoted_tail
from agents.proposers.llm.redaction import HIDDEN, redacted, redacted_answer
from agents.proposers.llm.retry import FallbackModels, RetryPolicy, TooLongError
from agents.proposers.llm.tokens import _encoding, count_tokens
from configs.charter import MAX_BYTES, charter_path, read_charter
from configs.errors import ConfigError

ASKED = [Message("user", "hello")]


class Scripted:
    """A completion that fails or answers by a script, model by model, and notes who was asked when."""

    def __init__(self, **script: list[Failure | None]) -> None:
        self.script = script
        self.asked: list[str] = []
        self.waits: list[float] = []
        self.retry_after: float | None = None

    def complete(self, messages: Sequence[Message], model: str, options: Options) -> Reply:
        assert messages == ASKED
        assert options == Options()
        self.asked.append(model)
        left = self.script[model]
        failure = left.pop(0) if len(left) > 1 else left[0]
        if failure is not None:
            raise CompletionError(failure, f"{model}: {failure}", self.retry_after)
        return Reply(text="hi", model=model, prompt_tokens=1, completion_tokens=1, cost_usd=None, seconds=0.1)

    def price(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:  # noqa: ARG002 - no price is known
        return None

    def now(self) -> float:
        return sum(self.waits)

    def fallback_models(self, **policy: float) -> FallbackModels:
        chosen = RetryPolicy(tries=3, **policy)  # type: ignore[arg-type] # numbers of one kind
        return FallbackModels(
            self, list(self.script), Options(), chosen, now=self.now, pause=self.waits.append
        )


def raised_by(call: Callable[[], object]) -> ProposerError:
    with pytest.raises(ProposerError) as caught:
        call()
    return caught.value


def test_a_failure_is_lasting_or_passing_or_the_prompt_s() -> None:
    assert not LASTING & PASSING
    assert set(Failure) - LASTING - PASSING == {Failure.CONTEXT, Failure.POLICY, Failure.REQUEST}


@pytest.mark.parametrize("failure", sorted(PASSING))
def test_a_passing_failure_is_tried_again_after_growing_waits(failure: Failure) -> None:
    play = Scripted(a=[failure, failure, None])
    assert play.fallback_models().complete(ASKED).model == "a"
    assert play.asked == ["a", "a", "a"]
    assert 0.5 <= play.waits[0] <= 1.0 <= play.waits[1] <= 2.0


@pytest.mark.parametrize("failure", sorted(set(Failure) - PASSING))
def test_any_other_failure_goes_to_the_next_model_at_once(failure: Failure) -> None:
    play = Scripted(a=[failure], b=[None])
    assert play.fallback_models().complete(ASKED).model == "b"
    assert (play.asked, play.waits) == (["a", "b"], [])


@pytest.mark.parametrize(("script", "error"), [
    ({"a": [Failure.AUTHENTICATION]}, ArmStopped),
    ({"a": [Failure.AUTHENTICATION], "b": [Failure.MODEL]}, ArmStopped),
    ({"a": [Failure.AUTHENTICATION], "b": [Failure.SERVER]}, Unavailable),
    ({"a": [Failure.CONTEXT], "b": [Failure.TIMEOUT]}, Unavailable),
    ({"a": [Failure.AUTHENTICATION], "b": [Failure.CONTEXT]}, TooLongError),
    ({"a": [Failure.CONTEXT], "b": [Failure.REQUEST]}, ProposerError),
    ({"a": [Failure.REQUEST]}, ProposerError),
])  # fmt: skip
def test_what_is_left_when_every_model_fails(
    script: dict[str, list[Failure | None]], error: type[ProposerError]
) -> None:
    play = Scripted(**script)
    caught = raised_by(lambda: play.fallback_models().complete(ASKED))
    assert type(caught) is error
    assert all(f"{model}: " in str(caught) for model in script)


def test_a_stopped_arm_is_an_exhausted_one_but_an_unavailable_arm_is_not() -> None:
    assert issubclass(ArmStopped, Exhausted)
    assert not issubclass(Unavailable, Exhausted)


def test_a_wait_that_is_too_long_rests_the_model_and_asks_the_next() -> None:
    play = Scripted(a=[Failure.RATE_LIMIT, None], b=[None])
    play.retry_after = 500.0
    mind = play.fallback_models()
    assert [mind.complete(ASKED).model for _ in range(2)] == ["b", "b"]
    assert (play.asked, play.waits) == (["a", "b", "b"], [])
    play.waits.append(501.0)
    assert mind.complete(ASKED).model == "a"


def test_an_empty_account_is_asked_after_minutes_with_one_call_and_counts_as_filled_when_it_answers() -> None:
    play = Scripted(a=[Failure.PAYMENT, Failure.PAYMENT, None, None])
    mind = play.fallback_models()
    for _ in range(16):
        assert type(raised_by(lambda: mind.complete(ASKED))) is ArmStopped
    assert play.asked == ["a"]
    play.waits.append(301.0)
    assert type(raised_by(lambda: mind.complete(ASKED))) is ArmStopped
    assert type(raised_by(lambda: mind.complete(ASKED))) is ArmStopped
    assert play.asked == ["a", "a"]
    play.waits.append(301.0)
    assert [mind.complete(ASKED).model for _ in range(2)] == ["a", "a"]


def test_any_other_lasting_failure_is_never_asked_again() -> None:
    for failure in sorted(LASTING - {Failure.PAYMENT}):
        play = Scripted(a=[failure])
        mind = play.fallback_models()
        raised_by(lambda mind=mind: mind.complete(ASKED))  # type: ignore[misc]
        play.waits.append(1e6)
        raised_by(lambda mind=mind: mind.complete(ASKED))  # type: ignore[misc]
        assert play.asked == ["a"]


def test_retries_end_with_the_time_there_is_for_them() -> None:
    play = Scripted(a=[Failure.TIMEOUT])
    raised_by(lambda: play.fallback_models(longest=0.1).complete(ASKED))
    assert play.asked == ["a"]


def test_a_model_that_came_back_has_all_its_tries_again() -> None:
    play = Scripted(a=[Failure.SERVER] * 3 + [None] + [Failure.SERVER] * 2 + [None])
    mind = play.fallback_models()
    raised_by(lambda: mind.complete(ASKED))
    play.waits.append(60.0)
    mind.complete(ASKED)
    mind.complete(ASKED)
    assert len(play.asked) == 7


NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(("header", "seconds"), [
    ("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
    ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
    ("soon", None), ("", None), (None, None), ("nan", None), ("inf", None),
])  # fmt: skip
def test_a_wait_asked_for_is_read_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_values_of_variables_named_like_secrets_are_hidden() -> None:
    environ = {"X_API_KEY": "abcdefgh1", "X_TOKEN": "abcdefgh12", "HOME": "/home-of-x", "KEY": "short"}
    assert redacted("abcdefgh12 abcdefgh1 /home-of-x short", environ) == f"{HIDDEN} {HIDDEN} /home-of-x short"


def test_an_answer_loses_keys_but_no_code() -> None:
    environ = {"X_API_KEY": "sk-0123456789abcdef", "AUTH_MODE": "disabled"}
    assert (
        redacted_answer("x = sk-offset_value  # disabled sk-0123456789abcdef", environ)
        == f"x = sk-offset_value  # disabled {HIDDEN}"
    )


@pytest.mark.parametrize("text", ["sk-abc12345", "sk-pl***6d7e", "Bearer abc.def-123"])
def test_what_is_shaped_like_a_key_is_hidden_too(text: str) -> None:
    assert redacted(f"said {text}, no", {}) == f"said {HIDDEN}, no"


@pytest.mark.parametrize(("answer", "title", "hypothesis"), [
    ("TITLE: go deep\nHYPOTHESIS: it pays\n", "go deep", "it pays"),
    ("**Title:** go deep\n**Hypothesis:** it pays", "go deep", "it pays"),
    ("## Title: `go deep`\n\nsome words\n- hypothesis = it pays", "go deep", "it pays"),
    ("Title:\tgo\x1b[2J  deep\r\n", "go [2J deep", ""),
    ("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\nTitle: go deep\nHypothesis: it pays", "go deep",
    "it pays"),
    ("```python\ntitle = 'in the file'\n```\nTitle: go deep", "go deep", ""),
    ("Title: go deep\n```\nHypothesis: a comment in the file\n```", "go deep", ""),
    ("TITLE: " + "x" * 5000, "x" * 119 + "…", ""),
    ("no words on it", "", ""),
])  # fmt: skip
def test_title_and_hypothesis_are_found_where_models_put_them(
    answer: str, title: str, hypothesis: str
) -> None:
    assert title_and_hypothesis(answer) == (title, hypothesis)


@pytest.mark.parametrize(("parent", "source", "title"), [
    ("A = 1\nB = 2\n", "A = 3\nB = 2\n", "A 1 → 3"),
    ("A = 1\nf()\n", "A = 1\ng()\nh()\n", "untitled edit: 2 lines in, 1 out"),
])  # fmt: skip
def test_an_edit_without_a_title_gets_a_plain_one(parent: str, source: str, title: str) -> None:
    assert plain_title(parent, source, settings_of(parent), settings_of(source)) == title


def test_settings_of_what_cannot_be_read_are_none() -> None:
    assert settings_of("A = (") == {}


def test_one_line_is_one_line_of_its_length() -> None:
    assert one_line("a\n\tb\x00c\u2028d", 80) == "a b c d"
    assert one_line("abcdef", 4) == "abc…"


def test_of_a_log_the_end_is_quoted() -> None:
    assert quoted_tail("first\nsecond\nthird", 2, 100) == "| second\n| third"


def test_tokens_are_counted_without_a_network_by_the_encoding_litellm_brings() -> None:
    assert count_tokens("hello world") == 2
    assert count_tokens("") == 0
    assert 500 < count_tokens("a" * 100_000) < 50_000


def test_without_that_encoding_four_bytes_are_a_token(tmp_path: Path) -> None:
    assert _encoding(tmp_path) is None
    assert _encoding(None) is None


def test_no_text_is_too_odd_to_be_counted() -> None:
    rng = random.Random(1)
    text = "".join(
        chr(rng.choice([rng.randrange(0x20), rng.randrange(0xD800, 0xE000), rng.randrange(0x110000)]))
        for _ in range(5000)
    )
    assert count_tokens(text + "<|endoftext|>") > 1000


def test_a_shipped_charter_is_found_by_its_name_and_others_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("Go deeper.", encoding="utf-8")
    assert charter_path("default.md") == "default.md"
    assert read_charter("default.md").startswith("# Research charter")
    assert read_charter(str(tmp_path / "mine.md")) == "Go deeper."
    assert Path(charter_path("mine.md")).is_absolute()


def test_a_charter_that_is_not_there_or_too_long_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("x" * (MAX_BYTES + 1), encoding="utf-8")
    for name, what in (
        ("nowhere.md", "cannot read the charter"),
        (str(tmp_path / "long.md"), "has more than"),
    ):
        with pytest.raises(ConfigError, match=what) as caught:
            read_charter(name)
        assert caught.value.remedy
