"""Every page fits the terminal it is shown on, and what is told by it is still there where that is narrow."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from coordinator.views.leaderboard import rows
from deploy.campaigns.open import Follower, open_campaign
from deploy.cli.campaign_run import last_page
from deploy.cli.main import main
from deploy.views.leaderboard import closing
from deploy.views.live import Limits, Lines, Panel, verdict, view_for
from tests.integration.campaign_pages import _with_money
from tests.integration.finished_campaign import finished
from tests.integration.played_campaign import played

WIDTHS = (160, 100, 80, 60, 40)
LONG = "EMBEDDING_STD 0.02 → 0.023, BATCH_SIZE 16 → 4"
PAGES = {
    "list": ("list",),
    "status": ("status", "demo"),
    "status of several divisions": ("status", "money"),
    "status of a search": ("status", "night"),
    "leaderboard": ("leaderboard", "demo"),
    "leaderboard of several divisions": ("leaderboard", "money"),
    "leaderboard of a search": ("leaderboard", "night"),
    "arms": ("arms", "demo"),
    "arms with money": ("arms", "money"),
    "show": ("show", "best", "demo"),
    "show a crash": ("show", "e3", "demo"),
    "show a baseline": ("show", "baseline", "money"),
    "show one that waits": ("show", "e3", "night"),
    "calls": ("calls", "money"),
    "one call": ("calls", "c1", "money"),
    "try": ("try", "best", "night"),
    "reproduce": ("reproduce", "best", "night"),
    "plan": ("demo", "--dry-run"),
    "configuration": ("config", "show", "demo", "--origin", "--explain"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("campaigns")
    player = played(made, "demo")
    player.service.close()
    _with_money(made)
    finished(made, "night")
    return made


def page(folder: Path, words: tuple[str, ...], width: int) -> str:
    arguments = [*words] if words[0] == "config" else [*words, "--campaigns", str(folder)]
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def too_wide(text: str, width: int) -> list[str]:
    return [line for line in text.splitlines() if cell_len(line.rstrip()) > width]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_wide_as_the_terminal(folder: Path, name: str, width: int) -> None:
    text = page(folder, PAGES[name], width)
    assert text.strip()
    assert "\x1b" not in text
    assert too_wide(text, width) == []


def test_a_list_of_80_columns_has_all_that_is_asked_for_first(folder: Path) -> None:
    head = page(folder, ("list",), 80).splitlines()[0]
    names = ["campaign", "state", "experiments", "best", "on base", "spent", "last event (UTC)"]
    assert " ".join(head.split()) == " ".join(names)


def words_of(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [80, 60])
def test_a_narrow_leaderboard_keeps_titles_values_and_the_gain_on_the_best(folder: Path, width: int) -> None:
    head, *lines = page(folder, ("leaderboard", "night"), width).splitlines()
    assert [word in head for word in ("experiment", "val_bpb", "on best", "title")] == [True] * 4
    assert ("on base" in head) is (width == 80)
    text = words_of("\n".join(lines))
    for shown in ("e00001", "e00002", "WIDTH", "64", "96", "48", "0.9680"):
        assert shown in text
    assert "audit" not in head


@pytest.mark.parametrize("width", [80, 60, 40])
def test_a_narrow_status_page_says_everything_a_wide_one_says(folder: Path, width: int) -> None:
    facts = words_of(page(folder, ("status", "demo"), width)).partition("agent")[0]
    wide = words_of(page(folder, ("status", "demo"), 160)).partition("agent")[0]
    narrow = set(facts.split())
    assert [
        word for word in wide.partition(" arm ")[0].split() if len(word) < 20 and word not in narrow
    ] == []


@pytest.mark.parametrize("width", [None, 160, 80, 60, 40])
def test_a_verdict_keeps_its_reason_and_both_gains(folder: Path, width: int | None) -> None:
    layout, state = open_campaign("demo", folder)
    status = Follower(layout).status(0.0)
    (row,) = [row for row in rows(state) if row.experiment == "e00002"]
    lines = verdict(status, row, width)
    text = " ".join(line.strip() for line in lines)
    assert row.reason in text
    assert "-12.2 σ on base" in words_of(text)
    assert "-23.9 σ on best" in words_of(text)
    assert "=LR 0.01 → 0.02" in text
    assert too_wide("\n".join(lines), width or 1000) == []
    assert (len(lines) > 1) is (width is not None and width < 160)
    if width == 80:
        assert lines[-1].strip() == row.reason


def test_what_is_rejected_is_never_shown_as_only_better(folder: Path) -> None:
    """Better than the baseline, worse than the best: both are said, and which is which."""
    board = {row["experiment"]: row for row in _rows(folder)}
    first = board["e00001"]
    assert (first["state"], first["gain_over_best"] < 0) == ("rejected", True)
    shown = words_of(page(folder, ("show", "e1", "night"), 160))
    assert re.search(r"gain [+-]\d+\.\d σ on base, -\d+\.\d σ on best", shown)
    head = page(folder, ("leaderboard", "night"), 160).splitlines()[0]
    assert "on base  on best" in head


def _rows(folder: Path) -> list[dict[str, Any]]:

    result = CliRunner().invoke(main, ["leaderboard", "night", "--json", "--campaigns", str(folder)])
    answer: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return answer


@pytest.mark.parametrize("width", WIDTHS)
def test_the_closing_summary_fits(folder: Path, width: int) -> None:
    layout, _ = open_campaign("night", folder)
    stream = io.StringIO()
    status, board, bests = last_page(layout, 2e9)
    console = Console(file=stream, width=width, highlight=False, markup=False)
    console.print(closing(status, board, bests, layout, min(width, 100)))
    assert too_wide(stream.getvalue(), width) == []
    assert "baseline 1.0036" in words_of(stream.getvalue())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_panel_of_a_run_fits(folder: Path, width: int) -> None:
    layout, state = open_campaign("demo", folder)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, height=50, legacy_windows=False)
    view = Panel(Limits(experiments=40, minutes=3), console, lambda: 0.0)
    view.warn("arm x is stopped: " + "long words " * 9)
    view.update(Follower(layout).status(0.0), rows(state))
    view.close()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "\n")
    assert too_wide(plain, width) == []


# ---------------------------------------------------------------------- plain terminals and pipes


def typed(folder: Path, *words: str, **environ: str) -> str:
    """What a command shows on a terminal of 80 columns."""
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "deploy.cli.main", *words, "--campaigns", str(folder)]
    with subprocess.Popen(
        command, stdout=child, stderr=child, stdin=child, env=os.environ | {"COLUMNS": "80"} | environ
    ) as process:
        os.close(child)
        text = b"".join(_pieces(parent)).decode()
    os.close(parent)
    assert process.returncode == 0, text
    return text


def _pieces(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # nobody holds the other end any more
            return
        if not piece:
            return
        yield piece


def test_a_dumb_terminal_gets_no_escape(folder: Path) -> None:
    for words in (("status", "demo"), ("show", "best", "demo"), ("list",)):
        text = typed(folder, *words, TERM="dumb")
        assert "\x1b" not in text
        assert too_wide(text, 80) == []


def test_no_color_means_no_color(folder: Path) -> None:
    text = typed(folder, "leaderboard", "demo", TERM="xterm-256color", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*\b(3[0-7]|4[0-7]|9[0-7]|38|48)\b", text)


def test_a_terminal_has_color_and_a_dumb_one_lines_while_it_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[" in typed(folder, "leaderboard", "demo", TERM="xterm-256color")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view_for(Limits(), Terminal()), Lines)
    monkeypatch.setenv("TERM", "xterm")
    view = view_for(Limits(), Terminal())
    assert isinstance(view, Panel)
    view.close()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_without_the_letters_gets_every_page_and_a_program_gets_utf_8(
    folder: Path, encoding: str
) -> None:
    """σ and → are no letters of these."""
    for words in (
        ("status", "demo"),
        ("show", "best", "demo"),
        ("leaderboard", "demo"),
        ("show", "e99", "demo"),
    ):
        command = [sys.executable, "-m", "deploy.cli.main", *words, "--campaigns", str(folder)]
        ran = subprocess.run(
            command, capture_output=True, check=False, env=os.environ | {"PYTHONIOENCODING": encoding}
        )
        assert ran.returncode == (4 if "e99" in words else 0), ran.stderr
        assert ran.stdout.decode(encoding) or "e99" in words
    for written in (["leaderboard", "demo", "--json"], ["export", "demo", "--format", "jsonl"]):
        command = [sys.executable, "-m", "deploy.cli.main", *written, "--campaigns", str(folder)]
        ran = subprocess.run(
            command, capture_output=True, check=True, env=os.environ | {"PYTHONIOENCODING": encoding}
        )
        assert "DEPTH 6 → 7" in ran.stdout.decode()


# ---------------------------------------------------------------------- the same for programs


def no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


@pytest.mark.parametrize("name", [name for name in PAGES if name != "plan"])
def test_every_page_has_an_answer_in_json(folder: Path, name: str) -> None:
    """One document, and nothing else on stdout; NaN and infinities are no JSON."""
    words = [word for word in PAGES[name] if word not in ("--origin", "--explain")]
    where = [] if words[0] == "config" else ["--campaigns", str(folder)]
    result = CliRunner().invoke(main, [*words, "--json", *where])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout, parse_constant=no_number)
    assert answer["schema"] == 1


UNITS = ("_usd", "_seconds", "_sigmas", "_hours", "_tokens", "_bytes", "_at", "_bpb")
COUNTS = {"schema", "experiments", "runs", "seed", "blocks"}
IN_THE_METRIC = {"value", "gain", "board_value", "sigma", "difference", "baseline"}
"""The metric has a name of its own, and no other unit."""


@pytest.mark.parametrize("name", ["list", "reproduce"])
def test_a_number_of_a_new_page_says_its_unit(folder: Path, name: str) -> None:
    result = CliRunner().invoke(main, [*PAGES[name], "--json", "--campaigns", str(folder)])
    numbers = set(_numbers("", json.loads(result.stdout)))
    assert len(numbers) > 5
    assert [
        key for key in numbers if key not in COUNTS | IN_THE_METRIC | {"seconds"} and not key.endswith(UNITS)
    ] == []


def _numbers(key: str, tree: object) -> Iterator[str]:
    match tree:
        case dict():
            for name, value in tree.items():
                yield from _numbers(str(name), value)
        case list():
            for value in tree:
                yield from _numbers(key, value)
        case bool():
            return
        case int() | float():
            yield key
