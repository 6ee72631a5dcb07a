"""What work may cost: prices and the cap, as rules. Dollars are US dollars. Pure.

A price comes from the table of this campaign first, then from whoever made the call; where neither knows one
the call is *unpriced*, which is not the same as free. Free is what the table says costs 0.
"""

from math import isfinite

from msgspec import Struct

MILLION = 1e6
HOUR = 3600.0


class ModelTerms(Struct, frozen=True, kw_only=True):
    """What a model costs, and how much of it may be asked at once."""

    input_usd: float | None = None
    """Dollars per million tokens of the prompt; None where the table knows none."""
    output_usd: float | None = None
    """The same of the answer."""
    at_once: int = 0
    """Open calls over all agents; 0 means no limit."""


class MoneyRules(Struct, frozen=True, kw_only=True):
    """The cap and the prices of a campaign."""

    cap_usd: float = 0.0
    """Of models and slots together; 0 means none."""
    gpu_hour_usd: float = 0.0
    """Of a slot in which a training runs."""
    models: dict[str, ModelTerms] = {}
    """By litellm's name."""

    def listed(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Dollars by the table; None where it has no price for the model."""
        terms = self.models.get(model)
        if terms is None or terms.input_usd is None or terms.output_usd is None:
            return None
        return (prompt_tokens * terms.input_usd + completion_tokens * terms.output_usd) / MILLION

    def cost(
        self, model: str, prompt_tokens: int, completion_tokens: int, quoted: float | None
    ) -> float | None:
        """Dollars of a call; None: unpriced. quoted: by the provider's price list, as its caller says. No
        token costs nothing.
        """
        listed = self.listed(model, prompt_tokens, completion_tokens)
        if listed is not None:
            return listed
        if quoted is not None and isfinite(quoted) and quoted > 0:
            return quoted
        return None if prompt_tokens + completion_tokens else 0.0

    def at_once(self, model: str) -> int:
        """Open calls the model may have over all agents; 0 means no limit."""
        terms = self.models.get(model)
        return terms.at_once if terms else 0

    def slot_usd(self, seconds: float) -> float:
        """Dollars of a training of so many seconds."""
        return seconds / HOUR * self.gpu_hour_usd
