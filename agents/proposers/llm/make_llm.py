"""An arm of kind ``llm`` as a proposer. litellm itself is imported by the first call."""

from agents.proposers.contract import Materials, Proposer
from agents.proposers.llm.completion import Options
from agents.proposers.llm.llm_proposer import LlmProposer
from agents.proposers.llm.provider.litellm_completion import LitellmCompletion
from agents.proposers.llm.retry import FallbackModels
from configs.arms import Llm
from configs.errors import ConfigError


def make(arm: Llm, materials: Materials) -> Proposer:
    """See ``agents.proposers.factory``. Raises ConfigError without a model."""
    if not arm.models:
        raise ConfigError(
            f"arm {arm.name!r} asks no model", "Give it `models`, for example [anthropic/NAME]."
        )
    options = Options(
        api_base=arm.api_base, temperature=arm.temperature, max_tokens=arm.max_tokens, timeout=arm.timeout
    )
    models = FallbackModels(LitellmCompletion(), arm.models, options)
    return LlmProposer(models, materials.charter, materials.surface, materials.permits, materials.patterns)
