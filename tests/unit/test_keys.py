"""Keys of providers: found, or asked for before anything starts."""

from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.load import load
from configs.schema import Config
from deploy.checks.keys import missing_keys, read_env_file, require_keys

VALUE = "sk-planted-value"


def with_arms(arms: str) -> Config:
    return load([], [f"arms={arms}"], {}).config


def test_what_the_file_says_fills_what_the_environment_lacks(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        f'# keys\nOPENAI_API_KEY="{VALUE}"\nexport XAI_API_KEY=a$b #'
        " mine\nGEMINI_API_KEY=of-the-file\nEMPTY\n",
        encoding="utf-8",
    )
    environ = {"GEMINI_API_KEY": "of-the-environment"}
    read_env_file(environ, file)
    assert environ == {"OPENAI_API_KEY": VALUE, "XAI_API_KEY": "a$b", "GEMINI_API_KEY": "of-the-environment"}


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    read_env_file(environ, tmp_path / ".env")
    assert environ == {}


def test_a_file_that_cannot_be_read_is_an_error_that_shows_nothing_of_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"OPENAI_API_KEY=" + VALUE.encode() + b"\xff\n")
    with pytest.raises(ConfigError) as caught:
        read_env_file({}, file)
    assert VALUE not in f"{caught.value} {caught.value.remedy} {caught.value.__cause__}"
    assert "NAME=value" in caught.value.remedy


@pytest.mark.parametrize(
    "key", ["sk-a b", "sk-a\nb", "sk-a\tb", "\u201csk-ab\u201d", "sk-\u200bab", "sk-\x7fab"]
)
def test_a_key_that_no_request_can_hold_is_refused_and_not_shown(key: str) -> None:
    config = with_arms("[{name: a, proposer: llm, models: [openai/x]}]")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY holds a blank") as caught:
        require_keys(config, {"OPENAI_API_KEY": f"{key}\n"})
    assert key.strip() not in f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize("key", [VALUE, f" {VALUE}\r\n", f"{VALUE}\n"])
def test_blanks_around_a_key_are_no_reason_not_to_start(key: str) -> None:
    require_keys(with_arms("[{name: a, proposer: llm, models: [openai/x]}]"), {"OPENAI_API_KEY": key})


@pytest.mark.parametrize(("arms", "environ", "missing"), [
    ("[{name: a, proposer: llm, models: [openai/x]}]", {"OPENAI_API_KEY": " \n"}, [("a", "OPENAI_API_KEY")]),
    ("[{name: a, proposer: llm, models: [openai/x]}]", {}, [("a", "OPENAI_API_KEY")]),
    ("[{name: a, proposer: llm, models: [openai/x]}]", {"OPENAI_API_KEY": ""}, [("a", "OPENAI_API_KEY")]),
    ("[{name: a, proposer: llm, models: [openai/x]}]", {"OPENAI_API_KEY": VALUE}, []),
    ("[{name: a, proposer: llm, models: [gemini/x]}]", {"GOOGLE_API_KEY": VALUE}, []),
    ("[{name: a, proposer: llm, models: [anthropic/x, openai/x]}]", {"OPENAI_API_KEY": VALUE}, []),
    ("[{name: a, proposer: llm, models: [anthropic/x, ollama/x]}]", {}, []),
    ("[{name: a, proposer: llm, models: [hosted_vllm/x]}]", {}, []),
    ("[{name: a}, {name: b, proposer: llm, models: [xai/x]}]", {"OPENAI_API_KEY": VALUE}, [("b",
    "XAI_API_KEY")]),
])  # fmt: skip
def test_an_arm_misses_a_key_when_none_of_its_models_can_have_one(
    arms: str, environ: dict[str, str], missing: list[tuple[str, str]]
) -> None:
    assert list(missing_keys(with_arms(arms), environ)) == missing


def test_a_missing_key_is_said_with_its_name_and_where_to_put_it() -> None:
    with pytest.raises(ConfigError, match="arm 'a' has no key: OPENAI_API_KEY is not set") as caught:
        require_keys(
            with_arms("[{name: a, proposer: llm, models: [openai/x], api_base: 'http://localhost/v1'}]"), {}
        )
    assert ".env" in caught.value.remedy
    assert "endpoint of your own" in caught.value.remedy
    require_keys(with_arms("[{name: a, proposer: llm, models: [openai/x]}]"), {"OPENAI_API_KEY": VALUE})
