"""A campaign's git repository, a copy of what the journal holds that any git can read.

- Bare. Every variant is a commit under ``refs/experiments/<id>``; ``best/<division>`` moves only to the
  commit of a merge. Branches and tags of other names are a person's, and stay.
- Everything in it can be made again from the journal, so what is broken is removed, and what cannot be is
  said with that remedy.
"""

import logging
import os
import re
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from configs.errors import ConfigError
from coordinator.store.git_command import GitError, GitMissingError, GitProcess, make_repository, run_git
from coordinator.store.git_objects import NewCommit, write_object

log = logging.getLogger(__name__)

OURS = ("refs/experiments/", "refs/heads/best/")
"""What the names of our refs begin with."""

REF = re.compile(rb"[0-9a-f]{40}\n?|ref: \S+\n?")
"""Content of a ref's file."""

FORMAT = re.compile(r"^\s*(objectformat|refstorage)\s*=\s*(\S+)", re.IGNORECASE | re.MULTILINE)
FORMATS = {"objectformat": "sha1", "refstorage": "files"}
"""What is written here."""


class RepositoryError(ConfigError):
    """The repository cannot be used, or not be kept in agreement with the journal. Exit code 3."""


class Repository:
    """One surface file and its history. Not thread-safe."""

    def __init__(self, path: Path, surface: str) -> None:
        """Open the repository at ``path``, made if missing. Raises RepositoryError without git, and where the
        folder is somebody else's, of another format, or damaged.
        """
        self.path = path
        self._surface = surface
        self._texts = GitProcess(path, "cat-file", "--batch")
        self._updates = GitProcess(path, "update-ref", "--stdin")
        self._has_head = False
        self.open()

    def open(self) -> None:
        """Make what is missing of it. Raises RepositoryError."""
        require_usable(self.path)
        try:
            self._drop_remains()
            if not _is_whole(self.path):
                make_repository(self.path, bare=True)
            self.refs()
        except OSError as error:
            raise _unusable(self.path, error) from error

    def store(self, commit: NewCommit) -> None:
        """Write a commit and its text. Raises RepositoryError."""
        try:
            for made in commit.objects:
                write_object(self.path / "objects", made)
        except OSError as error:
            raise _unusable(self.path, error) from error

    def has(self, commit: str) -> bool:
        """Whether the commit and its text are there."""
        try:
            self.source(commit)
        except (KeyError, GitError):
            return False
        return True

    def source(self, commit: str) -> str:
        """Text of the surface at a commit. Raises KeyError for one that is not there, GitError for one that
        is damaged.
        """
        self._texts.ask(f"{commit}:{self._surface}\n".encode())
        words = self._texts.line().split()
        if words[-1:] == ["missing"] or words[1:2] != ["blob"]:
            if words[:1] in (["error:"], ["fatal:"]):  # what else it says would be taken for the next answer
                self._texts.close()
            raise KeyError(commit)
        return self._texts.content(int(words[2]) + 1)[:-1].decode()

    def refs(self) -> dict[str, str]:
        """Every ref and its commit. Raises GitError."""
        lines = run_git(self.path, "for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines()
        return dict(line.split() for line in lines)

    def point(self, refs: Mapping[str, str]) -> None:
        """Let each ref (``refs/…``) point at its commit: all of them or none. Raises RepositoryError."""
        try:
            self._update(f"update {name} {commit}" for name, commit in refs.items())
            best = next((name for name in refs if name.startswith("refs/heads/")), None)
            if best is not None and not self._has_head:  # what a clone shows
                run_git(self.path, "symbolic-ref", "HEAD", best)
                self._has_head = True
        except OSError as error:
            raise _unusable(self.path, error) from error

    def align(self, wanted: Mapping[str, str]) -> int:
        """Make our refs exactly ``wanted``; return how many had to change. Raises RepositoryError."""
        try:
            there = self.refs()
            wrong = {name: commit for name, commit in wanted.items() if there.get(name) != commit}
            extra = [name for name in there if name not in wanted and name.startswith(OURS)]
            self._update(f"delete {name}" for name in extra)  # first: one may be where another's folder goes
            self.point(wrong)
            if (best := next((name for name in wanted if name.startswith("refs/heads/")), None)) is not None:
                run_git(self.path, "symbolic-ref", "HEAD", best)
                self._has_head = True
        except OSError as error:
            raise _unusable(self.path, error) from error
        self._tidy()
        return len(wrong) + len(extra)

    def _tidy(self) -> None:
        try:
            run_git(self.path, "gc", "--auto", "--quiet")
        except GitError as error:  # only larger for it
            log.warning("git cannot tidy up", extra={"error": str(error)})

    def check(self) -> None:
        """Raises RepositoryError unless every ref's commit, and all that leads to it, is there."""
        try:
            run_git(self.path, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
        except OSError as error:
            raise _unusable(self.path, error) from error

    def close(self) -> None:
        """Let go of git's processes."""
        self._texts.close()
        self._updates.close()

    def _update(self, lines: Iterable[str]) -> None:
        """Change refs in one transaction. Raises GitError."""
        changes = list(lines)
        if not changes:
            return
        self._updates.ask("".join(f"{line}\n" for line in ("start", *changes, "commit")).encode())
        for step in ("start", "commit"):
            if (answer := self._updates.line()) != f"{step}: ok":
                self._updates.close()
                raise GitError(answer.removeprefix("fatal: ").removeprefix("error: "))

    def _drop_remains(self) -> None:
        """Remove what a process that was killed, or a power cut, left: locks, and files of refs with nothing
        in them.
        """
        for lock in [*self.path.glob("*.lock"), *(self.path / "refs").rglob("*.lock")]:
            lock.unlink(missing_ok=True)
        for ref in [self.path / "HEAD", *(self.path / "refs").rglob("*")]:
            if ref.is_file() and not REF.fullmatch(ref.read_bytes()):
                ref.unlink()


def require_usable(path: Path) -> None:
    """Look at a repository, without a change, for what opening it would not put right: it is somebody else's,
    of another format, or what git reads first is damaged. Raises RepositoryError.
    """
    try:
        if path.exists() and not path.is_dir():
            raise GitError("it is not a folder")
        _require_own(path)
        _require_format(path)
        if _is_whole(path) and REF.fullmatch((path / "HEAD").read_bytes()):
            run_git(path, "for-each-ref", "--format=%(refname)")
    except OSError as error:
        raise _unusable(path, error) from error


def _require_own(path: Path) -> None:
    """Raises RepositoryError where the folder belongs to another user than what we make beside it: git
    refuses such a repository, and what we write in it would be in that user's way.
    """
    if not path.exists():
        return
    with tempfile.TemporaryFile(dir=path.parent) as ours:
        mine = os.fstat(ours.fileno()).st_uid
    theirs = {part.stat().st_uid for part in (path, *_parts(path)) if part.exists()} - {mine}
    if theirs:
        raise RepositoryError(
            f"{path} belongs to another user (uid {min(theirs)}; this is uid {mine})",
            f"Start as that user, or give it to yourself: `chown -R {mine} {shlex.quote(str(path))}`.",
        )


def _require_format(path: Path) -> None:
    with suppress(FileNotFoundError):
        text = (path / "config").read_text(encoding="utf-8", errors="replace")
        for key, value in FORMAT.findall(text):
            if value.lower() != FORMATS[key.lower()]:
                raise GitError(f"it is in the format {key} = {value}, not {FORMATS[key.lower()]}")


def _parts(path: Path) -> list[Path]:
    return [path / name for name in ("HEAD", "config", "objects", "refs")]


def _is_whole(path: Path) -> bool:
    return all(part.exists() and (part.is_dir() or part.stat().st_size) for part in _parts(path))


def _unusable(path: Path, error: OSError) -> RepositoryError:
    if isinstance(error, GitMissingError):
        return RepositoryError(str(error), "Install it, for example with `apt-get install git`.")
    if isinstance(error, GitError):
        where = shlex.quote(str(path))
        remedy = (
            f"Move it away, `mv {where} {where}.broken`, and run again: it is made anew from the journal."
        )
        return RepositoryError(f"cannot use the repository {path}: {error}", remedy)
    return RepositoryError(
        f"cannot use the repository {path}: {error.strerror or error}",
        "Check free space and the folder's permissions, then run again; nothing is lost.",
    )
