"""A small probabilistic grammar that writes endless documents of English-like sentences.

- The grammar is data: a rule is one random decision and what each outcome puts in its place. The same rules
  write text (here) and tell how likely a text is (reading.py).
- What there is to learn, from near to far: spelling, word frequencies, number agreement of verb and subject,
  also across a relative clause, which objects a verb prefers, the topic that the first words of a document
  announce, names that come back, and small sums.
- Words are written with the space before them, so that a text is its words joined. Same seed, same bytes, on
  every Python and platform.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import log2
from typing import Final, TypeAlias

from msgspec import Struct

from trainer.tasks.demo.chance import Stream, Weights, zipf
from trainer.tasks.demo.lexicon import (
    ADJECTIVES,
    ADVERBS,
    DETERMINERS,
    IDLE_VERBS,
    NAMES,
    NOUNS,
    OPENINGS,
    PLACES,
    TOPICS,
    VERBS,
)

CLASSES = 6
"""Semantic classes of nouns; each verb prefers one as its object."""
TOPIC_SKEW = 24
"""How many times likelier a noun is in a document of its own topic."""
OBJECT_SKEW = 24
"""How many times likelier a noun is as the object of a verb that prefers its class."""
RECENCY = (6, 3, 1)
"""Extra weight of the last different names of the document, the latest first, in quarters of the weight of
all names together.
"""
LARGEST_ADDEND = 12

Symbols: TypeAlias = "tuple[str | Rule | NameRule, ...]"


class Rule:
    """One decision. Outcome i has weight ``weights.values[i]`` and puts ``options[i]`` in its place."""

    def __init__(self, weights: Iterable[int], options: Iterable[Symbols]) -> None:
        self.weights = Weights(weights)
        self.options = list(options)
        self.pushed = [option[::-1] for option in self.options]
        """The options in the order in which a stack takes them."""


class NameRule:
    """Stands for a name: new ones by frequency, recent ones likelier. The one rule that depends on what was
    written.
    """

    def __init__(self) -> None:
        self._new = Weights(zipf(len(NAMES)))
        self._extra = [quarters * self._new.total // 4 for quarters in RECENCY]

    def draw(self, stream: Stream, recent: tuple[int, ...]) -> int:
        """A name when those in ``recent`` were the last, the latest first."""
        point = stream.below(self._total(recent))
        for name, extra in zip(recent, self._extra, strict=False):
            if point < extra:
                return name
            point -= extra
        return self._new.at(point)

    def share(self, name: int, recent: tuple[int, ...]) -> float:
        """Probability of ``name`` then."""
        extra = self._extra[recent.index(name)] if name in recent else 0
        return (self._new.values[name] + extra) / self._total(recent)

    def _total(self, recent: tuple[int, ...]) -> int:
        return self._new.total + sum(self._extra[: len(recent)])


NAME: Final = NameRule()


def remember(recent: tuple[int, ...], name: int) -> tuple[int, ...]:
    """``recent`` after ``name`` was written."""
    return (name, *(other for other in recent if other != name))[: len(RECENCY)]


def _words(words: Sequence[str], weights: Iterable[int] | None = None) -> Rule:
    return Rule(weights or zipf(len(words)), [(f" {word}",) for word in words])


def _verb_forms(verbs: Sequence[str], plural: bool) -> list[str]:
    return [f" {verb}" if plural else f" {verb}s" for verb in verbs]


def _maybe(no: int, *yes: tuple[int, Symbols]) -> Rule:
    return Rule([no, *(weight for weight, _ in yes)], [(), *(symbols for _, symbols in yes)])


ADJECTIVE = _maybe(3, (1, (_words(ADJECTIVES),)))
IDLE = {
    plural: Rule(zipf(len(IDLE_VERBS)), [(form,) for form in _verb_forms(IDLE_VERBS, plural)])
    for plural in (False, True)
}
BARE_VERB = {
    plural: Rule(zipf(len(VERBS)), [(form,) for form in _verb_forms(VERBS, plural)])
    for plural in (False, True)
}


def _addition(left: int) -> Rule:
    return Rule(
        zipf(LARGEST_ADDEND),
        [(f" {right}", " make", f" {left + right}", ".") for right in range(1, LARGEST_ADDEND + 1)],
    )


SUM = Rule(
    zipf(LARGEST_ADDEND), [(f" {left}", " and", _addition(left)) for left in range(1, LARGEST_ADDEND + 1)]
)


class Topic:
    """The rules of documents of one topic. ``sentence`` is where they start."""

    def __init__(self, topic: int) -> None:
        self._topic = topic
        self._nouns = {
            (wanted, plural): self._noun(wanted, plural)
            for wanted in (None, *range(CLASSES))
            for plural in (False, True)
        }
        plain = self._phrase(None)
        self._relative = self._phrase(None, after=lambda plural: (BARE_VERB[plural],))
        self._clause = {plural: self._clause_of(plural) for plural in (False, True)}
        named = [
            Rule([1, 4], [(NAME,), (self._phrase(wanted, after=self._clause_after),)])
            for wanted in range(CLASSES)
        ]
        self._predicate = {
            plural: Rule([2, 1], [(self._verb(plural, named),), (IDLE[plural],)]) for plural in (False, True)
        }
        self._tail = _maybe(6, (1, (_words(ADVERBS),)), (1, (_words(PLACES, [2, 1, 1]), plain)))
        openings = [(f" {word.capitalize()}", self._subject(capital=False)) for word in OPENINGS]
        self.sentence = Rule([13 * 5, 5, 5, 5, 16], [(self._subject(capital=True),), *openings, (SUM,)])

    def _noun(self, wanted: int | None, plural: bool) -> Rule:
        # noun n is of topic n % 8 and of class n // 8 % 6: every pair of the two has five nouns, spread over
        # the ranks
        own = [TOPIC_SKEW if n % len(TOPICS) == self._topic else 1 for n in range(len(NOUNS))]
        liked = [OBJECT_SKEW if n // len(TOPICS) % CLASSES == wanted else 1 for n in range(len(NOUNS))]
        weights = [weight * a * b for weight, a, b in zip(zipf(len(NOUNS)), own, liked, strict=True)]
        return _words([noun + "s" * plural for noun in NOUNS], weights)

    def _phrase(
        self, wanted: int | None, *, capital: bool = False, after: Callable[[bool], Symbols] = lambda _: ()
    ) -> Rule:
        words = [(word.capitalize() if capital else word, plural) for word, plural in DETERMINERS]
        return Rule(
            [8, 4, 5, 2, 2, 1],
            [(f" {word}", ADJECTIVE, self._nouns[wanted, plural], *after(plural)) for word, plural in words],
        )

    def _clause_of(self, plural: bool) -> Rule:
        objects = [self._phrase(wanted) for wanted in range(CLASSES)]
        return _maybe(6, (1, (" that", self._verb(plural, objects))), (1, (" that", self._relative)))

    def _clause_after(self, plural: bool) -> Symbols:
        return (self._clause[plural],)

    def _verb(self, plural: bool, objects: Sequence[Rule]) -> Rule:
        forms = enumerate(_verb_forms(VERBS, plural))
        return Rule(zipf(len(VERBS)), [(form, objects[verb % CLASSES]) for verb, form in forms])

    def _subject(self, *, capital: bool) -> Rule:
        def rest(plural: bool) -> Symbols:
            return self._clause[plural], self._predicate[plural], self._tail, "."

        return Rule(
            [2, 3],
            [
                (NAME, self._predicate[False], self._tail, "."),
                (self._phrase(None, capital=capital, after=rest),),
            ],
        )


GRAMMAR = tuple(Topic(topic) for topic in range(len(TOPICS)))
TOPIC = Rule([1] * len(TOPICS), [("At", " the", f" {topic}", ":") for topic in TOPICS])
"""How a document begins. Its sentences never end: whoever reads it stops."""


class Document(Struct, frozen=True):
    """The beginning of a document, in whole sentences."""

    words: list[str]

    bits: float
    """What its decisions tell, -log2 of its probability."""

    @property
    def text(self) -> str:
        """The words joined."""
        return "".join(self.words)


def write(stream: Stream, size: int, measure: Callable[[str], int] = len) -> Document:
    """Write whole sentences until the sum of ``measure`` over the words, of bytes by default, is ``size`` or
    more.
    """
    topic = TOPIC.weights.draw(stream)
    words = [str(word) for word in TOPIC.options[topic]]
    bits, measured, length = TOPIC.weights.bits[topic], 0, 0
    recent: tuple[int, ...] = ()
    while True:
        length += sum(map(measure, words[measured:]))
        measured = len(words)
        if length >= size:
            return Document(words, bits)
        sentence_bits, recent = _write_sentence(stream, GRAMMAR[topic].sentence, recent, words)
        bits += sentence_bits


def _write_sentence(
    stream: Stream, rule: Rule, recent: tuple[int, ...], words: list[str]
) -> tuple[float, tuple[int, ...]]:
    """Append a sentence to ``words``; return its bits and the names that are now recent."""
    bits = 0.0
    stack: list[str | Rule | NameRule] = [rule]
    while stack:
        symbol = stack.pop()
        if isinstance(symbol, str):
            words.append(symbol)
            continue
        if isinstance(symbol, Rule):
            chosen = symbol.weights.draw(stream)
            bits += symbol.weights.bits[chosen]
            stack += symbol.pushed[chosen]
        else:
            name = symbol.draw(stream, recent)
            bits -= log2(symbol.share(name, recent))
            recent = remember(recent, name)
            words.append(f" {NAMES[name]}")
    return bits, recent


def documents(seed: int, count: int, size: int, measure: Callable[[str], int] = len) -> Iterator[Document]:
    """The first documents of a seed, each written as by ``write`` from a stream of its own."""
    seeds = Stream(seed)
    return (write(Stream(seeds.below(1 << 63)), size, measure) for _ in range(count))
