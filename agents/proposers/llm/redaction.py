"""Secrets of the environment kept out of everything that is logged, stored or sent."""

import re
from collections.abc import Collection, Mapping

NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
SHAPE = re.compile(r"(?:\bsk-|\bBearer\s+)[\w.~+/=*-]{6,}")
"""What keys look like, also where a provider has masked their middle."""
SHORTEST = 8
"""Shorter values are switches and words, not secrets."""
SHORTEST_IN_ANSWERS = 16
"""In an answer, which may become a program, only what can be nothing but a key is touched."""
HIDDEN = "[redacted]"


def redacted(text: str, environ: Mapping[str, str], also: Collection[str] = ()) -> str:
    """``text`` without the values of variables that are named like secrets, or are in ``also``, and without
    anything shaped like a key.
    """
    return SHAPE.sub(HIDDEN, _without(text, environ, SHORTEST, also))


def redacted_answer(text: str, environ: Mapping[str, str], also: Collection[str] = ()) -> str:
    """A model's ``text`` without the values of those variables. Their shapes stay: ``sk-offset`` may be a
    subtraction.
    """
    return _without(text, environ, SHORTEST_IN_ANSWERS, also)


def _without(text: str, environ: Mapping[str, str], shortest: int, also: Collection[str]) -> str:
    secrets = {
        value
        for name, value in environ.items()
        if (name in also or NAME.search(name)) and len(value) >= shortest
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
