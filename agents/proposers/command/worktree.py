"""The throw-away repository a coding agent works in, and what is taken back from it: the surface's text,
nothing else.

- A repository of its own, because coding agents expect one: some refuse to work without, and ``git diff``
  shows them what they did. It is no worktree of the campaign's repository, so that nothing they commit, fetch
  or destroy is the campaign's.
- What lies beside the surface is marked as read-only. That is a hint to an honest agent and no wall; nothing
  of it is read again.
- Files are read without following links and up to a limit, and written anew rather than over what is there.
- Of a surface of several files all are laid out, and taken back with those that patterns allow beside them.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from agents.edits.outcome import Fault, Problem
from coordinator.store.git_command import make_repository, run_git
from coordinator.variants.patterns import allowed, missing
from coordinator.variants.source import MAX_BYTES, files_of
from evaluator.bundle import MOST_FILES, BundleError, is_bundle, pack

PROPOSAL = "PROPOSAL.md"
"""Where the agent says what it tried."""
PROPOSAL_BYTES = 64 * 1024
READ_ONLY, WRITABLE = 0o444, 0o644
GIT_SECONDS = 60.0
IDENTITY = (
    "[user]\n\tname = proposer\n\temail = proposer@localhost\n[commit]\n\tgpgsign = false\n[gc]\n\tauto = 0\n"
)


class Worktree:
    """``folder``, made into a repository that holds the surface and files to read."""

    def __init__(
        self,
        folder: Path,
        surface: str,
        source: str,
        texts: Mapping[str, str],
        patterns: Sequence[str] = (),
    ) -> None:
        """texts: files to read, by name. patterns: files that count, of a surface of several. Raises OSError,
        also where git does not do its part or a file of the surface has the name of one to read.
        """
        self.folder = folder
        self._surface = surface
        self._of_files = is_bundle(source)
        self.files = files_of(source) if self._of_files else {surface: source}
        """Texts of the surface by path."""
        self._patterns = tuple(patterns) or tuple(self.files)
        self._others = frozenset({*texts, PROPOSAL})
        if self._of_files and (taken := sorted(self._others & self.files.keys())):
            raise OSError(f"{taken[0]} of the surface has the name of a file that the command is given")
        folder.mkdir()
        self.restore()
        for name, text in texts.items():
            self._write(name, text, READ_ONLY)
        self._commit()

    def replace(self, texts: Mapping[str, str]) -> None:
        """Replace files to read. Raises OSError."""
        for name, text in texts.items():
            self._write(name, text, READ_ONLY)

    def surface(self) -> str | Problem:
        """The surface's text, or why there is none."""
        if not self._of_files:
            return self._text(self._surface)
        paths = list(self._counted())
        if gone := missing(paths, self._patterns):
            return Problem(Fault.MALFORMED, f"{gone[0]} is gone; it may change and has to stay")
        if len(paths) > MOST_FILES:
            return Problem(Fault.TOO_LARGE, f"there are more than the {MOST_FILES} files that there may be")
        texts: dict[str, str] = {}
        for path in paths:
            text = self._text(path)
            if isinstance(text, Problem):
                return text
            texts[path] = text
        try:
            return pack(texts)
        except BundleError as error:
            return Problem(Fault.MALFORMED, f"the files are no surface: {error}"[:300])

    def _counted(self) -> Iterator[str]:
        """Paths of the files that are the surface now, in the order of their names; of new ones none that is
        hidden, or what Python leaves behind.
        """
        for folder, inner, names in os.walk(self.folder):
            inner[:] = sorted(name for name in inner if name != ".git")
            for name in names:
                path = (Path(folder) / name).relative_to(self.folder).as_posix()
                new = path not in self._others and allowed(path, self._patterns) and not _left_behind(path)
                if path in self.files or new:
                    yield path

    def _text(self, name: str) -> str | Problem:
        problem = f"{name} %s; the edit must leave a text file under that name"
        try:
            content = _read(self.folder / name, MAX_BYTES + 1)
        except FileNotFoundError:
            return Problem(Fault.MALFORMED, problem % "is gone")
        except OSError:
            return Problem(Fault.MALFORMED, problem % "is a link, a folder or unreadable")
        if len(content) > MAX_BYTES:
            return Problem(Fault.TOO_LARGE, f"{name} has more than the {MAX_BYTES} bytes it may have")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            return Problem(Fault.MALFORMED, problem % "is not UTF-8")

    def restore(self) -> None:
        """Put the surface back as it was. Raises OSError."""
        for path in list(self._counted()) if self._of_files else []:
            (self.folder / path).unlink()
        for path, text in self.files.items():
            self._write(path, text, WRITABLE)

    def proposal(self) -> str:
        """What the agent wrote about its idea; empty where it did not."""
        try:
            return _read(self.folder / PROPOSAL, PROPOSAL_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    def _write(self, name: str, text: str, mode: int) -> None:
        if self.folder.is_symlink():  # what it leads to is none of ours
            raise OSError("the command's folder was replaced by a link")
        self.folder.chmod(0o700)
        path = self.folder
        for part in PurePosixPath(name).parts[:-1]:
            path /= part
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                path.unlink()
            path.mkdir(exist_ok=True)
        path /= PurePosixPath(name).name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))

    def _commit(self) -> None:
        git_dir = self.folder / ".git"
        make_repository(git_dir, bare=False)
        with (git_dir / "config").open("a", encoding="utf-8") as config:
            config.write(IDENTITY)
        message = "The surface as it is now, and what is known"
        for words in (["add", "--all"], ["commit", "--quiet", "--message", message]):
            run_git(git_dir, *words, files=self.folder, seconds=GIT_SECONDS)


def _left_behind(path: str) -> bool:
    """Whether a file is hidden or one of Python's own, and nobody's edit."""
    parts = PurePosixPath(path).parts
    return "__pycache__" in parts or path.endswith(".pyc") or any(part.startswith(".") for part in parts)


def _read(path: Path, limit: int) -> bytes:
    """The first ``limit`` bytes of a plain file. Raises OSError for anything else, links among them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path.name} is not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)
