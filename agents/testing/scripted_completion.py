"""A language model that plays a script, for proposers without a provider."""

from collections.abc import Mapping, Sequence

from agents.proposers.llm.completion import CompletionError, Failure, Message, Options, Reply

PROMPT_TOKENS, COMPLETION_TOKENS = 50, 7
"""What every reply says it used."""


class ScriptedCompletion:
    """Meets ``agents.proposers.llm.completion.Completion``: replies and failures in their order, the last one
    again and again.
    """

    def __init__(
        self,
        *steps: str | Failure,
        cost_usd: float | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        """steps: at least one. cost_usd: of every reply. prices: dollars per token, by model; any other model
        has none.
        """
        self._steps = list(steps)
        self._cost_usd = cost_usd
        self._prices = dict(prices or {})
        self.asked: list[list[Message]] = []
        """The messages of every call."""

    def complete(self, messages: Sequence[Message], model: str, options: Options) -> Reply:  # noqa: ARG002 - it plays a script
        """See ``Completion.complete``."""
        self.asked.append(list(messages))
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Failure):
            raise CompletionError(step, f"{model}: {step}")
        return Reply(
            text=step,
            model=model,
            prompt_tokens=PROMPT_TOKENS,
            completion_tokens=COMPLETION_TOKENS,
            cost_usd=self._cost_usd,
            seconds=1.5,
        )

    def price(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """See ``Completion.price``."""
        rate = self._prices.get(model)
        return None if rate is None else rate * (prompt_tokens + completion_tokens)
