"""Whoever uses a command wrongly is told what and what to do, in two lines, and -v is taken everywhere."""

import json
from pathlib import Path

import pytest
import rich_click as click
from click.testing import CliRunner, Result

from deploy.cli.main import ORDER, main

EMPTY = {"AUTOSWARM_CAMPAIGN__NAME": None}


def call(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={**EMPTY, **environment}).invoke(main, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize(("arguments", "what", "remedy"), [
    (["try"], "missing argument 'FILE|ID|best'", "autoswarm try [OPTIONS] FILE|ID|best"),
    (["try", "nosuch.py"], "'FILE|ID|best': File 'nosuch.py' does not exist", "autoswarm try --help"),
    (["status", "--nosuch"], "no such option '--nosuch'", "autoswarm status [OPTIONS] [CAMPAIGN]"),
    (["run", "--nwe", "demo"], "no such option '--nwe'", "Did you mean --new?"),
    (["leaderbord"], "no such command 'leaderbord'", "Did you mean leaderboard?"),
    (["config", "shwo"], "no such command 'shwo'", "Did you mean show?"),
    (["export", "--format", "xml"], "'xml' is not one of 'tsv', 'csv', 'jsonl'", "autoswarm export --help"),
    (["try", "--cores", "0", __file__], "0 is not in the range", "autoswarm try --help"),
    (["--nosuch", "status"], "no such option '--nosuch'", "autoswarm [OPTIONS] COMMAND"),
    (["hint", "more depth", "--clear"], "give TEXT, or --clear, not both", "autoswarm hint --help"),
    (["stop", "one", "two"], "got unexpected extra argument", "autoswarm stop [OPTIONS] [CAMPAIGN]"),
])  # fmt: skip
def test_wrong_usage_is_two_lines_and_exit_2(arguments: list[str], what: str, remedy: str) -> None:
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert what in first
    assert second.startswith("  do: ")
    assert remedy in second


def test_run_without_a_word_searches_nothing_and_says_what_to_run(tmp_path: Path) -> None:
    for more in ([], ["--dry-run"], ["--campaigns", str(tmp_path / "campaigns")]):
        result = call("run", *more)
        assert (result.exit_code, result.stdout) == (2, "")
        what, remedy = result.stderr.splitlines()
        assert "nothing says what to search" in what
        assert "`autoswarm demo`" in remedy
        assert "`autoswarm init`" in remedy
    assert not (tmp_path / "campaigns").exists()
    assert call("run", "--dry-run", AUTOSWARM_CAMPAIGN__NAME="night").exit_code == 0


def test_a_campaign_is_named_to_run_as_it_is_everywhere(tmp_path: Path) -> None:
    """Without a file, one that is there goes on with the configuration it has."""
    folder = tmp_path / "night"
    folder.mkdir()
    (folder / "config.yaml").write_text("campaign: {name: first, seed: 7}\n")
    where = ["--campaigns", str(tmp_path), "--json"]
    shown = json.loads(call("config", "show", "-c", "night", *where).stdout)["config"]["campaign"]
    assert (shown["name"], shown["seed"]) == ("night", 7)
    shown = json.loads(call("config", "show", "-c", "night", "campaign.seed=8", *where).stdout)["config"]
    assert shown["campaign"]["seed"] == 8
    shown = json.loads(call("config", "show", "demo", "-c", "night", *where).stdout)["config"]["campaign"]
    assert (shown["name"], shown["seed"]) == ("night", 1)
    result = call("run", "-c", "day", "--campaigns", str(tmp_path))
    assert (result.exit_code, "there is no campaign day here yet" in result.stderr) == (2, True)


@pytest.mark.parametrize("arguments", [
    ["config", "show", "nosuch"],
    ["config", "show", "campaign.sede=3"],
    ["config", "show", "campaign=3", "--json"],
    ["config", "show", "slots.count=none", "--origin"],
])  # fmt: skip
def test_config_show_says_any_error_in_two_lines(arguments: list[str]) -> None:
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    what, remedy = result.stderr.splitlines()
    assert what.startswith("error: ")
    assert remedy.startswith("  do: ")


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [path]
    return [leaf for name, below in command.commands.items() for leaf in leaves(below, (*path, name))]


def test_every_command_takes_v_behind_it() -> None:
    assert {path[0] for path in leaves(main)} == set(ORDER)
    for path in leaves(main):
        assert "no such option '--nosuch'" in call(*path, "-vv", "--nosuch").stderr
        assert "no such option '--nosuch'" in call(*path, "--verbose", "--nosuch").stderr


@pytest.mark.parametrize(("arguments", "shown"), [
    (["status", "nobody", "-vv"], True),
    (["-vv", "status", "nobody"], True),
    (["-v", "status", "-v", "nobody"], True),
    (["status", "-v", "nobody"], False),
    (["-v", "status", "nobody"], False),
])  # fmt: skip
def test_two_v_before_or_behind_a_command_show_the_traceback(
    arguments: list[str], shown: bool, tmp_path: Path
) -> None:
    assert ("Traceback" in call(*arguments, "--campaigns", str(tmp_path)).stderr) is shown
