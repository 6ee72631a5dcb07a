"""The invented words of the demo language.

- Every form of a word belongs to exactly one kind, so that the kind can be read off the text.
- The words are drawn once, from a seed of their own; texts of every seed share them.
"""

from trainer.tasks.demo.chance import Stream

SEED = 20
TOPICS = ("sea", "farm", "court", "road", "forest", "market", "school", "kitchen")
OPENINGS = ("then", "so", "but")
PLACES = ("near", "under", "with")
DETERMINERS = (("the", False), ("a", False), ("the", True), ("some", True), ("every", False), ("many", True))
"""Each with whether its noun is plural."""

ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "z",
)
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo")
CODAS = ("", "b", "d", "g", "k", "l", "m", "n", "nd", "p", "r", "rk", "t", "th")


def _syllable(stream: Stream) -> str:
    return "".join(parts[stream.below(len(parts))] for parts in (ONSETS, VOWELS, CODAS))


def _invented(stream: Stream, used: set[str]) -> str:
    """A word of one or two syllables whose form with and without an s is new. No syllable ends in s."""
    while True:
        word = "".join(_syllable(stream) for _ in range(1 + stream.below(2)))
        if len(word) > 2 and not {word, word + "s"} & used:
            used |= {word, word + "s"}
            return word


_stream = Stream(SEED)
_used = {"at", "and", "make", "that", *TOPICS, *OPENINGS, *PLACES, *(word for word, _ in DETERMINERS)}


def _draw(count: int) -> tuple[str, ...]:
    return tuple(_invented(_stream, _used) for _ in range(count))


NOUNS = _draw(240)
VERBS = _draw(72)
"""With an object."""
IDLE_VERBS = _draw(32)
"""Without."""
ADJECTIVES = _draw(48)
ADVERBS = _draw(24)
NAMES = tuple(word.capitalize() for word in _draw(64))
