"""Text of a small language, by a seed. Its words are made up, and always the same."""

import random

LEXICON = 4_711
ONSETS = "b br d f g gr h k l m n p pl r s st t tr v".split()
VOWELS = "a e i o u ai ou".split()
CODAS = ["", "", "l", "n", "r", "s", "nd", "rt"]
ENDINGS = {"one": ("a", "et"), "many": ("i", "ent")}
"""Of a noun and of its verb, by number: what stands at the verb depends on what stood before."""


def text(seed, size):
    """So many bytes of sentences, each on a line."""
    words, draws = _Lexicon(), random.Random(f"text {seed}")
    lines, length = [], 0
    while length < size:
        line = _sentence(words, draws)
        lines.append(line)
        length += len(line) + 1
    return ("\n".join(lines) + "\n")[:size]


class _Lexicon:
    def __init__(self):
        draws = random.Random(LEXICON)
        made = iter(dict.fromkeys(_word(draws) for _ in range(600)))  # in the order they were made in
        self.nouns = [next(made) for _ in range(90)]
        self.verbs = [next(made) for _ in range(60)]
        self.adjectives = [next(made) for _ in range(40)]
        self.places = [next(made) for _ in range(20)]
        self.goes = {noun: draws.sample(self.verbs, 6) for noun in self.nouns}


def _word(draws):
    parts = draws.choice((1, 2, 2))
    return "".join(draws.choice(ONSETS) + draws.choice(VOWELS) + draws.choice(CODAS) for _ in range(parts))


def _sentence(words, draws):
    noun, number = _common(words.nouns, draws), draws.choice(("one", "many"))
    verb = draws.choice(words.goes[noun])
    ends = ENDINGS[number]
    parts = ["la" if number == "one" else "los"]
    if draws.random() < 0.4:
        parts.append(_common(words.adjectives, draws) + ends[0])
    parts += [noun + ends[0], verb + ends[1]]
    if draws.random() < 0.7:
        parts += ["un", _common(words.nouns, draws) + "a"]
    if draws.random() < 0.35:
        parts += [draws.choice(("en", "sur", "con")), _common(words.places, draws)]
    return " ".join(parts) + draws.choice(".....!")


def _common(words, draws):
    """One of them, earlier ones more often."""
    return words[min(int(draws.expovariate(3.5 / len(words))), len(words) - 1)]
