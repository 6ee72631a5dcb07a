"""The invented words of the demo language and how likely each is where.

- Every word form belongs to exactly one kind, so that a text can be parsed in one way only: no two derivations write the same text.
- The words are drawn once, from a seed of their own; texts of every seed share them.
"""

from functools import cache

from trainer.tasks.demo.chance import Stream, Weights, zipf

SEED = 20
TOPICS = ("sea", "farm", "court", "road", "forest", "market", "school", "kitchen")
CLASSES = 6
"""Semantic classes of nouns; each transitive verb prefers one as its object."""
TOPIC_SKEW = 24
"""How many times likelier a noun is in a document of its own topic."""
OBJECT_SKEW = 24
"""How many times likelier a noun is as the object of a verb that prefers its class."""

ONSETS = ("b", "br", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "r", "st", "t", "tr", "v", "w", "z")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo")
CODAS = ("", "b", "d", "g", "k", "l", "m", "n", "nd", "p", "r", "rk", "t", "th")
TAKEN = frozenset({"a", "the", "some", "every", "many", "that", "and", "but", "then", "so", "near", "under", "with", "make", "at", "now", "often", *TOPICS})


def syllable(stream: Stream) -> str:
    """One invented syllable."""
    return "".join(part[stream.below(len(part))] for part in (ONSETS, VOWELS, CODAS))


def invented(stream: Stream, used: set[str]) -> str:
    """A word of one or two syllables whose form with and without an s is new."""
    while True:
        word = "".join(syllable(stream) for _ in range(1 + stream.below(2)))
        if len(word) > 2 and not {word, word + "s"} & used:
            used |= {word, word + "s"}
            return word


class Lexicon:
    """All words, and the distributions that depend on them. Use ``lexicon()``: it is made once."""

    def __init__(self) -> None:
        stream, used = Stream(SEED), set(TAKEN)
        self.nouns = [invented(stream, used) for _ in range(240)]
        self.verbs = [invented(stream, used) for _ in range(72)]
        self.idle_verbs = [invented(stream, used) for _ in range(32)]
        self.adjectives = [invented(stream, used) for _ in range(48)]
        self.adverbs = [invented(stream, used) for _ in range(24)]
        self.names = [invented(stream, used).capitalize() for _ in range(64)]
        self.verb, self.idle_verb = Weights(zipf(72)), Weights(zipf(32))
        self.adjective, self.adverb = Weights(zipf(48)), Weights(zipf(24))
        self._noun = [[self._nouns_of(topic, wanted) for wanted in range(CLASSES + 1)] for topic in range(len(TOPICS))]

    def noun(self, topic: int, verb: int | None) -> Weights:
        """Nouns in a document of ``topic``, as the object of a verb or, for None, anywhere else."""
        return self._noun[topic][CLASSES if verb is None else verb % CLASSES]

    def _nouns_of(self, topic: int, wanted: int) -> Weights:
        # noun n is of topic n % 8 and of class (n // 8) % 6, so that every pair of the two has five nouns of every rank
        skew = ((TOPIC_SKEW if n % len(TOPICS) == topic else 1) * (OBJECT_SKEW if n // len(TOPICS) % CLASSES == wanted else 1) for n in range(240))
        return Weights(weight * times for weight, times in zip(zipf(240), skew, strict=True))


@cache
def lexicon() -> Lexicon:
    """The lexicon of the demo language."""
    return Lexicon()
