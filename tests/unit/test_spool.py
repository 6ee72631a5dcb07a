"""The spool's files: order, names, and what is not a whole result. A process that is killed:
tests/integration/test_spool_survives_a_kill.py.
"""

from pathlib import Path

import pytest

from agents.spool import Spool, Spooled
from coordinator.protocol import Token
from evaluator.result import Crashed, CrashKind, Measured, RunResult


def result(run: str = "run1", value: float = 1.0) -> RunResult:
    return RunResult(run=run, outcome=Measured(value), seed=1)


def test_what_is_put_comes_back_until_it_is_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    crash = RunResult(
        run="run1",
        outcome=Crashed(CrashKind.EXCEPTION, "boom ü"),
        seed=3,
        details={"note": "x", "share": 0.5},
    )
    spool.put(Token(1, 7), crash, gap=0.25)
    assert list(Spool(tmp_path)) == [Spooled(Token(1, 7), crash, 0.25)]
    spool.remove(Token(1, 7), "run1")
    assert list(Spool(tmp_path)) == []


def test_removing_twice_is_harmless(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.remove(Token(1, 1), "never")
    assert list(spool) == []


def test_the_oldest_lease_comes_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for token in (Token(2, 11), Token(1, 9), Token(10, 12), Token(1, 10)):
        spool.put(token, result())
    assert [spooled.token for spooled in spool] == [Token(1, 9), Token(1, 10), Token(2, 11), Token(10, 12)]


@pytest.mark.parametrize(
    "run", ["../../etc/passwd", "a/b", "", ".", "-rf", "ü" * 300, "x\0y", "new\nline", "run.part"]
)
def test_any_run_id_stays_inside_the_folder_and_keeps_its_name(tmp_path: Path, run: str) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(Token(1, 1), result(run))
    assert [spooled.result.run for spooled in Spool(tmp_path / "spool")] == [run]
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]
    spool.remove(Token(1, 1), run)
    assert list((tmp_path / "spool").iterdir()) == []


def test_putting_the_same_result_again_replaces_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(Token(1, 1), result(value=1.0))
    spool.put(Token(1, 1), result(value=2.0))
    assert [spooled.result.outcome for spooled in spool] == [Measured(2.0)]


def test_half_written_files_are_ignored_and_removed(tmp_path: Path) -> None:
    Spool(tmp_path).put(Token(1, 1), result())
    (tmp_path / "000000000001-000000000002-run2.part").write_bytes(b'{"token": {"epo')
    assert [spooled.token for spooled in Spool(tmp_path)] == [Token(1, 1)]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"\xff\xfe", b'{"token": {"epoch": 1}}', b"[" * 5000]
)
def test_an_unreadable_file_is_moved_aside_and_blocks_nothing(tmp_path: Path, content: bytes) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "000000000000-000000000001-bad.json").write_bytes(content)
    spool.put(Token(1, 1), result())
    assert [spooled.token for spooled in spool] == [Token(1, 1)]
    assert [path.read_bytes() for path in tmp_path.glob("*.corrupt")] == [content]
    assert len(list(spool)) == 1


def test_a_result_removed_while_others_are_read_is_skipped(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for counter in (1, 2):
        spool.put(Token(1, counter), result(f"run{counter}"))
    runs = []
    for spooled in spool:
        runs.append(spooled.result.run)
        spool.remove(Token(1, 2), "run2")
    assert runs == ["run1"]
