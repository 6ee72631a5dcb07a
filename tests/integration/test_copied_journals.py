"""Copies of a journal: read with all that was acknowledged, or refused; never shown as less than it was."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from configs.errors import ConfigError
from coordinator.state.events import AgentLeft
from coordinator.store import journal as journal_module
from coordinator.store.journal import Entry, Journal
from coordinator.store.journal_database import UNFINISHED
from tests.integration.played_campaign import Player, played

FILES = ("journal.db", "journal.db-wal", "journal.db-shm")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    player = played(tmp_path_factory.mktemp("campaigns"))
    yield player
    player.service.close()


def copied(player: Player, place: Path, *names: str) -> Path:
    """A folder of campaigns with a copy of some files of this one."""
    there = place / "demo"
    there.mkdir(parents=True)
    for name in names:
        shutil.copy(player.layout.folder / name, there / name)
    return place


def status(campaigns: Path, *, modest: bool = False) -> "subprocess.CompletedProcess[str]":
    """What `autoswarm status` says of them. modest: as one who may write nothing there."""
    giving_up = ["setpriv", "--bounding-set=-dac_override,-fowner", "--inh-caps=-all"]
    before = giving_up if modest and os.getuid() == 0 else []
    if before and shutil.which("setpriv") is None:
        pytest.skip("root without setpriv cannot give up its rights")
    command = [sys.executable, "-m", "deploy.cli.main", "status", "--json", "--campaigns", str(campaigns)]
    return subprocess.run([*before, *command], capture_output=True, text=True, check=False)


def finished(page: "subprocess.CompletedProcess[str]") -> int:
    assert page.returncode == 0, page.stderr
    return int(json.loads(page.stdout)["runs"]["measured"])


@pytest.mark.parametrize("names", [FILES, FILES[:2]], ids=["all three", "without -shm"])
@pytest.mark.parametrize("modest", [False, True], ids=["writable", "read-only"])
def test_a_copy_with_its_wal_is_read_to_the_last_event(
    running: Player, tmp_path: Path, names: tuple[str, ...], modest: bool
) -> None:
    place = copied(running, tmp_path / "there", *names)
    if modest:
        for path in (*place.rglob("*"), place):
            path.chmod(0o555 if path.is_dir() else 0o444)
    page = status(place, modest=modest)
    for path in (place, place / "demo"):
        path.chmod(0o755)
    assert finished(page) == finished(status(running.layout.folder.parent)) == 7


@pytest.mark.parametrize("modest", [False, True], ids=["writable", "read-only"])
def test_a_copy_without_its_wal_is_refused_in_two_lines(
    running: Player, tmp_path: Path, modest: bool
) -> None:
    place = copied(running, tmp_path / "there", "journal.db")
    if modest:
        (place / "demo").chmod(0o555)
    page = status(place, modest=modest)
    (place / "demo").chmod(0o755)
    assert (page.returncode, page.stdout) == (3, "")
    what, remedy = page.stderr.splitlines()
    assert what.endswith("is a copy without its last part, journal.db-wal")
    assert "Copy journal.db-wal too" in remedy
    with pytest.raises(ConfigError, match="without its last part"):
        Journal.open(place / "demo" / "journal.db")  # nor does a coordinator go on from it


def test_an_empty_file_is_refused_as_such_and_not_as_one_of_a_newer_version(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "journal.db").touch()
    done = status(tmp_path)
    assert done.returncode == 3
    what, remedy = done.stderr.splitlines()
    assert "demo/journal.db is empty, 0 bytes" in what
    assert "move" in remedy
    assert "newer" not in done.stderr


def test_a_backup_made_by_sqlite_while_it_is_written_to_is_whole(running: Player, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    with (
        closing(sqlite3.connect(running.layout.journal)) as live,
        closing(sqlite3.connect(tmp_path / "demo" / "journal.db")) as copy,
    ):
        live.backup(copy)
    assert finished(status(tmp_path)) == 7


def test_a_lost_part_can_be_given_up_as_the_remedy_says(running: Player, tmp_path: Path) -> None:
    place = copied(running, tmp_path, "journal.db")
    with closing(sqlite3.connect(place / "demo" / "journal.db")) as connection:
        connection.execute("PRAGMA application_id = 0")
    page = status(place)
    assert page.returncode == 4
    what, remedy = page.stderr.splitlines()
    assert what.endswith("journal.db holds nothing")
    assert "copy journal.db-wal with it" in remedy


def joined(number: int) -> Entry:
    return Entry(float(number), AgentLeft(agent=f"a{number}", reason="done"))


def numbers(path: Path) -> int:
    with closing(Journal.read(path)) as journal:
        return sum(1 for _ in journal.entries())


def test_a_journal_is_written_into_its_database_now_and_then_and_says_that_this_is_not_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "WAL_BYTES", 3 * journal_module.WRITE_BYTES)
    (tmp_path / "copy").mkdir()
    path, copy = tmp_path / "journal.db", tmp_path / "copy" / "journal.db"
    with closing(Journal.open(path)) as journal:
        for number in range(10):
            journal.append([joined(number)])
        assert numbers(path) == 10
        shutil.copy(path, copy)
        with pytest.raises(ConfigError, match="without its last part"):
            Journal.read(copy)
        with closing(sqlite3.connect(copy)) as alone:  # most of it is there
            assert alone.execute("SELECT count(*) FROM events").fetchone()[0] in range(6, 10)
    shutil.copy(path, copy)
    assert numbers(copy) == 10


def test_a_journal_that_was_killed_while_it_was_written_into_its_database_goes_on(tmp_path: Path) -> None:
    killed = f"""
import os
from pathlib import Path
from coordinator.store.journal import Journal
from tests.integration.test_copied_journals import joined
journal = Journal.open(Path({str(tmp_path)!r}, "journal.db"))
journal.append([joined(1)])
journal._connection.execute("PRAGMA application_id = {UNFINISHED}")
journal._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
os._exit(9)
"""
    ended = subprocess.run([sys.executable, "-c", killed], check=False)
    assert ended.returncode == 9
    assert numbers(tmp_path / "journal.db") == 1
    with closing(Journal.open(tmp_path / "journal.db")) as journal:
        journal.append([joined(2)])
    assert numbers(tmp_path / "journal.db") == 2


def test_a_database_that_could_not_be_brought_up_to_date_is_by_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA application_id = {UNFINISHED}")
        raise sqlite3.OperationalError("database or disk is full")

    with closing(Journal.open(tmp_path / "journal.db")) as journal:
        monkeypatch.setattr(journal_module, "into_database", full)
        monkeypatch.setattr(journal_module, "WAL_BYTES", 0)
        journal.append([joined(1)])
        monkeypatch.setattr(journal_module, "WAL_BYTES", 1e9)
        journal.append([joined(2)])
    assert numbers(tmp_path / "journal.db") == 2
