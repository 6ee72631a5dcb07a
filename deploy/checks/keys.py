"""Keys of providers: read from the environment or from ``.env``, and asked for before a campaign starts.

- What stands in ``.env`` of the current folder fills what the environment lacks. Agents of a Ray of our own
  inherit it; a run's processes do not.
- No value of a key is kept, shown or compared here: only whether there is one.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from dotenv import dotenv_values

from configs.errors import ConfigError
from configs.schema import ArmConfig, Config

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
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path}: {type(error).__name__}", "It should hold lines like NAME=value, in UTF-8."
        ) from None
    for name, value in values.items():
        if value is not None:
            environ.setdefault(name, value)


def missing_keys(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Arms that no model can answer for want of a key, and the variable it would be in."""
    for arm in config.arms:
        wanted = [_wanted(arm, model) for model in arm.models]
        if wanted and not any(not names or any(environ.get(name) for name in names) for names in wanted):
            yield arm.name, wanted[0][0]


def require_keys(config: Config, environ: Mapping[str, str]) -> None:
    """Raises ConfigError for the first arm without a key: it would stop at its first call, in the middle of
    the night.
    """
    for arm, name in missing_keys(config, environ):
        own = " An endpoint of your own that wants none takes any value." if _of(config, arm).api_base else ""
        raise ConfigError(
            f"arm {arm!r} has no key: {name} is not set",
            f"Put it into the environment or into {ENV_FILE} of this folder, as {name}=…, or take the arm out"
            f" of `arms`.{own}",
        )


def _of(config: Config, name: str) -> ArmConfig:
    return next(arm for arm in config.arms if arm.name == name)


def _wanted(arm: ArmConfig, model: str) -> tuple[str, ...]:
    return KEYS.get(model.partition("/")[0], ()) if arm.proposer == "llm" else ()
