"""`autoswarm hint` and `autoswarm propose` as a person types them, over a campaign that runs or does not."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from coordinator.domain import State
from deploy.cli.main import main
from tests.integration.played_campaign import Player, played

SOURCE = """\
try:
    from prepare import evaluate_bpb, make_dataloader
except ImportError:  # the played campaign knows no such module
    pass
evaluate_bpb(make_dataloader)
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Player]:
    player = played(tmp_path)
    yield player
    player.service.close()


@pytest.fixture
def ticking(running: Player) -> Iterator[Player]:
    """A coordinator that takes in what people leave."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.05):
            running.service.tick()

    thread = threading.Thread(target=tick)
    thread.start()
    yield running
    over.set()
    thread.join()


@pytest.fixture
def stopped(tmp_path: Path) -> Player:
    player = played(tmp_path)
    player.service.close()
    return player


def call(player: Player, *arguments: str | Path) -> Result:
    words = [str(argument) for argument in (*arguments, "--campaigns", player.layout.folder.parent)]
    return CliRunner().invoke(main, words, prog_name="autoswarm")


def read(player: Player, *arguments: str | Path) -> Any:
    result = call(player, *arguments, "--json")
    assert result.exit_code in (0, 1), result.stderr
    page = json.loads(result.stdout)
    assert page["schema"] == 1
    return page


def write(folder: Path, source: str) -> Path:
    path = folder / "mine.py"
    path.write_text(source, encoding="utf-8")
    return path


def test_a_hint_to_a_running_campaign_is_told(running: Player) -> None:
    result = call(running, "hint", "look at\x1b[2J the warm-up")
    assert result.exit_code == 0
    assert "every proposer is told with its next brief" in result.stderr
    assert [each["state"] for each in read(running, "hint")["hints"]] == ["waiting"]
    running.service.tick()
    assert [each["state"] for each in read(running, "hint")["hints"]] == ["told"]
    listed = call(running, "hint").stdout
    assert listed.startswith("told: look at")
    assert "\x1b" not in listed


def test_a_hint_waits_while_nothing_runs(stopped: Player) -> None:
    assert "waits for the next `autoswarm run`" in call(stopped, "hint", "look").stderr
    assert call(stopped, "hint").stdout == "waiting: look\n"


def test_hints_are_withdrawn(running: Player) -> None:
    call(running, "hint", "look")
    running.service.tick()
    assert "no proposer is told" in call(running, "hint", "--clear").stderr
    running.service.tick()
    result = call(running, "hint")
    assert (result.stdout, result.stderr) == ("", "no hint is in force\n")


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (("hint", "x" * 2001), 3, "2001 characters"),
    (("hint", "   "), 3, "the hint is empty"),
    (("hint", "x", "--clear"), 2, "not both"),
    (("hint", "x", "--campaign", "nowhere"), 4, "there is no campaign 'nowhere'"),
    (("propose", __file__), 2, "-m"),
    (("propose", __file__, "-m", " "), 2, "-m"),
    (("propose", __file__, "-m", "x", "--division", "H200"), 4, "there is no division 'H200'"),
    (("propose", "no/such/file.py", "-m", "x"), 2, "does not exist"),
])  # fmt: skip
def test_what_cannot_be_done_leaves_nothing_behind(
    running: Player, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = call(running, *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert not running.layout.inbox.exists()


@pytest.mark.parametrize(("source", "said"), [
    ("def (", "would be refused"),
    ("LR = 1\n", "never imports"),
    (f"import no_such_package\n{SOURCE}", "there is no package 'no_such_package'"),
])  # fmt: skip
def test_the_gate_is_asked_before_anything_is_left(
    running: Player, tmp_path: Path, source: str, said: str
) -> None:
    result = call(running, "propose", write(tmp_path, source), "-m", "an idea")
    assert result.exit_code == 3
    assert said in result.stderr
    assert not running.layout.inbox.exists()


def test_a_variant_is_accepted_while_the_campaign_runs(ticking: Player, tmp_path: Path) -> None:
    result = call(ticking, "propose", write(tmp_path, SOURCE), "-m", "the shipped one", "--wait", "30")
    assert (result.exit_code, result.stdout) == (
        0,
        "accepted as e00005; `autoswarm show e00005` says what becomes of it\n",
    )
    experiment = ticking.service.state.experiments["e00005"]
    assert (experiment.arm, experiment.title, experiment.state) == ("person", "the shipped one", State.QUEUED)
    assert call(ticking, "propose").stdout == "accepted as e00005: the shipped one\n"
    assert call(ticking, "show", "e00005").exit_code == 0


def test_a_refused_variant_is_told_why_and_stays_readable(ticking: Player, tmp_path: Path) -> None:
    path = write(tmp_path, SOURCE)
    call(ticking, "propose", path, "-m", "first", "--wait", "30")
    result = call(ticking, "propose", path, "-m", "second", "--wait", "30")
    assert (result.exit_code, result.stdout) == (1, "refused: the same program as e00005, which is queued\n")
    page = read(ticking, "propose")["proposals"]
    assert [(each["state"], each["experiment"], each["title"]) for each in page] == [
        ("accepted", "e00005", "first"),
        ("refused", "e00005", "second"),
    ]
    assert "refused: second: the same program as e00005, which is queued" in call(ticking, "propose").stdout
    assert read(ticking, "propose", path, "-m", "third", "--wait", "30")["state"] == "refused"


def test_a_variant_waits_while_nothing_runs(stopped: Player, tmp_path: Path) -> None:
    for title in ("first", "second"):
        result = call(stopped, "propose", write(tmp_path, SOURCE), "-m", title)
        assert (result.exit_code, result.stdout) == (0, "it waits for the next `autoswarm run`\n")
    assert call(stopped, "propose").stdout == "waiting: first\nwaiting: second\n"


def test_a_variant_that_nobody_takes_in_time_is_said_to_lie_there(running: Player, tmp_path: Path) -> None:
    result = call(running, "propose", write(tmp_path, SOURCE), "-m", "first", "--wait", "0.1")
    assert result.exit_code == 0
    assert "has not taken it yet" in result.stdout


def test_show_says_what_an_experiment_mends(running: Player) -> None:
    page = read(running, "show", "e00003")
    assert (page["failure"], page["repairs"], page["repaired"], page["delta"]) == (
        "exception",
        None,
        None,
        None,
    )
    assert read(running, "show", "e00002")["delta"] == pytest.approx(-0.195)
    assert "repairs" not in call(running, "show", "e00003").stdout
