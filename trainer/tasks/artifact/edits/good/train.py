"""Counts what follows what in visible.txt and leaves model.json: an n-gram model with blending.

Its form is fixed, and is what the charter says; everything else here may change.
"""

import json
import math
from collections import Counter, defaultdict
from pathlib import Path

LONGEST = 6  # characters of a context
LEAST = 40  # times that a context has to occur to be kept
LEAST_SYMBOL = 3  # times that a symbol has to follow it to be kept
DOUBT = 4.0  # the higher, the more a context leaves to the shorter ones
SIZE = 24_000  # bytes of model.json


def counts(text, length):
    """What follows each context of that many characters, and how often."""
    table = defaultdict(Counter)
    for at in range(length, len(text)):
        table[text[at - length : at]][text[at]] += 1
    return table


def level(text, length):
    """Entries of that length: a blend, and the weights of symbols."""
    entries = {}
    for context, following in counts(text, length).items():
        total = sum(following.values())
        kept = {symbol: count for symbol, count in following.items() if count >= LEAST_SYMBOL}
        if kept and (total >= LEAST or not length):
            blend = sum(kept.values()) / (total + DOUBT)
            entries[context] = [round(min(blend, 0.999), 3), kept]
    return entries


def saved(levels, length, context):
    """Bits that a context saves on the text over the next shorter one, for each byte of the file it takes."""
    blend, weights = levels[length][context]
    shorter = levels[length - 1].get(context[1:])
    if shorter is None:
        return 0.0
    total, below = sum(weights.values()), sum(shorter[1].values())
    bits = sum(
        count * math.log2(blend * count / total / max(shorter[0] * shorter[1].get(symbol, 0) / below, 1e-3))
        for symbol, count in weights.items()
    )
    return bits / len(json.dumps({context: levels[length][context]}, separators=(",", ":")))


def main():
    """Train, and leave out what saves least for its bytes until the file is small enough."""
    text = Path("visible.txt").read_text(encoding="ascii")
    levels = [level(text, length) for length in range(LONGEST + 1)]
    while len(encoded := json.dumps({"levels": levels}, separators=(",", ":"))) > SIZE:
        needed = {longer[1:] for entries in levels for longer in entries}
        leaves = [
            (saved(levels, length, context), length, context)
            for length in range(2, LONGEST + 1)
            for context in levels[length]
            if context not in needed
        ]
        for _, length, context in sorted(leaves)[: max(1, len(leaves) // 20)]:
            del levels[length][context]
    Path("model.json").write_text(encoded, encoding="ascii")


main()
