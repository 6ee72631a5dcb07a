import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.tasks.demo.grammar import documents
from trainer.tasks.demo.reading import information
from trainer.tasks.demo.vocabulary import BOS, Vocabulary, learn

TEXTS = [document.text for document in documents(1, 1_000, 230)]
VOCABULARY = learn(TEXTS, 512)


def naive(vocabulary: Vocabulary, text: bytes) -> list[bytes]:
    """Longest match over a whole text, without cutting it into words first."""
    vocabulary_pieces, pieces = {piece for piece in vocabulary.pieces if piece}, []
    while text:
        pieces.append(
            next(text[:size] for size in range(min(12, len(text)), 0, -1) if text[:size] in vocabulary_pieces)
        )
        text = text.removeprefix(pieces[-1])
    return pieces


def test_it_holds_one_special_token_all_bytes_and_distinct_chunks() -> None:
    assert len(VOCABULARY.pieces) == 512
    assert VOCABULARY.pieces[BOS] == b""
    assert VOCABULARY.pieces[1:257] == [bytes([value]) for value in range(256)]
    assert len(set(VOCABULARY.pieces)) == 512


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text


@given(st.text(alphabet="the notmake 123.,\n") | st.text())
def test_words_change_nothing_about_the_longest_match(text: str) -> None:
    assert [VOCABULARY.pieces[token] for token in VOCABULARY.encode(text)] == naive(VOCABULARY, text.encode())


def test_bos_is_never_written() -> None:
    assert BOS not in VOCABULARY.encode("".join(TEXTS[:50]))


def test_it_saves_two_tokens_of_three_on_the_demo_language() -> None:
    assert sum(map(len, TEXTS)) / sum(len(VOCABULARY.encode(text)) for text in TEXTS) > 2.7


def test_the_order_of_the_texts_does_not_matter() -> None:
    shuffled = TEXTS.copy()
    random.Random(0).shuffle(shuffled)
    assert learn(shuffled, 512).pieces == VOCABULARY.pieces


def test_chunks_that_save_most_are_chosen() -> None:
    assert learn(["fig banana banana banana"], 258).pieces[257] == b" banana"


def test_too_little_text_is_refused() -> None:
    with pytest.raises(ValueError, match="too few different words"):
        learn(["a b"], 300)


@pytest.mark.parametrize("count", [4, 9, 30])
def test_the_chances_of_all_next_tokens_add_up_to_that_of_what_is_before(count: int) -> None:
    """What the floor rests on: a cut inside of a word counts the words that it may be, each in the tokens it
    would be written in.
    """
    words = next(documents(3, 1, 230)).words[:count]
    before = information(words[:-1], lambda word: word == words[-1])
    tokens = range(1, 512)
    following = sum(_chance(words, token) for token in tokens)
    assert following == pytest.approx(2**-before, rel=1e-9)


def _chance(words: list[str], token: int) -> float:
    try:
        return float(2 ** -information(words, lambda word: VOCABULARY.word(word)[0] == token))
    except ValueError:
        return 0.0
