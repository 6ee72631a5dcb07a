"""What work may cost: prices and the cap, as rules. Dollars are US dollars. Pure.

A price comes from the table of this campaign first, then from whoever made the call; where neither knows one
the call is *unpriced*, which is not the same as free. Free is what the table says costs 0.
"""

from math import isfinite

from msgspec import Struct

MILLION = 1e6
HOUR = 3600.0


class ModelTerms(Struct, frozen=True, kw_only=True):
    """A model by litellm's name. input_usd, output_usd: dollars per million tokens, None where the table
    knows none. at_once: open calls over all agents; 0 means no limit.
    """

    input_usd: float | None = None
    output_usd: float | None = None
    at_once: int = 0


class MoneyRules(Struct, frozen=True, kw_only=True):
    """cap_usd: of models and slots together; 0 means none. gpu_hour_usd: price of an hour of a slot in which
    a training runs. models: by name.
    """

    cap_usd: float = 0.0
    gpu_hour_usd: float = 0.0
    models: dict[str, ModelTerms] = {}

    def listed(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Dollars by the table; None where it has no price for the model."""
        terms = self.models.get(model)
        if terms is None or terms.input_usd is None or terms.output_usd is None:
            return None
        return (prompt_tokens * terms.input_usd + completion_tokens * terms.output_usd) / MILLION

    def cost(
        self, model: str, prompt_tokens: int, completion_tokens: int, told: float | None
    ) -> float | None:
        """Dollars of a call. told: what its caller was told by the provider's price list. None: unpriced. No
        token costs nothing.
        """
        listed = self.listed(model, prompt_tokens, completion_tokens)
        if listed is not None:
            return listed
        if told is not None and isfinite(told) and told > 0:
            return told
        return None if prompt_tokens + completion_tokens else 0.0

    def at_once(self, model: str) -> int:
        """Open calls the model may have over all agents; 0 means no limit."""
        terms = self.models.get(model)
        return terms.at_once if terms else 0

    def slot_usd(self, seconds: float) -> float:
        """Dollars of a training of so many seconds."""
        return seconds / HOUR * self.gpu_hour_usd
