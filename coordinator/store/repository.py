"""A campaign's git repository. The only module that imports git.

- Bare. Every variant is a commit under ``refs/experiments/<id>``; ``best/<division>`` moves only to the
  commit of a merge.
- Commits are a function of their arguments (fixed author, given time), so one that was lost with a machine is
  made again with the same id.
- Objects are written before the journal speaks of them, refs after; ``align`` makes refs agree with the
  journal at every start.
"""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

os.environ.setdefault(
    "GIT_PYTHON_REFRESH", "quiet"
)  # without git, importing GitPython must not fail: it is said in words below

from git import Actor, Commit, Reference, Repo
from git.exc import GitCommandError, GitCommandNotFound, InvalidGitRepositoryError, ODBError
from git.objects.fun import tree_to_stream
from gitdb import IStream, LooseObjectDB
from gitdb.exc import BadName, BadObject

from configs.errors import ConfigError

AUTHOR = Actor("autoswarm", "autoswarm@localhost")
FILE_MODE = 0o100644


class Repository:
    """One surface file and its history."""

    def __init__(self, path: Path, surface: str) -> None:
        """Open the repository at ``path``, made if missing. Raises ConfigError without git or on a damaged
        folder.
        """
        self._surface = surface
        try:
            self._repo = Repo(path) if (path / "HEAD").exists() else Repo.init(path, bare=True)
        except GitCommandNotFound as error:
            raise ConfigError(
                "git is not installed", "Install it, for example with `apt-get install git`."
            ) from error
        except (InvalidGitRepositoryError, GitCommandError, OSError) as error:
            raise ConfigError(
                f"cannot use the repository {path}: {error}",
                "Check the folder's permissions, or restore it from a copy.",
            ) from error
        self._loose = LooseObjectDB(str(path / "objects"))
        self.path = path

    def commit(self, source: str, parents: list[str], message: str, at: float) -> str:
        """Write a commit whose tree is the surface alone, and return its id. at: seconds since the epoch,
        kept to the second.

        Written as a loose object in this process: asking git for it costs three processes and ten times as
        long.
        """
        tree = BytesIO()
        tree_to_stream([(self._store(b"blob", source.encode()), FILE_MODE, self._surface)], tree.write)
        who = f"{AUTHOR.name} <{AUTHOR.email}> {int(at)} +0000"
        lines = [
            f"tree {self._store(b'tree', tree.getvalue()).hex()}",
            *(f"parent {parent}" for parent in parents),
        ]
        lines += [f"author {who}", f"committer {who}"]
        return self._store(b"commit", "\n".join([*lines, "", message]).encode()).hex()

    def _store(self, kind: bytes, body: bytes) -> bytes:
        stored: bytes = self._loose.store(IStream(kind, len(body), BytesIO(body))).binsha
        return stored

    def has(self, commit: str) -> bool:
        """Whether the commit and its text are there."""
        try:
            self.source(commit)
        except (BadName, BadObject, ODBError, KeyError, ValueError):
            return False
        return True

    def source(self, commit: str) -> str:
        """Text of the surface at a commit. Raises gitdb.exc.BadName for one that is not there."""
        text: bytes = (self._repo.commit(commit).tree / self._surface).data_stream.read()
        return text.decode()

    def point(self, refs: Mapping[str, str]) -> None:
        """Let each ref (``refs/…``) point at its commit."""
        for name, commit in refs.items():
            Reference(self._repo, name).set_object(
                Commit(self._repo, bytes.fromhex(commit))
            )  # not looked up: it was written before

    def refs(self) -> dict[str, str]:
        """Every ref and its commit."""
        lines = self._repo.git.for_each_ref("--format=%(refname) %(objectname)").splitlines()
        return dict(line.split() for line in lines)

    def align(self, wanted: Mapping[str, str]) -> int:
        """Make our refs exactly ``wanted``; return how many had to change. Locks left by a killed process are
        removed first.
        """
        for lock in (self.path / "refs").rglob("*.lock"):
            lock.unlink(missing_ok=True)
        there = self.refs()
        wrong = {name: commit for name, commit in wanted.items() if there.get(name) != commit}
        extra = [name for name in there if name not in wanted]
        self.point(wrong)
        for name in extra:
            Reference.delete(self._repo, name)
        if (best := next((name for name in wanted if name.startswith("refs/heads/")), None)) is not None:
            self._repo.git.symbolic_ref("HEAD", best)
        self._repo.git.gc("--auto", "--quiet")
        return len(wrong) + len(extra)

    def diff(self, old: str, new: str) -> str:
        """Unified diff of the surface between two commits."""
        text: str = self._repo.git.diff(old, new, "--", self._surface)
        return text

    def close(self) -> None:
        """Let go of git's helper processes."""
        self._repo.close()
