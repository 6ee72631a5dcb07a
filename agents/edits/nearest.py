"""For a change whose place was not found: the lines of the surface that are most like it, and the
difference.
"""

import re
from collections import Counter
from difflib import SequenceMatcher, unified_diff
from itertools import islice

from agents.edits.outcome import bounded

WORD = re.compile(r"\w+")
LEAST_LIKENESS = 0.3
"""Share of words in common below which nothing is called near."""
FINALISTS = 4
"""Windows that are compared letter by letter after words have chosen them."""
SHOWN_LINES = 40
COMPARED_CHARS = 600
COMPARED_LINES = 200
COMPARED_WORDS = 500
"""Bounds on what is compared: a hint is worth some milliseconds."""


def nearest_hint(lines: list[str], search: list[str]) -> str:
    """The nearest window of ``lines`` with its line numbers, and a diff from what was asked for to what is
    there. Bounded.
    """
    start = _nearest(lines, search)
    if start is None:
        return (
            "Nothing in the file is like it. Copy the lines to be replaced from the file, letter by letter."
        )
    window = lines[start : start + len(search)]
    shown = [line.rstrip("\r") for line in window[:SHOWN_LINES]]
    diff = unified_diff(
        [line.rstrip("\r") for line in search],
        [line.rstrip("\r") for line in window],
        "your lines",
        "the file",
        lineterm="",
        n=1,
    )
    heading = f"The most similar lines of the file are lines {start + 1} to {start + len(window)}:"
    more = [f"… ({len(window) - SHOWN_LINES} more)"] if len(window) > SHOWN_LINES else []
    return bounded(
        "\n".join([heading, *shown, *more, "From your lines to the file's:", *list(diff)[: 2 * SHOWN_LINES]])
    )


def _nearest(lines: list[str], search: list[str]) -> int | None:
    """Start of the window of as many lines with most words in common, the most alike letter by letter among
    the best few.
    """
    search, lines = search[:COMPARED_LINES], lines[: 20 * COMPARED_LINES]
    size = min(len(search), len(lines))
    wanted = Counter(islice((word for line in search for word in WORD.findall(line)), COMPARED_WORDS))
    if not size or not wanted:
        return None
    words = [Counter(word for word in WORD.findall(line) if word in wanted) for line in lines]
    in_window: Counter[str] = Counter()
    scores = []
    for end, line in enumerate(words, start=1):
        in_window.update(line)
        if end > size:
            in_window.subtract(words[end - size - 1])
        if end >= size:
            scores.append(
                (
                    sum(min(in_window[word], count) for word, count in wanted.items()) / wanted.total(),
                    end - size,
                )
            )
    best = sorted(scores, key=lambda score: (-score[0], score[1]))[:FINALISTS]
    if best[0][0] < LEAST_LIKENESS:
        return None
    text = "\n".join(search)[:COMPARED_CHARS]
    return max(
        best, key=lambda score: _likeness(text, "\n".join(lines[score[1] : score[1] + size])[:COMPARED_CHARS])
    )[1]


def _likeness(left: str, right: str) -> float:
    return SequenceMatcher(None, left, right, autojunk=False).ratio()
