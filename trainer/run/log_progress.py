"""How far a run says it is, read from the end of its log.

Untrusted text: a window of a few kilobytes is looked at, token by token, and anything odd is no progress at
all.
"""

import math
from itertools import pairwise

WINDOW = 4096
"""Characters looked at: some forty lines of a usual training loop."""

LONGEST_NUMBER = 32
"""Characters of a number; longer ones are no step."""

_SEPARATORS = str.maketrans(":=|,/()", " " * 7)


def read_progress(text: str) -> tuple[int | None, float | None]:
    """Step and loss from the last complete line that names a step, such as ``step 00123 (45.0%) | loss:
    1.234``. None for what it does not say.

    Lines end with a newline or a carriage return; what follows the last of these may still be growing and is
    ignored.
    """
    lines = text[-WINDOW:].replace("\r", "\n").split("\n")[:-1]
    for line in reversed(lines):
        words = line.translate(_SEPARATORS).lower().split()
        step = _after(words, "step")
        if step is not None and step.isdigit():
            return int(step), _finite(_after(words, "loss"))
    return None, None


def _after(words: list[str], name: str) -> str | None:
    """The word after the first one that is ``name`` or ends with ``_name``, if it is short ASCII."""
    for word, following in pairwise(words):
        if word == name or word.endswith(f"_{name}"):
            return following if following.isascii() and len(following) <= LONGEST_NUMBER else None
    return None


def _finite(word: str | None) -> float | None:
    try:
        number = float(word or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
