"""What the swarm remembers, as a part of a prompt. Pure.

- In the order of its use until the room is filled: what runs now, merges, the arm's own latest mistakes,
  lessons, near misses, the rest from the newest on; and how many are left out.
- Titles, reasons and the names in lessons come from programs and other models. They are quoted as data and
  bounded.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from agents.proposers.llm.quoting import REASON_CHARS, TITLE_CHARS, one_line, quoted, quoted_tail
from agents.proposers.llm.tokens import count_tokens
from coordinator.domain import State
from coordinator.protocol import Brief, Tried

OWN_MISTAKES = 3
LOG_LINES = 20
LOG_CHARS = 1_500
LESSON_CHARS = 240


class _Line(Struct, frozen=True):
    """A line of the digest."""

    rank: int
    """The lowest comes first."""
    group: str
    """Heading it stands under."""
    text: str
    experiment: bool = True
    """Whether it is about one experiment."""


def digest(brief: Brief, room_bytes: int, room_tokens: int) -> str:
    """What was tried, within the room there is. Its last line says how many experiments are left out."""
    kept: list[_Line] = []
    lines = sorted(_lines(brief), key=lambda line: line.rank)
    room_bytes -= 400  # headings and the last line
    room_tokens -= 130
    for line in lines:
        room_bytes -= len(line.text.encode("utf-8", "replace")) + 1
        room_tokens -= count_tokens(line.text) + 1
        if room_bytes < 0 or room_tokens < 0:
            break
        kept.append(line)
    parts = ["# What was tried", ""]
    for group in dict.fromkeys(line.group for line in kept):
        parts += [f"{group}:", *(line.text for line in kept if line.group == group), ""]
    if not lines:
        parts += ["Nothing yet.", ""]
    left = sum(line.experiment for line in lines) - sum(line.experiment for line in kept)
    return "\n".join([*parts, *([f"({left} older or lesser ones are left out)", ""] if left else [])])


def _lines(brief: Brief) -> Iterator[_Line]:
    """Every experiment once, the newest first."""
    yield from (
        _Line(0, "Running now", f"- {quoted(tried.title, TITLE_CHARS)}{_age(tried)}")
        for tried in brief.running
    )
    yield from (
        _Line(3, "Lessons of all that was tried", f"| {one_line(lesson, LESSON_CHARS)}", experiment=False)
        for lesson in brief.lessons
    )
    mistakes = _own_mistakes(brief)
    failures = Counter(
        _failure(tried) for tried in brief.tried if tried.state in (State.CRASHED, State.CHEATED)
    )
    for tried in reversed(brief.tried):
        match tried.state:
            case State.MERGED:
                yield _Line(1, "Merged, newest first", as_line(brief, tried))
            case State.STEPPED:
                yield _Line(1, "In the parent, no certificate yet, newest first", as_line(brief, tried))
            case State.ROLLED_BACK:
                yield _Line(4, "Rolled back: better once, not on fresh runs", as_line(brief, tried))
            case State.CRASHED if tried in mistakes:
                log = quoted_tail(tried.reason, LOG_LINES, LOG_CHARS)
                line = as_line(brief, tried, reason=False)
                yield _Line(2, "Your own latest mistakes", f"{line}\n{log}")
            case State.CRASHED | State.CHEATED:
                failure = _failure(tried)
                yield _Line(
                    6, f"Failed, {failure} ({failures[failure]} of the latest)", as_line(brief, tried)
                )
            case _ if tried in mistakes:
                yield _Line(2, "Your own latest mistakes", as_line(brief, tried))
            case _ if tried.near:
                yield _Line(4, "Near misses, newest first", as_line(brief, tried))
            case _:
                yield _Line(5, "Rejected, newest first", as_line(brief, tried))


def _failure(tried: Tried) -> str:
    return (tried.failure or tried.state.value).replace("_", " ")


def _age(tried: Tried) -> str:
    return "" if tried.age is None else f", proposed {tried.age:.0f} s ago"


def _own_mistakes(brief: Brief) -> Sequence[Tried]:
    """The latest experiments of this arm that cost a run, or an answer, and gave no value."""
    return [
        tried
        for tried in brief.tried
        if tried.arm == brief.arm
        and tried.value is None
        and tried.estimate is None
        and tried.state not in (State.MERGED, State.STEPPED)
    ][-OWN_MISTAKES:]


def as_line(brief: Brief, tried: Tried, *, reason: bool = True) -> str:
    """One experiment as a line."""
    value = f" {tried.value:.6g}" if tried.value is not None else ""
    why = f": {quoted(tried.reason, REASON_CHARS)}" if reason and tried.reason else ""
    return f"- {quoted(tried.title, TITLE_CHARS)}{value}{_against(brief, tried)}{why}"


def _against(brief: Brief, tried: Tried) -> str:
    """A value beside the best: what a merge gained, else how far it was from the best at its verdict and how
    far it is from the best now.
    """
    now = None if tried.value is None or brief.best is None else brief.metric.gain(brief.best, tried.value)
    if tried.state in (State.MERGED, State.STEPPED) and tried.delta is not None:
        return f" (gained {tried.delta:.2g})"
    then = f"{_apart(tried.delta)} than the best then" if tried.delta else ""
    since = f"{_apart(now)} than the best now" if now else ""
    words = (
        [since]
        if then.removesuffix("then") == since.removesuffix("now")
        else [distance for distance in (then, since) if distance]
    )
    return f" ({', '.join(words)})" if any(words) else ""


def _apart(gain: float) -> str:
    return f"{abs(gain):.2g} {'better' if gain > 0 else 'worse'}"
