"""What the benchmark of judging stands on: the build before, found and laid out, and memory seen from
outside.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.bench.builds import REFERENCE, build_before, newest_tag
from deploy.bench.one_run import proportional_bytes


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits, the first one tagged."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for text in ("old", "new"):
        (folder / "code.py").write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", text)
        if text == "old":
            git(folder, "tag", "v1")
    return folder


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    return subprocess.run(
        ["git", *who, "-C", str(folder), *words], capture_output=True, text=True, check=True
    ).stdout


def test_the_build_before_is_that_of_the_newest_tag(repository: Path, tmp_path: Path) -> None:
    build = build_before(tmp_path / "before", None, repository)
    assert build is not None
    assert (build.tree / "code.py").read_text() == "old"
    assert build.name == "v1"


def test_a_tag_on_this_very_commit_is_not_before_it(repository: Path) -> None:
    git(repository, "tag", "v2")
    assert newest_tag(repository) == "v1"


def test_a_commit_that_is_named_goes_before_a_tag(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD").strip()
    build = build_before(tmp_path / "before", commit, repository)
    assert build is not None
    assert (build.tree / "code.py").read_text() == "new"


def test_a_clone_without_its_history_has_no_build_before(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--no-tags", f"file://{repository}", str(clone))
    assert newest_tag(clone) == ""
    assert build_before(tmp_path / "before", None, clone) is None
    assert not (tmp_path / "before").exists()


def test_a_folder_that_is_no_repository_has_no_build_before(tmp_path: Path) -> None:
    assert build_before(tmp_path / "before", REFERENCE, tmp_path) is None


def test_memory_is_that_of_all_processes_below_and_the_judge_is_left_out() -> None:
    program = "x = bytearray(40_000_000); print(flush=True); input()"
    starts = [[sys.executable, "-c", program], [sys.executable, "-c", program, "evaluator.judging.judge"]]
    before, children = proportional_bytes(os.getpid()), []
    try:
        for command in starts:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            children.append(child)
            assert child.stdout is not None
            child.stdout.readline()
        assert 40e6 < proportional_bytes(os.getpid()) - before < 70e6
    finally:
        for child in children:
            child.communicate(b"\n")
