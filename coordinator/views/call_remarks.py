"""What a person should know of calls of models that no number says. Pure.

A remark has no number in it that changes, so that whoever shows it can say it once.
"""

from collections.abc import Iterator

from coordinator.state.tallies.spend import Spend


def call_remarks(spend: Spend) -> list[str]:
    """A line each: what it is, and what to do. Names that replies gave are untrusted text."""
    return [*_cut(spend), *_other_models(spend)]


def _cut(spend: Spend) -> Iterator[str]:
    for arm, model in spend.cut:
        yield (
            f"arm {arm}: an answer of {model} was truncated at max_tokens, and is paid for in full. Raise"
            " max_tokens of this arm, or have the model think less."
        )


def _other_models(spend: Spend) -> Iterator[str]:
    for (arm, model), names in spend.answered_by.items():
        yield (
            f"arm {arm}: {model} was asked and {', '.join(map(repr, names))} answered; the price is that of"
            f" {model}. If its provider bills another, write it into `models`."
        )
