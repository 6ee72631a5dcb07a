"""Counts what follows what in visible.txt and leaves model.json: an n-gram model with blending.

Its form is fixed, and is what the charter says; everything else here may change.
"""

import json
from collections import Counter, defaultdict
from pathlib import Path

LONGEST = 3  # characters of a context
LEAST = 40  # times that a context has to occur to be kept
LEAST_SYMBOL = 2  # times that a symbol has to follow it to be kept
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


def main():
    """Train, and leave out rarer contexts of the longest kind until the file is small enough."""
    text = Path("visible.txt").read_text(encoding="ascii")
    levels = [level(text, length) for length in range(LONGEST + 1)]
    while len(encoded := json.dumps({"levels": levels}, separators=(",", ":"))) > SIZE:
        last = levels[-1]
        rare = sorted(last, key=lambda context: (sum(last[context][1].values()), context))
        for context in rare[: max(1, len(rare) // 20)]:
            del last[context]
        if not last:
            levels.pop()
    Path("model.json").write_text(encoded, encoding="ascii")


main()
