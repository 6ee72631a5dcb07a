"""Progress of a running campaign on stderr.

- On a terminal: a small panel that is drawn anew, verdicts as lines above it.
- Elsewhere, as in a log file: a line per verdict, and a heartbeat line when nothing was said for a while.
- A view is told everything and asks for nothing: ``update`` may be called at any rate, with the rows that got
  a verdict since the last call.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from coordinator.views.status import Json
from deploy.views.pages import gain, in_sigmas, number, percent, span, usd
from deploy.views.sanitize import one_line

HEARTBEAT = 15.0
"""Seconds of silence after which a view without a terminal says that it lives."""
CAUGHT_UP = 5
"""Verdicts of earlier starts that are shown again when a campaign is resumed."""
BAR = 20
"""Characters of a progress bar."""


class View(Protocol):
    """Shows a campaign while it runs. status: of ``coordinator.views.status.status``; new_rows: of
    ``coordinator.views.status.row``.
    """

    def update(self, status: Json, new_rows: Sequence[Json]) -> None:
        """Show what is new."""
        ...

    def warn(self, problem: str) -> None:
        """Show something that a person has to fix, once and until the end."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


class Limits(Struct, frozen=True):
    """When the campaign ends by itself; 0 means never. experiments: verdicts. hours: of running. minutes: of
    this start.
    """

    experiments: int = 0
    hours: float = 0.0
    minutes: float = 0.0


def view_for(
    limits: Limits, stream: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic
) -> View:
    """The view that suits the stream."""
    return Panel(limits, Console(file=stream), clock) if stream.isatty() else Lines(limits, stream, clock)


class Lines:
    """One line per verdict; a heartbeat in between."""

    def __init__(self, limits: Limits, stream: TextIO, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._stream = stream
        self._clock = clock
        self._began = self._said = clock()
        self._fresh = True
        self._problems: list[str] = []

    def update(self, status: Json, new_rows: Sequence[Json]) -> None:
        """See ``View.update``."""
        for line in verdict_lines(status, new_rows, CAUGHT_UP if self._fresh else len(new_rows)):
            self._say(line)
        self._fresh = False
        if self._clock() - self._said >= HEARTBEAT:
            self._say(summary(status, self._limits, self._clock() - self._began))

    def warn(self, problem: str) -> None:
        """See ``View.warn``. Said again at the end, where somebody looks who was away."""
        self._problems.append(_warning(problem))
        self._say(self._problems[-1])

    def close(self) -> None:
        """See ``View.close``. May be repeated."""
        problems, self._problems = self._problems, []
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

    def update(self, status: Json, new_rows: Sequence[Json]) -> None:
        """See ``View.update``."""
        for line in verdict_lines(status, new_rows, CAUGHT_UP if self._fresh else len(new_rows)):
            self._live.console.print(Text(line), overflow="ellipsis", no_wrap=True)
        self._fresh = False
        self._live.update(
            panel(status, self._limits, self._clock() - self._began, self._problems), refresh=True
        )

    def warn(self, problem: str) -> None:
        """See ``View.warn``. It stays in the panel, and on the terminal when the panel goes."""
        self._problems.append(_warning(problem))

    def close(self) -> None:
        """See ``View.close``. May be repeated."""
        self._live.stop()
        problems, self._problems = self._problems, []
        for problem in problems:
            self._live.console.print(Text(problem, style="red"))


def verdict_lines(status: Json, rows: Sequence[Json], most: int) -> list[str]:
    """A line per row; of more than ``most`` the last ones, and how many there were before."""
    left_out = max(0, len(rows) - most)
    return [f"… {left_out} earlier verdicts"] * bool(left_out) + [
        verdict_line(status, row) for row in rows[left_out:]
    ]


def verdict_line(status: Json, row: Json) -> str:
    """``e00012  rejected  2.2013  -1.7 σ  DEPTH 6 → 8: worse by …``."""
    division = next(each for each in status["divisions"] if each["name"] == row["division"])
    figures = f"{number(row['value']):>8}  {in_sigmas(division, gain(status, division, row['value'])):>8}"
    reason = f": {one_line(row['reason'])}" if row["reason"] else ""
    return f"{row['experiment']:<12}  {row['state']:<8}  {figures}  {one_line(row['title'])}{reason}"


def summary(status: Json, limits: Limits, elapsed: float) -> str:
    """One line about everything: finished, training, best, time."""
    training = sum(agent["state"] == "training" for agent in status["agents"])
    bests = [
        f"best {number(each['best']['value'])} ({each['name']})"
        for each in status["divisions"]
        if each["best"]
    ]
    busy = percent(status["occupancy"]["last_10_min"])
    parts = [
        _finished(status, limits),
        f"{training} of {len(status['agents'])} agents training",
        *(bests or ["measuring the baseline"]),
        f"busy {busy}",
        *([f"spent {usd(status['spend_usd'])}"] if status["spend_usd"] else []),
    ]
    return f"{status['campaign']} {status['state']}: {', '.join(parts)}, {_time(limits, elapsed)}"


def panel(status: Json, limits: Limits, elapsed: float, problems: Sequence[str] = ()) -> RenderableType:
    """The summary, a line per agent, and what a person has to fix."""
    table = Table.grid(padding=(0, 2))
    for agent in status["agents"]:
        table.add_row(Text(agent["id"]), agent["state"], agent["run"] or "", _bar(agent["progress"]))
    return Group(
        Text(summary(status, limits, elapsed), style="bold"),
        table,
        *(Text(problem, style="red") for problem in problems),
    )


def _warning(problem: str) -> str:
    """Its words may be a provider's."""
    return f"warning: {one_line(problem)}"


def _finished(status: Json, limits: Limits) -> str:
    done = sum(status["experiments"][state] for state in ("merged", "rejected", "crashed", "cheated")) - len(
        _measured(status)
    )
    return f"{done}{f' of {limits.experiments}' if limits.experiments else ''} experiments"


def _measured(status: Json) -> list[Json]:
    """Divisions whose baseline is measured: it counts as merged, and is no experiment to a person."""
    return [division for division in status["divisions"] if division["best"]]


def _time(limits: Limits, elapsed: float) -> str:
    ends = [seconds for seconds in (limits.hours * 3600, limits.minutes * 60) if seconds]
    return f"{span(elapsed)} of {span(min(ends))} at most" if ends else span(elapsed)


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    filled = round(min(1.0, max(0.0, share)) * BAR)
    return f"{'█' * filled}{'░' * (BAR - filled)} {share:4.0%}"
