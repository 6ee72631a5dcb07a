"""What is hidden from a coding agent's command, and the line that hides it."""

from pathlib import Path

import pytest

from agents.proposers.command.confinement import AS_ANYBODY, Confinement, hidden_now, in_the_way
from agents.proposers.command.make_command import make
from agents.proposers.contract import Materials
from configs.arms import Command
from configs.errors import ConfigError
from configs.load import load
from configs.schema import Config
from deploy.wiring import hidden_from_programs

CONFINEMENT = Confinement("/usr/bin/bwrap", AS_ANYBODY)


def test_folders_are_covered_by_nothing_and_files_by_an_empty_one(tmp_path: Path) -> None:
    data, keys, own = tmp_path / "data", tmp_path / ".env", tmp_path / "own"
    data.mkdir()
    keys.touch()
    line = CONFINEMENT.wrapped(["/bin/agent", "-x"], [data, keys], own, own / "experiment")
    words = " ".join(line)
    order = [
        "--bind / /",
        f"--tmpfs {data}",
        f"--ro-bind /dev/null {keys}",
        f"--bind {own} {own}",
        f"--chdir {own}/experiment",
        '-- /bin/sh -c exec "$@" sh /bin/agent -x',
    ]
    assert [words.index(part) for part in order] == sorted(words.index(part) for part in order)
    assert line[-2:] == ["/bin/agent", "-x"]


def test_a_view_has_processes_of_its_own_and_the_machine_s_network() -> None:
    line = CONFINEMENT.wrapped(["true"], [], Path("/own"), Path("/own"))
    assert {"--unshare-pid", "--die-with-parent"} <= set(line)
    assert "--unshare-net" not in line
    assert line[line.index("--cap-drop") + 1] == "ALL"


def test_only_what_is_there_is_hidden_where_it_really_is_and_once(tmp_path: Path) -> None:
    outer, linked = tmp_path / "outer", tmp_path / "linked"
    (outer / "inner").mkdir(parents=True)
    linked.symlink_to(outer)
    assert hidden_now([tmp_path / "absent", linked, outer / "inner", outer]) == [outer.resolve()]


@pytest.mark.parametrize(
    ("needed", "covered"),
    [("data/bin/agent", True), ("data", True), ("database/agent", False), ("link/agent", True)],
)
def test_what_a_command_needs_is_looked_for_in_what_is_hidden(
    tmp_path: Path, needed: str, covered: bool
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "link").symlink_to(data)
    expected = (tmp_path / needed, data) if covered else None
    assert in_the_way([data], [Path("/bin/sh"), tmp_path / needed]) == expected


def test_an_arm_is_confined_unless_it_says_otherwise(tmp_path: Path) -> None:
    arm = Command(name="coder", template="codex")
    assert not arm.unconfined
    file = tmp_path / "mine.yaml"
    file.write_text("arms: [{name: coder, proposer: command, template: codex, unconfined: true}]")
    (opened,) = load([file], [], {}).config.arms
    assert isinstance(opened, Command)
    assert opened.unconfined


def test_only_what_runs_a_program_can_be_unconfined(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("arms: [{name: a, proposer: search, unconfined: true}]")
    with pytest.raises(ConfigError, match="unconfined"):
        load([file], [], {})


def test_campaigns_and_data_are_hidden_whatever_folder_an_agent_lives_in() -> None:
    config = Config(campaigns_dir="mine/campaigns", data_dir="/big/data")
    assert hidden_from_programs(config) == [str(Path("mine/campaigns").absolute()), "/big/data"]


def test_a_proposer_is_made_with_what_it_is_to_hide() -> None:
    """Closed without a word about it, too."""
    proposer = make(Command(name="coder", template="codex"), Materials(hidden=["/data"]))
    assert "/data" in repr(vars(proposer)["_order"])
    assert "unconfined=False" in repr(vars(proposer)["_order"])
