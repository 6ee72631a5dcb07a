"""This build and one before it, laid out beside it: the same errand is run by the code of either."""

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coordinator.store.git_command import GitError, run_git
from deploy.bench.one_run import Errand, RunFacts
from trainer.process.environment import ROOT

REFERENCE = "e02c7059f11a"
"""The last build in which a variant stayed beside its twin, what this one's costs are held against; used
where no release is tagged.
"""
WORKER = Path(__file__).with_name("one_run.py")
RUN_SECONDS = 300.0
"""For one run, its start and its end."""


class Runner(Protocol):
    """Makes runs."""

    def run(self, errand: Errand) -> RunFacts:
        """One. Raises RuntimeError where there is no result."""
        ...


class Build(Struct, frozen=True):
    """A tree whose code is run."""

    name: str
    """What a reader is to call it."""

    tree: Path

    folder: Path
    """Its own, for data and runs."""

    def run(self, errand: Errand) -> RunFacts:
        """Make a run with this build, in this build's folder and a process of its own. Raises RuntimeError
        with the last line it said where there is no result.
        """
        ran = subprocess.run(
            [sys.executable, "-P", str(WORKER)],
            input=msgspec.json.encode(replace(errand, folder=str(self.folder))),
            capture_output=True,
            env=os.environ | {"PYTHONPATH": str(self.tree)},
            cwd="/",
            timeout=RUN_SECONDS,
            check=False,
        )
        if ran.returncode != 0:
            words = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"{errand.name} of {self.tree}: {words[0] if words else 'it said nothing'}")
        return msgspec.json.decode(ran.stdout, type=RunFacts)


def this_build(folder: Path) -> Build:
    """The one that is running. folder: made."""
    return Build("this build", ROOT, _made(folder))


def build_before(folder: Path, commit: str | None, root: Path = ROOT) -> Build | None:
    """The build at ``commit``, its files laid out in ``folder``; None where the repository does not hold it.

    commit: None takes the newest tag before this commit, else ``REFERENCE``. root: of the repository.
    """
    commit = commit or newest_tag(root) or REFERENCE
    archive = _git(root, "archive", "--format=tar", commit)
    if archive is None:
        return None
    tree = _made(folder) / "tree"
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(tree, filter="data")
    return Build(commit[:12], tree, folder)


def newest_tag(root: Path) -> str:
    """The nearest tag on a commit before this one; empty where there is none."""
    tag = _git(root, "describe", "--tags", "--abbrev=0", "HEAD^")
    return "" if tag is None else tag.decode().strip()


def _git(root: Path, *words: str) -> bytes | None:
    """What git says; None where it fails or is not there."""
    try:
        return run_git(root / ".git", *words)
    except GitError:
        return None


def _made(folder: Path) -> Path:
    """The folder, open for a variant's uid to pass through: its code may lie below."""
    folder.mkdir(mode=0o711)
    return folder
