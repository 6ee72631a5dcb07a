"""What a person meant who mistyped a word."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """The choice nearest to a mistyped ``word``, or None. Of dotted keys the last part alone will do:
    ``seed`` finds ``campaign.seed``.
    """
    names: dict[str, str] = {choice: choice for choice in choices}
    word = word.lower()
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.7)
    if not close:
        for choice in list(names):
            names.setdefault(_tail(choice), choice)
        close = difflib.get_close_matches(_tail(word), names, n=1, cutoff=0.7)
    return names[close[0]] if close else None


def suggestion(word: str, choices: Iterable[str]) -> str:
    """The question to put before a remedy, with a space behind it; empty where nothing is near."""
    nearest = did_you_mean(word, choices)
    return f"Did you mean {nearest}? " if nearest else ""


def _tail(key: str) -> str:
    return key.rpartition(".")[2]
