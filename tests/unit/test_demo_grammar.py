import hashlib
from collections.abc import Callable
from itertools import islice, pairwise
from math import log2

import pytest

from trainer.tasks.demo.chance import Stream, Weights
from trainer.tasks.demo.grammar import NAME, Document, documents, remember, write
from trainer.tasks.demo.lexicon import ADJECTIVES, ADVERBS, IDLE_VERBS, NAMES, NOUNS, TOPICS, VERBS
from trainer.tasks.demo.reading import information
from trainer.tasks.demo.vocabulary import WORD


def some(count: int, seed: int = 7) -> list[Document]:
    return list(documents(seed, count, 200))


def exactly(wanted: str) -> Callable[[str], bool]:
    return lambda word: word == wanted


def test_splitmix64_gives_its_published_first_numbers() -> None:
    """Seed 1234567, the example of its reference implementation; the whole 64 bits are drawn with a bound of
    2^64.
    """
    stream = Stream(1234567)
    assert [stream.below(1 << 64) for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_outcomes_come_as_often_as_their_weights_say() -> None:
    weights, stream = Weights([1, 2, 5]), Stream(1)
    drawn = [weights.draw(stream) for _ in range(8_000)]
    assert [drawn.count(outcome) / 1_000 for outcome in range(3)] == pytest.approx([1, 2, 5], rel=0.1)
    assert weights.bits == pytest.approx([3, 2, log2(8 / 5)])


def test_a_sample_of_300_kb_is_the_same_bytes_everywhere() -> None:
    text = "\n".join(document.text for document in documents(1, 1_300, 230))[:300_000]
    assert len(text) == 300_000
    assert (
        hashlib.sha256(text.encode("ascii")).hexdigest()
        == "41023bf1e3c0c9aa6f40c96b8ccd2b09b4481622fb1275fe8c7d8c2a7145bdc0"
    )


def test_every_word_form_belongs_to_one_kind() -> None:
    stems = [*NOUNS, *VERBS, *IDLE_VERBS, *ADJECTIVES, *ADVERBS, *(name.lower() for name in NAMES)]
    forms = [*stems, *(f"{stem}s" for stem in stems)]
    assert len(set(forms)) == len(forms)


def test_reading_a_document_finds_what_writing_it_decided() -> None:
    """Reading knows nothing but the text and allows for every way to have written it."""
    for document in some(60):
        assert information(document.words[:-1], exactly(".")) == pytest.approx(document.bits, abs=1e-9)


def test_the_chances_of_all_next_words_add_up_to_one() -> None:
    for document in some(5):
        for count in range(1, 25):
            beginning = document.words[:count]
            at_all = information(beginning[:-1], exactly(beginning[-1]))
            assert information(beginning, lambda _: True) == pytest.approx(at_all, abs=1e-9)


def test_a_partly_known_last_word_counts_every_word_it_may_be() -> None:
    beginning = ["At", " the", " sea", ":"]
    matching = {
        f" {word}" for word in (*NAMES, "The", "Then", "A", "Some", "So") if word.startswith(("T", "S"))
    }
    apart = sum(2 ** -information(beginning, exactly(one)) for one in matching)
    assert information(beginning, lambda word: word.startswith((" T", " S"))) == pytest.approx(-log2(apart))


def test_text_that_the_grammar_cannot_write_is_refused() -> None:
    with pytest.raises(ValueError, match="no document begins"):
        information(["At", " the", " moon"], lambda _: True)


def test_a_model_that_knew_the_grammar_would_score_the_entropy() -> None:
    """Law of large numbers: two samples of different seeds agree in bits per byte within one per cent."""
    rates = [
        sum(document.bits for document in sample) / sum(len(document.text) for document in sample)
        for sample in (some(600, 1), some(600, 2))
    ]
    assert rates[0] == pytest.approx(rates[1], rel=0.01)
    assert 0.65 < rates[0] < 0.8


def test_verbs_agree_with_their_subject() -> None:
    """Outside of relative clauses: after one, the noun before the verb need not be its subject."""
    verbs = {f" {verb}" for verb in (*VERBS, *IDLE_VERBS)}
    nouns = {f" {noun}" for noun in NOUNS}
    sentences = [
        WORD.findall(sentence)
        for document in some(200)
        for sentence in document.text.split(".")
        if " that " not in sentence
    ]
    pairs = [(noun, verb) for sentence in sentences for noun, verb in pairwise(sentence)]
    plural = [
        (noun[-1] == "s", verb[-1] != "s")
        for noun, verb in pairs
        if noun.removesuffix("s") in nouns and verb.removesuffix("s") in verbs
    ]
    assert len(plural) > 100
    assert all(of_noun == of_verb for of_noun, of_verb in plural)


def test_nouns_of_the_announced_topic_come_more_often() -> None:
    of_topic = {f" {noun}": number % len(TOPICS) for number, noun in enumerate(NOUNS)}
    same = [
        of_topic[word] == TOPICS.index(document.words[2][1:])
        for document in some(200)
        for word in document.words
        if word in of_topic
    ]
    assert sum(same) > 2 / 3 * len(same)


def test_sums_are_right() -> None:
    words = [word for document in some(100) for word in document.words]
    sums = [(words[at - 3], words[at - 1], words[at + 1]) for at, word in enumerate(words) if word == " make"]
    assert len(sums) > 50
    assert all(int(left) + int(right) == int(total) for left, right, total in sums)


def test_a_recent_name_is_likelier_and_the_latest_most() -> None:
    recent = remember(remember((), 40), 50)
    assert recent == (50, 40)
    assert NAME.share(50, recent) > NAME.share(40, recent) > NAME.share(50, ())
    assert sum(NAME.share(name, recent) for name in range(len(NAMES))) == pytest.approx(1)


def test_a_repeated_name_is_remembered_once() -> None:
    assert remember((1, 2, 3), 3) == (3, 1, 2)


def test_documents_are_words_as_the_vocabulary_cuts_them() -> None:
    for document in some(50):
        assert WORD.findall(document.text) == document.words


def test_a_document_ends_with_the_sentence_that_reaches_its_size() -> None:
    document = write(Stream(3), 100)
    assert len(document.text) >= 100
    sentences = document.text.split(".")
    assert len(".".join(sentences[:-2])) < 100
    assert document.words[-1] == "."


def test_a_document_does_not_depend_on_how_many_are_written() -> None:
    assert list(islice(documents(5, 100, 50), 3)) == list(documents(5, 3, 50))
