"""The form of model.json, and what a model of it gives. Run by itself it looks at the file and says what is wrong.

    {"levels": [{CONTEXT: [BLEND, {SYMBOL: WEIGHT, …}], …}, …]}

- Level n holds contexts of n characters; level 0 has one, the empty text. A symbol is one character.
- The probability of a byte begins as 1/256. From level 0 on, wherever the last n characters are a context of
  level n, it becomes BLEND times the symbol's share of the context's weights, plus 1 - BLEND times what it was.
- 0 <= BLEND <= 0.9999, weights are above 0 and finite. Shares are computed here: so all 256 sum to 1.
"""

import json
import math
import sys
from pathlib import Path

MOST_LEVELS = 12


class FormError(Exception):
    """The file has another form; ``str`` says where."""


def read(path):
    """Levels of blends and shares. Raises FormError."""
    try:
        levels = json.loads(path.read_text(encoding="ascii"))["levels"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise FormError("it is no JSON object in ASCII with a key `levels`") from None
    if not isinstance(levels, list) or not 1 <= len(levels) <= MOST_LEVELS:
        raise FormError(f"`levels` is no list of 1 to {MOST_LEVELS}")
    if not all(isinstance(level, dict) for level in levels):
        raise FormError("a level is no object")
    return [{context: _entry(number, context, *_two(entry)) for context, entry in level.items()}
            for number, level in enumerate(levels)]


def bits(levels, text):
    """Of the text under the model, per byte. text: ASCII."""
    total = 0.0
    for at, symbol in enumerate(text):
        chance = 1 / 256
        for length, level in enumerate(levels[: at + 1]):
            entry = level.get(text[at - length : at])
            if entry is not None:
                blend, shares = entry
                chance = blend * shares.get(symbol, 0.0) + (1 - blend) * chance
        total -= math.log2(chance)
    return total / len(text)


def _two(entry):
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], dict) or not entry[1]:
        raise FormError("an entry is no list of a blend and an object of weights")
    return entry


def _entry(length, context, blend, weights):
    if len(context) != length:
        raise FormError(f"the context {context!r} stands at level {length}")
    if not _is_number(blend) or not 0 <= blend <= 0.9999:
        raise FormError(f"the blend of {context!r} is {blend!r}: 0 to 0.9999 is allowed")
    for symbol, weight in weights.items():
        if len(symbol) != 1 or ord(symbol) > 127:
            raise FormError(f"{symbol!r} after {context!r} is no character")
        if not _is_number(weight) or not 0 < weight <= 1e9:
            raise FormError(f"the weight of {symbol!r} after {context!r} is {weight!r}")
    total = math.fsum(weights.values())
    return blend, {symbol: weight / total for symbol, weight in weights.items()}


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


if __name__ == "__main__":
    try:
        read(Path("model.json"))
    except FormError as error:
        sys.exit(f"model.json: {error}"[:300])
