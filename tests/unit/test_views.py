"""What people are shown, printed to a text."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

from coordinator.domain import Direction, Metric
from coordinator.store.paths import Layout
from coordinator.views.leaderboard import LeaderboardRow, best_so_far, row, rows
from coordinator.views.status import status as status_of
from coordinator.views.status_page import AgentState, AgentView, BaselineView, DivisionView, StatusPage
from deploy.views import leaderboard, units
from deploy.views.live import HEARTBEAT, Limits, Lines, Panel, view_for
from deploy.views.sanitize import cell, one_line, sanitize
from deploy.views.status_page import status_page
from tests.unit.swarm_of_rules import Swarm

NOW = 2000.0


def printed(view: RenderableType, width: int = 160) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, markup=False, emoji=False).print(view)
    return stream.getvalue()


@pytest.fixture
def swarm() -> Swarm:
    """A measured baseline and a few experiments."""
    swarm = Swarm()
    swarm.join("a1", "1")
    for _ in range(60):
        if (run := swarm.lease("a1")) is not None:
            swarm.report("a1", run)
        swarm.think("a1")
    assert swarm.state.divisions["cpu"].best is not None
    return swarm


def status(swarm: Swarm, alive: bool = True) -> StatusPage:
    return status_of(swarm.state, NOW, alive)


def test_a_campaign_without_anything_has_a_page_and_a_board() -> None:
    swarm = Swarm()
    assert "running" in printed(status_page(status(swarm)))
    assert "No experiment yet." in printed(leaderboard.leaderboard(status(swarm), []))


def test_the_page_says_stopped_when_nobody_works(swarm: Swarm) -> None:
    assert "stopped" in printed(status_page(status(swarm, alive=False)))


def test_the_board_has_a_line_for_every_row(swarm: Swarm) -> None:
    board = rows(swarm.state)
    text = printed(leaderboard.leaderboard(status(swarm), board))
    assert len(text.splitlines()) == len(board) + 1
    assert all(line.experiment in text for line in board)


def test_the_closing_summary_says_where_everything_lies(swarm: Swarm) -> None:
    layout = Layout(Path("campaigns/test"))
    bests = {"cpu": best_so_far(swarm.state, "cpu")}
    text = printed(leaderboard.closing(status(swarm), rows(swarm.state), bests, layout))
    for place in (layout.journal, layout.repository, layout.runs, layout.results, layout.config):
        assert str(place) in text
    assert "best/cpu" in text
    assert "val_bpb (lower is better)" in text
    assert "●" in text


@pytest.mark.parametrize(
    ("number", "wanted"), [(0.0, "0"), (0.01389, "0.0139"), (12.34, "12.3"), (1234.5, "1234")]
)
def test_hours_have_three_digits_however_few_they_are(number: float, wanted: str) -> None:
    assert units.hours(number) == wanted


@pytest.mark.parametrize(
    ("direction", "value", "wanted"),
    [
        (Direction.MINIMIZE, 2.0, 0.2),
        (Direction.MINIMIZE, 2.3, -0.1),
        (Direction.MAXIMIZE, 2.3, 0.1),
        (Direction.MINIMIZE, None, None),
    ],
)
def test_a_gain_is_positive_when_better(
    direction: Direction, value: float | None, wanted: float | None
) -> None:
    baseline = BaselineView(value=2.2, sigma=None, runs=4)
    division = DivisionView(
        name="cpu", baseline=baseline, best=None, floor=None, merges=0, steps=0, trunk=None
    )
    gain = units.gain(Metric("val_bpb", direction), division, value)
    assert gain == (None if wanted is None else pytest.approx(wanted))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7620, "2 h 07 min"),
        (-1, "0 s"),
    ],
)
def test_durations_are_in_words(seconds: float, text: str) -> None:
    assert units.span(seconds) == text


@pytest.mark.parametrize("nasty", ["\x1b[2J", "a\rb", "\x9b31m", "‮abc", "\x07", "\x00"])
def test_texts_of_others_cannot_move_the_cursor_or_turn_the_line(nasty: str) -> None:
    assert all(char.isprintable() for char in one_line(nasty))
    assert "\x1b" not in sanitize(f"one\n\ttwo {nasty}")


def test_line_breaks_and_tabs_stay_in_a_longer_text() -> None:
    assert sanitize("one\n\ttwo ünd → 二") == "one\n\ttwo ünd → 二"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@a", "\tx"])
def test_a_text_that_begins_a_formula_is_quoted_and_a_number_is_not(formula: str) -> None:
    assert cell(formula) == f"'{formula}"
    assert cell(-1.5) == -1.5
    assert cell("title") == "title"


# ---------------------------------------------------------------------- while it runs


class Watch:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def rows_of(swarm: Swarm) -> list[LeaderboardRow]:
    return [row(swarm.state.experiments[name]) for name in swarm.state.finished]


def test_without_a_terminal_each_verdict_is_a_line(swarm: Swarm) -> None:
    stream = io.StringIO()
    view = view_for(Limits(), stream, Watch())
    ended = rows_of(swarm)[:3]
    view.update(status(swarm), ended)
    view.update(status(swarm), [])
    view.close()
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == [line.experiment for line in ended]


def test_without_a_terminal_silence_is_broken_by_a_heartbeat(swarm: Swarm) -> None:
    stream, watch = io.StringIO(), Watch()
    view = Lines(Limits(experiments=40, hours=1, minutes=3), stream, watch)
    for _ in range(40):
        watch.now += HEARTBEAT / 10
        view.update(status(swarm), [])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert "of 40 experiments" in lines[0]
    assert lines[0].endswith("15 s of 3 min 00 s at most")


def test_a_resumed_campaign_does_not_show_its_whole_life(swarm: Swarm) -> None:
    stream = io.StringIO()
    ended = rows_of(swarm) * 20
    Lines(Limits(), stream, Watch()).update(status(swarm), ended)
    first, *shown = stream.getvalue().splitlines()
    assert first == (f"… {len(ended) - 5} earlier verdicts; from the last 5 experiments before this start:")
    assert len(shown) == 5


def terminal() -> tuple[io.StringIO, Console]:
    stream = io.StringIO()
    return stream, Console(file=stream, force_terminal=True, width=120, legacy_windows=False)


def test_on_a_terminal_a_panel_shows_agents_and_leaves_only_verdicts(swarm: Swarm) -> None:
    stream, console = terminal()
    view = Panel(Limits(), console, Watch())
    agent = AgentView(
        id="a1",
        state=AgentState.TRAINING,
        run="e00007.1",
        division="cpu",
        gpu="",
        sandbox="A",
        progress=0.5,
        losses=0,
        why_lost="",
    )
    view.update(replace(status(swarm), agents=[agent]), rows_of(swarm)[:1])
    view.close()
    text = stream.getvalue()
    assert "██████████░░░░░░░░░░  50%" in text
    assert "e00007.1" in text
    assert text.endswith("\x1b[2K")


@pytest.mark.parametrize(
    "make", [lambda: Lines(Limits(), io.StringIO(), Watch()), lambda: Panel(Limits(), terminal()[1], Watch())]
)
def test_a_view_can_be_closed_twice(make: Callable[[], Lines | Panel]) -> None:
    view = make()
    view.close()
    view.close()


@pytest.mark.parametrize("in_panel", [False, True])
def test_what_a_person_has_to_fix_is_said_while_it_runs_and_at_the_end(swarm: Swarm, in_panel: bool) -> None:
    stream, console = terminal()
    view = Panel(Limits(), console, Watch()) if in_panel else Lines(Limits(), stream, Watch())
    view.warn("arm x is stopped: wrong\n\x1b[31mkey")
    view.update(status(swarm), [])
    shown = stream.getvalue()
    view.close()
    text = stream.getvalue()
    view.close()
    assert "warning: arm x is stopped: wrong" in shown
    assert "warning: arm x is stopped: wrong" in text[len(shown) :].splitlines()[-1]
    assert stream.getvalue().count("warning") == text.count("warning")
    assert "\x1b[31mkey" not in text
