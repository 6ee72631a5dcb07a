"""How likely a text is under the grammar, exactly: the forward algorithm over everything that may have been
decided so far.

A model is shown the first tokens of a document and nothing says where a sentence, or even the last word, will
end. What it can know at best is the probability of all documents that begin with these tokens. Summed over
the validation rows that is the floor of val_bpb.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from math import log2
from typing import NamedTuple

from trainer.tasks.demo.grammar import GRAMMAR, NAME, TOPIC, NameRule, Rule, remember
from trainer.tasks.demo.lexicon import NAMES


class Reading(NamedTuple):
    """One way to read a text so far."""

    todo: tuple[str | Rule | NameRule, ...] = (TOPIC,)
    """What is yet to be written, the next last."""

    topic: int = 0
    """Any until it is announced."""

    recent: tuple[int, ...] = ()


def information(words: Sequence[str], last: Callable[[str], bool]) -> float:
    """-log2 of the probability that a document begins with ``words`` and one more word of which ``last`` is
    true.

    ``words`` and what ``last`` is asked about have their leading space. Raises ValueError when no document
    begins so.
    """
    readings: dict[Reading, float] = {Reading(): 1.0}
    for word in words:
        readings = _read(readings, word)
    probability = sum(
        chance * share
        for reading, chance in readings.items()
        for share, word, _ in _next(reading, None)
        if last(word)
    )
    if not probability:
        raise ValueError(f"no document begins with {''.join(words)!r} and such a word")
    return -log2(probability)


def _read(readings: dict[Reading, float], wanted: str) -> dict[Reading, float]:
    after: dict[Reading, float] = {}
    for reading, chance in readings.items():
        for share, word, further in _next(reading, wanted):
            if word == wanted:
                after[further] = after.get(further, 0.0) + chance * share
    return after


def _next(reading: Reading, wanted: str | None) -> Iterator[tuple[float, str, Reading]]:
    """The words that may come next, each with its probability and how to read on. wanted: words other than
    this may be left out.
    """
    if not reading.todo:
        reading = reading._replace(todo=(GRAMMAR[reading.topic].sentence,))
    *rest, symbol = reading.todo
    match symbol:
        case str(word):
            yield 1.0, word, reading._replace(todo=tuple(rest))
        case NameRule():
            yield from _names(reading, tuple(rest))
        case Rule() as rule:
            for outcome in _outcomes(rule, wanted):
                share = rule.weights.values[outcome] / rule.weights.total
                further = reading._replace(
                    todo=(*rest, *rule.pushed[outcome]), topic=outcome if rule is TOPIC else reading.topic
                )
                yield from ((share * then, word, end) for then, word, end in _next(further, wanted))


def _names(reading: Reading, rest: tuple[str | Rule | NameRule, ...]) -> Iterator[tuple[float, str, Reading]]:
    for index, name in enumerate(NAMES):
        share = NAME.share(index, reading.recent)
        yield share, f" {name}", reading._replace(todo=rest, recent=remember(reading.recent, index))


@cache
def _leads(rule: Rule) -> tuple[dict[str, list[int]], list[int]]:
    """Outcomes of a rule by the word they begin with, and those that begin with another decision or
    nothing.
    """
    by_word: dict[str, list[int]] = {}
    others = []
    for outcome, option in enumerate(rule.options):
        if option and isinstance(option[0], str):
            by_word.setdefault(option[0], []).append(outcome)
        else:
            others.append(outcome)
    return by_word, others


def _outcomes(rule: Rule, wanted: str | None) -> Sequence[int]:
    if wanted is None:
        return range(len(rule.options))
    by_word, others = _leads(rule)
    return by_word.get(wanted, []) + others
