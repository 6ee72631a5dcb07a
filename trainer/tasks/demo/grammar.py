"""A small probabilistic grammar that writes documents of English-like sentences and knows their exact entropy.

- Every random decision is visible in the text and no two derivations write the same text, so -log2 P(document) is the sum of what its decisions
  tell: ``Document.bits``. No model that sees only the text before a byte can do better on average.
- What there is to learn, from near to far: spelling, word frequencies, number agreement of verb and subject, also across a relative clause, which
  objects a verb prefers, the topic that the first words of a document announce, names that come back, and small sums.
- Same seed, same bytes, on every Python and platform.
"""

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from trainer.tasks.demo.chance import Stream, Weights, zipf
from trainer.tasks.demo.lexicon import TOPICS, lexicon

WORDS = lexicon()
TOPIC = Weights([1] * len(TOPICS))
MORE = Weights([3, 1])
"""Another sentence, or the end of the document."""
SENTENCE = Weights([5, 1])
"""A statement, or a sum."""
ADDEND = Weights(zipf(12))
"""1 to 12."""
OPENING = Weights([13, 1, 1, 1])
OPENINGS = ("", "then ", "so ", "but ")
SUBJECT = Weights([2, 3])
OBJECT = Weights([1, 4])
"""A name, or a noun phrase."""
DETERMINER = Weights([8, 4, 5, 2, 2, 1])
DETERMINERS = (("the", False), ("a", False), ("the", True), ("some", True), ("every", False), ("many", True))
"""Each with whether its noun is plural."""
ADJECTIVE = Weights([3, 1])
CLAUSE = Weights([6, 1, 1])
"""No relative clause, "that sees …" or "that … sees"."""
PREDICATE = Weights([2, 1])
"""A verb with an object, or one without."""
TAIL = Weights([6, 1, 1])
"""Nothing, an adverb or a place."""
PLACE = Weights([2, 1, 1])
PLACES = ("near", "under", "with")
NAME_WEIGHTS = zipf(len(WORDS.names))
RECENCY = (6, 3, 1)
"""Extra weight of the last names of the document, the latest first, in quarters of the weight of all names together."""


class Document(Struct, frozen=True):
    """One text. bits: -log2 of its probability, given that it ends where it ends: the end is no part of the text."""

    text: str
    bits: float


class Author:
    """Writes one document, keeping count of what its decisions tell."""

    def __init__(self, stream: Stream) -> None:
        self.bits = 0.0
        self._stream = stream
        self._topic = 0
        self._names: list[int] = []

    def document(self) -> Document:
        """A topic and one or more sentences."""
        self._topic = self._pick(TOPIC)
        sentences = [f"At the {TOPICS[self._topic]}:", self._sentence()]
        while MORE.draw(self._stream) == 0:
            self.bits += MORE.bits[0]
            sentences.append(self._sentence())
        return Document(" ".join(sentences), self.bits)

    def _pick(self, weights: Weights) -> int:
        chosen = weights.draw(self._stream)
        self.bits += weights.bits[chosen]
        return chosen

    def _sentence(self) -> str:
        return self._sum() if self._pick(SENTENCE) else self._statement()

    def _sum(self) -> str:
        left, right = 1 + self._pick(ADDEND), 1 + self._pick(ADDEND)
        return f"{left} and {right} make {left + right}."

    def _statement(self) -> str:
        opening = OPENINGS[self._pick(OPENING)]
        subject, plural = self._name_or_phrase(SUBJECT)
        sentence = f"{opening}{subject} {self._predicate(plural)}{self._tail()}."
        return sentence[0].upper() + sentence[1:]

    def _name_or_phrase(self, which: Weights, verb: int | None = None) -> tuple[str, bool]:
        return self._phrase(verb) if self._pick(which) else (self._name(), False)

    def _phrase(self, verb: int | None = None, *, clauses: bool = True) -> tuple[str, bool]:
        determiner, plural = DETERMINERS[self._pick(DETERMINER)]
        adjective = f"{WORDS.adjectives[self._pick(WORDS.adjective)]} " if self._pick(ADJECTIVE) else ""
        noun = WORDS.nouns[self._pick(WORDS.noun(self._topic, verb))] + ("s" if plural else "")
        return f"{determiner} {adjective}{noun}{self._clause(plural) if clauses else ''}", plural

    def _clause(self, plural: bool) -> str:
        match self._pick(CLAUSE):
            case 0:
                return ""
            case 1:
                verb = self._pick(WORDS.verb)
                return f" that {_agreeing(WORDS.verbs[verb], plural)} {self._phrase(verb, clauses=False)[0]}"
            case _:
                subject, many = self._phrase(clauses=False)
                return f" that {subject} {_agreeing(WORDS.verbs[self._pick(WORDS.verb)], many)}"

    def _predicate(self, plural: bool) -> str:
        if self._pick(PREDICATE):
            return _agreeing(WORDS.idle_verbs[self._pick(WORDS.idle_verb)], plural)
        verb = self._pick(WORDS.verb)
        return f"{_agreeing(WORDS.verbs[verb], plural)} {self._name_or_phrase(OBJECT, verb)[0]}"

    def _tail(self) -> str:
        match self._pick(TAIL):
            case 0:
                return ""
            case 1:
                return f" {WORDS.adverbs[self._pick(WORDS.adverb)]}"
            case _:
                return f" {PLACES[self._pick(PLACE)]} {self._phrase(clauses=False)[0]}"

    def _name(self) -> str:
        weights = name_weights(self._names)
        chosen = self._pick(weights)
        self._names = [chosen, *(name for name in self._names if name != chosen)][: len(RECENCY)]
        return WORDS.names[chosen]


def name_weights(recent: list[int]) -> Weights:
    """Names when those in ``recent`` were the last, the latest first."""
    weights = list(NAME_WEIGHTS)
    for name, quarters in zip(recent, RECENCY, strict=False):
        weights[name] += quarters * sum(NAME_WEIGHTS) // 4
    return Weights(weights)


def _agreeing(verb: str, plural: bool) -> str:
    return verb if plural else verb + "s"


def documents(seed: int) -> Iterator[Document]:
    """Documents without end. Each has its own stream of draws, so that none depends on the length of another."""
    seeds = Stream(seed)
    while True:
        yield Author(Stream(seeds.below(1 << 63))).document()


def text_of(seed: int, size: int) -> list[Document]:
    """The first documents of a seed that hold ``size`` bytes together."""
    written: list[Document] = []
    length = 0
    for document in documents(seed):
        written.append(document)
        length += len(document.text)
        if length >= size:
            return written
    raise AssertionError("documents never end")


def entropy(written: list[Document]) -> float:
    """Exact bits per byte of these documents: the floor of val_bpb."""
    return sum(document.bits for document in written) / sum(len(document.text.encode()) for document in written)


def sample(seed: int, count: int) -> str:
    """A few documents to look at, one a line."""
    return "\n".join(document.text for document in islice(documents(seed), count))
