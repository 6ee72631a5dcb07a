"""What people are shown, printed to a text."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from coordinator.store.paths import Layout
from coordinator.views import status as leaderboard
from deploy.views import pages
from deploy.views.live import HEARTBEAT, Limits, Lines, Panel, view_for
from deploy.views.sanitize import cell, one_line, sanitize
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


def status(swarm: Swarm, alive: bool = True) -> leaderboard.Json:
    return leaderboard.status(swarm.state, NOW, alive)


def test_a_campaign_without_anything_has_a_page_and_a_board() -> None:
    swarm = Swarm()
    assert "running" in printed(pages.status_page(status(swarm)))
    assert "No experiment yet." in printed(pages.leaderboard(status(swarm), []))


def test_the_page_says_stopped_when_nobody_works(swarm: Swarm) -> None:
    assert "stopped" in printed(pages.status_page(status(swarm, alive=False)))


def test_the_board_has_a_line_for_every_row(swarm: Swarm) -> None:
    rows = leaderboard.rows(swarm.state)
    text = printed(pages.leaderboard(status(swarm), rows))
    assert len(text.splitlines()) == len(rows) + 1
    assert all(row["experiment"] in text for row in rows)


def test_the_closing_summary_says_where_everything_lies(swarm: Swarm) -> None:
    layout = Layout(Path("campaigns/test"))
    stairs = {"cpu": leaderboard.best_so_far(swarm.state, "cpu")}
    text = printed(pages.closing(status(swarm), leaderboard.rows(swarm.state), stairs, layout))
    for place in (layout.journal, layout.repository, layout.runs, layout.results, layout.config):
        assert str(place) in text
    assert "best/cpu" in text
    assert "val_bpb (lower is better)" in text
    assert "●" in text


@pytest.mark.parametrize(
    ("number", "wanted"), [(0.0, "0"), (0.01389, "0.0139"), (12.34, "12.3"), (1234.5, "1234")]
)
def test_hours_have_three_digits_however_few_they_are(number: float, wanted: str) -> None:
    assert pages.hours(number) == wanted


@pytest.mark.parametrize(
    ("direction", "value", "wanted"),
    [("minimize", 2.0, 0.2), ("minimize", 2.3, -0.1), ("maximize", 2.3, 0.1), ("minimize", None, None)],
)
def test_a_gain_is_positive_when_better(direction: str, value: float | None, wanted: float | None) -> None:
    page = {"metric": {"direction": direction}}
    division = {"baseline": {"value": 2.2}}
    gain = pages.gain(page, division, value)
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
    assert pages.span(seconds) == text


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


def rows_of(swarm: Swarm) -> list[Any]:
    return [leaderboard.row(swarm.state.experiments[name]) for name in swarm.state.finished]


def test_without_a_terminal_each_verdict_is_a_line(swarm: Swarm) -> None:
    stream = io.StringIO()
    view = view_for(Limits(), stream, Watch())
    rows = rows_of(swarm)[:3]
    view.update(status(swarm), rows)
    view.update(status(swarm), [])
    view.close()
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == [row["experiment"] for row in rows]


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


def test_a_resumed_campaign_does_not_tell_its_whole_life(swarm: Swarm) -> None:
    stream = io.StringIO()
    rows = rows_of(swarm) * 20
    Lines(Limits(), stream, Watch()).update(status(swarm), rows)
    first, *shown = stream.getvalue().splitlines()
    assert first == f"… {len(rows) - 5} earlier verdicts"
    assert len(shown) == 5


def terminal() -> tuple[io.StringIO, Console]:
    stream = io.StringIO()
    return stream, Console(file=stream, force_terminal=True, width=120, legacy_windows=False)


def test_on_a_terminal_a_panel_shows_agents_and_leaves_only_verdicts(swarm: Swarm) -> None:
    stream, console = terminal()
    view = Panel(Limits(), console, Watch())
    page = status(swarm)
    page["agents"] = [
        {"id": "a1", "state": "training", "run": "e00007.1", "division": "cpu", "gpu": "", "progress": 0.5}
    ]
    view.update(page, rows_of(swarm)[:1])
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
def test_what_a_person_has_to_mend_is_said_while_it_runs_and_at_the_end(swarm: Swarm, in_panel: bool) -> None:
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
