"""Progress of a running campaign on stderr.

- On a terminal: a small panel that is drawn anew, verdicts above it, on more than one line each where it is
  narrow.
- Elsewhere, as in a log file or on a terminal that cannot be drawn on: a line per verdict, and a heartbeat
  line when nothing was said for a while.
- A view receives everything and asks for nothing: ``update`` may be called at any rate, with the rows that
  got a verdict since the last call, steps of trunks included.
"""

import os
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TextIO

from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from configs.reserved import TRANSFER
from coordinator.views.leaderboard import LeaderboardRow
from coordinator.views.status_page import AgentState, DivisionView, StatusPage
from deploy.views.arm_trouble import troubles
from deploy.views.sanitize import one_line
from deploy.views.units import gains, number, percent, span, usd

HEARTBEAT = 15.0
"""Seconds of silence after which a view without a terminal says that it lives."""
CAUGHT_UP = 5
"""Verdicts of earlier starts that are shown again when a campaign is resumed."""
BAR = 20
"""Characters of a progress bar."""
GAIN = 16
"""Characters of a gain with what it is over."""
INDENT = "    "
"""Before what a verdict says on further lines."""


class View(Protocol):
    """Shows a campaign while it runs."""

    def update(self, page: StatusPage, new_rows: Sequence[LeaderboardRow]) -> None:
        """Show what is new. new_rows: of experiments that got their verdict, or became a step, since the last
        update.
        """
        ...

    def warn(self, problem: str) -> None:
        """Show something that a person has to fix, once and until the end."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class Limits(Struct, frozen=True):
    """When the campaign ends by itself; 0 means never."""

    experiments: int = 0
    """With their last verdict."""
    hours: float = 0.0
    """Of running."""
    minutes: float = 0.0
    """Of this start."""


def view_for(
    limits: Limits, stream: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic
) -> View:
    """The view that suits the stream."""
    drawable = stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return Panel(limits, Console(file=stream), clock) if drawable else Lines(limits, stream, clock)


class Lines:
    """One line per verdict; a heartbeat in between."""

    def __init__(self, limits: Limits, stream: TextIO, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._stream = stream
        self._clock = clock
        self._began = self._said = clock()
        self._fresh = True
        self._problems: list[str] = []
        self._troubles: dict[str, str] = {}

    def update(self, page: StatusPage, new_rows: Sequence[LeaderboardRow]) -> None:
        """See ``View.update``."""
        for line in verdict_lines(page, new_rows, CAUGHT_UP if self._fresh else len(new_rows)):
            self._say(line)
        self._fresh = False
        now = troubles(page)
        for line in changes(self._troubles, now):
            self._say(line)
        self._troubles = now
        if self._clock() - self._said >= HEARTBEAT:
            self._say(summary(page, self._limits, self._clock() - self._began))

    def warn(self, problem: str) -> None:
        """See ``View.warn``. Said again at the end, where somebody looks who was away."""
        self._problems.append(_warning(problem))
        self._say(self._problems[-1])

    def close(self) -> None:
        """See ``View.close``. May be repeated."""
        problems, self._problems = [*self._problems, *map(_warning, self._troubles.values())], []
        self._troubles = {}
        for problem in problems:
            self._say(problem)
        self._stream.flush()

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()
        self._said = self._clock()


class Panel:
    """A panel of a few lines at the bottom of the terminal."""

    def __init__(self, limits: Limits, console: Console, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._began = clock()
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()
        self._fresh = True
        self._problems: list[str] = []
        self._troubles: dict[str, str] = {}

    def update(self, page: StatusPage, new_rows: Sequence[LeaderboardRow]) -> None:
        """See ``View.update``."""
        self._troubles = troubles(page)
        width = self._live.console.width
        for line in verdict_lines(page, new_rows, CAUGHT_UP if self._fresh else len(new_rows), width):
            self._live.console.print(Text(line))
        self._fresh = False
        self._live.update(panel(page, self._limits, self._clock() - self._began, self._shown()), refresh=True)

    def _shown(self) -> list[str]:
        return [*self._problems, *map(_warning, self._troubles.values())]

    def warn(self, problem: str) -> None:
        """See ``View.warn``. It stays in the panel, and on the terminal when the panel goes."""
        self._problems.append(_warning(problem))

    def close(self) -> None:
        """See ``View.close``. May be repeated."""
        self._live.stop()
        problems, self._problems, self._troubles = self._shown(), [], {}
        for problem in problems:
            self._live.console.print(Text(problem, style="red"))


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is new of arms and agents that give nothing, a line each. before, now: lines by name."""
    worse = [_warning(line) for name, line in now.items() if before.get(name) != line]
    return worse + [f"{_again(name)} again" for name in before if name not in now]


def _again(name: str) -> str:
    return f"{name} has results" if name.startswith("agent ") else f"arm {name} gives ideas"


def verdict_lines(
    page: StatusPage, rows: Sequence[LeaderboardRow], most: int, width: int | None = None
) -> list[str]:
    """Each row in words, on one line or as many as ``width`` characters ask for; of more than ``most`` the
    last ones, and how many there were before.
    """
    left_out = max(0, len(rows) - most)
    before = f"… {left_out} earlier verdicts; from the last {most} experiments before this start:"
    lines = [before] * bool(left_out)
    for row in rows[left_out:]:
        lines += verdict(page, row, width)
    return lines


def verdict(page: StatusPage, row: LeaderboardRow, width: int | None = None) -> list[str]:
    """``e00012  rejected  2.2013  -1.7 σ on base  -2.4 σ on best  DEPTH 6 → 8: worse by …``; where that is
    wider than ``width`` characters, the reason begins another line.
    """
    division = next(division for division in page.divisions if division.name == row.division)
    better = gains(page.metric, division, row.value, row.gain_over_best)
    columns = "  ".join(f"{words:>{GAIN}}" for words in better)
    head = f"{row.experiment:<12}  {row.state:<11}  {number(row.value):>8}  "
    title, reason = one_line(row.title), one_line(row.reason)
    first = f"{head}{columns:<{2 * GAIN + 2}}  {title}"
    whole = f"{first}{f': {reason}' if reason else ''}"
    if width is None or len(whole) <= width:
        return [whole]
    lines = [first] if len(first) <= width else [f"{head}{title}", f"{INDENT}{', '.join(better)}"]
    lines += [f"{INDENT}{reason}"]
    return [piece for line in lines for piece in textwrap.wrap(line, width, subsequent_indent=INDENT)]


def summary(page: StatusPage, limits: Limits, elapsed: float) -> str:
    """One line about everything: finished, training, best, time. elapsed: seconds of this start."""
    states = Counter(agent.state for agent in page.agents if agent.state is not AgentState.GONE)
    lost = f", {states[AgentState.LOST]} lost" if states[AgentState.LOST] else ""
    bests = [
        f"best {number(division.best.value)} ({division.name})"
        for division in page.divisions
        if division.best
    ]
    parts = [
        _finished(page, limits),
        f"{states[AgentState.TRAINING]} of {states.total()} agents training{lost}",
        *(bests or ["measuring the baseline"]),
        f"busy {percent(page.occupancy.last_10_min)}",
        *([f"spent {usd(page.spend_usd)}"] if page.spend_usd else []),
    ]
    return f"{page.campaign} {page.state}: {', '.join(parts)}, {_time(limits, elapsed)}"


def panel(page: StatusPage, limits: Limits, elapsed: float, problems: Sequence[str] = ()) -> RenderableType:
    """The summary, a line per agent, and what a person has to fix. elapsed: seconds of this start."""
    table = Table.grid(padding=(0, 2))
    for agent in page.agents:
        table.add_row(Text(agent.id), agent.state, agent.run or "", _bar(agent.progress))
    return Group(
        Text(summary(page, limits, elapsed), style="bold"),
        table,
        *(Text(problem, style="red") for problem in problems),
    )


def _warning(problem: str) -> str:
    """Its words may be a provider's."""
    return f"warning: {one_line(problem)}"


def _finished(page: StatusPage, limits: Limits) -> str:
    counts = page.experiments
    finals = counts.merged + counts.rejected + counts.crashed + counts.cheated + counts.rolled_back
    ended = finals + counts.stepped - len(_measured(page)) - _transferred(page)
    return f"{ended}{f' of {limits.experiments}' if limits.experiments else ''} experiments"


def _transferred(page: StatusPage) -> int:
    """Transfers that have ended: they come on top of what is proposed."""
    arms = [arm for arm in page.arms if arm.name == TRANSFER]
    return sum(arm.merged + arm.rejected + arm.crashed + arm.cheated + arm.rolled_back for arm in arms)


def _measured(page: StatusPage) -> list[DivisionView]:
    """Divisions whose baseline is measured: it counts as merged, and is no experiment to a person."""
    return [division for division in page.divisions if division.best]


def _time(limits: Limits, elapsed: float) -> str:
    ends = [seconds for seconds in (limits.hours * 3600, limits.minutes * 60) if seconds]
    return f"{span(elapsed)} of {span(min(ends))} at most" if ends else span(elapsed)


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    filled = round(min(1.0, max(0.0, share)) * BAR)
    word = ": it starts, nothing is spent yet" if share <= 0 else ": it is judged" if share >= 1 else ""
    return f"{'█' * filled}{'░' * (BAR - filled)} {share:4.0%} of its budget{word}"
