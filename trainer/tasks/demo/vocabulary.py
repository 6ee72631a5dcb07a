"""A small vocabulary: one special token, the 256 bytes, and the chunks of words that save the most tokens on
a text.

- Token 0 is the beginning of a document, token 1 + b is byte b, the rest are chunks in order of choice. Every
  text can be written.
- A chunk never spans two words: words are cut first, then each is segmented by the longest piece that fits,
  from left to right.
- The same text gives the same vocabulary everywhere: ties are broken by the bytes themselves.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

BOS = 0
"""Token at the beginning of every document."""
BYTES = 256
ROUND = 16
"""Chunks chosen between two segmentations: fewer is slower, more chooses chunks that do each other's work."""
LONGEST = 12
"""Bytes of the longest chunk."""
WORD = re.compile(r" ?[A-Za-z]+| ?[0-9]+|.", re.DOTALL)
"""A word takes the space before it along; anything else is a word by itself. So the longest piece that fits
never reaches over the end of a word.
"""


class Vocabulary:
    """Pieces of text by token: ``pieces[token]`` are its bytes, empty for ``BOS``."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.pieces = [b"", *(bytes([value]) for value in range(BYTES)), *chunks]
        self._tokens = {piece: token for token, piece in enumerate(self.pieces) if piece}
        self._longest = max(map(len, self.pieces))
        self._words: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Tokens of ``text``, without ``BOS``."""
        return [token for word in WORD.findall(text) for token in self.word(word)]

    def word(self, word: str) -> list[int]:
        """Tokens of one word, with the space before it."""
        tokens = self._words.get(word)
        if tokens is None:
            pieces = segments(word.encode(), self._tokens, self._longest)
            tokens = self._words[word] = [self._tokens[piece] for piece in pieces]
        return tokens

    def decode(self, tokens: Iterable[int]) -> str:
        """Text of ``tokens``; what is not UTF-8 becomes U+FFFD."""
        return b"".join(self.pieces[token] for token in tokens).decode(errors="replace")


def segments(word: bytes, vocabulary: Mapping[bytes, object], longest: int) -> Iterator[bytes]:
    """Cut ``word`` into pieces from left to right, each the longest in ``vocabulary``; a single byte always
    is a piece.
    """
    start = 0
    while start < len(word):
        end = min(len(word), start + longest)
        while end - start > 1 and word[start:end] not in vocabulary:
            end -= 1
        yield word[start:end]
        start = end


def learn(texts: Iterable[str], size: int) -> Vocabulary:
    """The vocabulary of ``size`` tokens for texts like these."""
    counts = Counter(word for text in texts for word in WORD.findall(text))
    words = {word.encode(): count for word, count in counts.items()}
    chunks: dict[bytes, None] = {}
    while len(chunks) < size - 1 - BYTES:
        best = _most_useful(words, chunks, min(ROUND, size - 1 - BYTES - len(chunks)))
        if not best:
            raise ValueError(f"the text holds too few different words for {size} tokens")
        chunks |= dict.fromkeys(best)
    return Vocabulary(chunks)


def _most_useful(words: Mapping[bytes, int], chunks: Mapping[bytes, None], count: int) -> list[bytes]:
    """Up to ``count`` new chunks that save the most tokens, none part of another."""
    saved = _savings(words, chunks)
    best: list[bytes] = []
    for chunk in sorted(saved, key=lambda chunk: (-saved[chunk], chunk)):
        if len(best) == count:
            break
        if not any(chunk in other or other in chunk for other in best):
            best.append(chunk)
    return best


def _savings(words: Mapping[bytes, int], chunks: Mapping[bytes, None]) -> Counter[bytes]:
    """Every run of two and more present pieces, with the tokens that joining them would save."""
    saved: Counter[bytes] = Counter()
    for word, count in words.items():
        pieces = list(segments(word, chunks, LONGEST))
        for first in range(len(pieces) - 1):
            chunk = pieces[first]
            for joined, piece in enumerate(pieces[first + 1 :], start=1):
                chunk += piece
                if len(chunk) <= LONGEST:
                    saved[chunk] += count * joined
    return saved
