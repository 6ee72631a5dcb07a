"""A folder full of packages and modules with names of ours, of installed ones and of Python's own: no command
is another one there.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.played_campaign import played
from trainer.process.environment import ROOT

PACKAGES = ("agents", "configs", "coordinator", "deploy", "evaluator", "trainer", "tests", "rich")
MODULES = (
    *("torch", "ray", "yaml", "logging", "click", "rich_click", "msgspec", "numpy", "json", "typing"),
    *("signal", "subprocess", "sqlite3", "random", "pathlib", "email"),
)
SILENT = ("re", "runpy", "sitecustomize")
"""Asked for by Python or by pip's script before any code of ours: those must not fail. `python -m` itself
needs some more (contextlib, collections, types), and cannot be started in a folder that has them.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project."""
    folder = tmp_path / "my project ü"
    folder.mkdir()
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('{name} of mine')\n")
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"raise RuntimeError('{name} of mine')\n")
    for name in SILENT:
        (folder / f"{name}.py").write_text("mine = True\n")
    return folder


SCRIPT = """import re
import sys
from autoswarm.__main__ import main
sys.argv[0] = re.sub("x", "y", "x")
main()
"""
"""What pip makes of an entry point."""

STARTS = {
    "the script": ["{script}"],
    "python -m": ["-m", "autoswarm"],
    "python -m without the folder": ["-P", "-m", "autoswarm"],
}


def start(
    project: Path, words: list[str], *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    script = project.parent / "bin" / "autoswarm"
    script.parent.mkdir(exist_ok=True)
    script.write_text(SCRIPT)
    command = [sys.executable, *(word.format(script=script, root=ROOT) for word in words), *arguments]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=project, env=clean | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("path", [None, ".", "{project}", "{project}:{root}", ":/nowhere"])
def test_no_command_is_another_one(project: Path, words: list[str], path: str | None) -> None:
    played(project / "campaigns").service.close()
    named = {} if path is None else {"PYTHONPATH": path.format(project=project, root=ROOT)}
    ran = start(project, words, "status", "--json", PYTHONSTARTUP=str(project / "torch.py"), **named)
    assert ran.returncode == 0, ran.stderr
    assert '"campaign":"demo"' in ran.stdout.replace(" ", "")


CHILD = "import logging, yaml, configs; print(logging.__file__, configs.__file__)"
PARENT = f"""
import autoswarm.__main__
import subprocess, sys
print(subprocess.run([sys.executable, "-P", "-c", "{CHILD}"], capture_output=True, text=True))
"""


def test_children_get_the_order_too(project: Path) -> None:
    ran = start(project, ["-P", "-c", PARENT], PYTHONPATH=str(project))
    assert ran.returncode == 0, ran.stderr
    assert "of mine" not in ran.stdout
    assert f"{ROOT}/configs/__init__.py" in ran.stdout


def test_a_terminal_without_our_letters_ends_no_command(project: Path) -> None:
    played(project / "campaigns").service.close()
    ran = start(project, ["-m", "autoswarm"], "leaderboard", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ran.returncode == 0, ran.stderr
    assert "?" in ran.stdout


def test_closed_streams_are_opened_on_nothing(project: Path) -> None:
    played(project / "campaigns").service.close()
    page = project / "page.json"
    words = f"{sys.executable} -m autoswarm status --json"
    for shell in (f"{words} > page.json <&- 2>&-", f"{words} <&- >&- 2>&-"):
        ran = subprocess.run(["sh", "-c", shell], cwd=project, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    assert page.read_text().startswith("{")


def test_a_folder_that_is_gone_is_said_in_two_lines(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m autoswarm status"
    ran = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    assert (
        ran.stderr == "error: the folder this is typed in is not there any more\n  do: Go to another: `cd`.\n"
    )


@pytest.mark.parametrize("name", ["", "two words"])
def test_init_prints_a_command_that_works_in_the_folder_it_was_typed_in(tmp_path: Path, name: str) -> None:
    ran = start(tmp_path, ["-m", "autoswarm"], "init", *([name] if name else []), PATH="/usr/bin:/bin")
    command = ran.stderr.partition("then: ")[2].strip()
    assert command.endswith("run autoswarm.yaml")
    tried = subprocess.run(
        ["sh", "-c", f"{command} --dry-run trust.allow_untrusted=if_needed"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr
    assert "mine, new" in tried.stdout.replace("\n", "")
