"""Keys of providers: read from the environment or from ``.env``, and asked for before a campaign starts.

- What stands in ``.env`` of the current folder fills what the environment lacks. Agents of a Ray of our own
  inherit it; a run's processes do not.
- No value of a key is kept, shown or compared here: only whether there is one.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from dotenv import dotenv_values

from configs.arms import CallsModels
from configs.errors import ConfigError
from configs.schema import Config

ENV_FILE = Path(".env")
KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "cohere": ("COHERE_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
"""Variables by provider, any of which will do, as litellm reads them. Of other providers nothing is asked:
some need no key, some need more.
"""


def read_env_file(environ: MutableMapping[str, str], path: Path = ENV_FILE) -> None:
    """Add what ``path`` says and ``environ`` does not. A file that is not there says nothing. Raises
    ConfigError where it cannot be read.
    """
    if not path.is_file():
        return
    try:
        variables = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path}: {type(error).__name__}", "It should hold lines like NAME=value, in UTF-8."
        ) from None
    for name, value in variables.items():
        if value is not None:
            environ.setdefault(name, value)


def missing_keys(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Arms that no model can answer for want of a key, and the variable it would be in."""
    for arm in _callers(config):
        wanted = [KEYS.get(model.partition("/")[0], ()) for model in arm.models]
        if wanted and not any(
            not names or any(environ.get(name, "").strip() for name in names) for names in wanted
        ):
            yield arm.name, wanted[0][0]


def require_keys(config: Config, environ: Mapping[str, str]) -> None:
    """Raises ConfigError for the first arm without a key: it would stop at its first call, in the middle of
    the night.
    """
    for arm, name in missing_keys(config, environ):
        at_an_endpoint = any(caller.name == arm and caller.api_base for caller in _callers(config))
        own = " An endpoint of your own that wants none takes any value." if at_an_endpoint else ""
        raise ConfigError(
            f"arm {arm!r} has no key: {name} is not set",
            f"Put it into the environment or into {ENV_FILE} of this folder, as {name}=…, or take the arm out"
            f" of `arms`.{own}",
        )
    require_sendable(config, environ)


def require_sendable(config: Config, environ: Mapping[str, str]) -> None:
    """Raises ConfigError for the first key that no request can hold. Blanks around it are taken off later."""
    for arm in _callers(config):
        for name in (name for model in arm.models for name in KEYS.get(model.partition("/")[0], ())):
            value = environ.get(name, "").strip()
            if not (value.isascii() and value.isprintable()) or " " in value:
                raise ConfigError(
                    f"{name} holds a blank, a line feed or a letter that no key has",
                    "Copy the key anew, without quotes or anything else around it.",
                )


def _callers(config: Config) -> list[CallsModels]:
    return [arm for arm in config.arms if isinstance(arm, CallsModels)]
